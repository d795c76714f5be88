//! An earlier generation as what is wanted.

use crate::{
    intent::Intent,
    model::Problems,
    render::{Rendered, read_back},
    store::{Generation, StoreError},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// The intent that a generation holds, for applying it again: generation `number`, or the one
    /// before the current one. Returns the generation as well.
    pub fn go_back(&self, number: Option<u64>) -> Result<(Intent, Generation), ReconcileError> {
        let found = match number {
            Some(number) => match self.store.generation(number) {
                // A folder that is not there, or a torso of one.
                Err(StoreError::Damaged { .. }) => None,
                found => Some(found?),
            },
            None => match self.store.current()? {
                Some(current) => self.store.earlier(&current)?,
                None => None,
            },
        };
        let Some(generation) = found else {
            return Err(ReconcileError::NoGeneration { number, known: self.store.numbers()? });
        };
        let files = self.store.read(&generation)?;
        let intent = Intent {
            files: Vec::new(),
            problems: Problems::default(),
            desired: read_back(&files),
            revision: generation.metadata.revision.clone(),
            commit: None,
            remarks: Vec::new(),
            kept: None,
            rendered: Rendered { files, structure: generation.metadata.structure.clone() },
            is_generation: true,
        };
        Ok((intent, generation))
    }
}
