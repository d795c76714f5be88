//! The files: what is on disk, what the process has loaded, and whether they say the same.

use std::collections::BTreeSet;

use crate::{
    model::{Live, REVISION},
    render::meaning,
    report::FileDiff,
    store::{self, Files, Generation},
};

use super::{ReconcileError, Reconciler};

/// What is on disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) current: Option<Generation>,
    pub(super) files: Files,
}

impl Reconciler {
    /// What is on disk.
    pub(super) fn disk(&self) -> Result<Disk, ReconcileError> {
        let current = self.store.current()?;
        if let Some(memory) = &self.memory
            && memory.disk.current == current
        {
            return Ok(memory.disk.clone());
        }
        let files = match &current {
            Some(generation) => self.store.read(generation)?,
            None => Files::new(),
        };
        Ok(Disk { current, files })
    }

    /// The files that the process has loaded: those of the generation with its structure.
    pub(super) fn loaded(&self, live: &Live, disk: &Disk) -> Result<Files, ReconcileError> {
        let Some(structure) = &live.structure else { return Ok(Files::new()) };
        let is_current = |generation: &Generation| generation.metadata.structure == *structure;
        if disk.current.as_ref().is_some_and(is_current) {
            return Ok(disk.files.clone());
        }
        match self.store.with_structure(structure) {
            Ok(Some(generation)) => Ok(self.store.read(&generation)?),
            Ok(None) | Err(store::StoreError::Missing(_)) => Ok(Files::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the files say something else to HAProxy: comments and the revision aside.
pub(super) fn files_differ(old: &Files, new: &Files) -> bool {
    old.len() != new.len()
        || old.iter().zip(new).any(|((old_name, old), (name, new))| {
            old_name != name || (old != new && name != REVISION && !meaning(old).eq(meaning(new)))
        })
}

/// The configuration files that differ.
pub(super) fn config_diff(old: &Files, new: &Files) -> Vec<FileDiff> {
    let is_config = |name: &&String| name.ends_with(".cfg");
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).filter(is_config).collect();
    names
        .into_iter()
        .map(|name| FileDiff {
            path: name.clone(),
            old: old.get(name).cloned().unwrap_or_default(),
            new: new.get(name).cloned().unwrap_or_default(),
        })
        .filter(|diff| diff.old != diff.new)
        .collect()
}
