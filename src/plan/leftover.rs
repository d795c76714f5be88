//! Steps about notes that outlived what they are about.

use std::collections::BTreeMap;

use crate::{
    diff::Differences,
    model::{BackendName, Note, ServerName},
};

use super::{
    Context, note,
    reason::Reason,
    step::{Action, FieldChange, Instruction, Object, Step},
};

pub(super) fn steps(differences: &Differences<'_>, context: Context<'_>) -> Vec<Step> {
    let mut steps: BTreeMap<Object, Step> = BTreeMap::new();
    for leftover in &differences.leftovers {
        let Some(object) = about(leftover) else { continue };
        let fresh = || Step::new(object.clone(), Action::Change, Reason::Leftover);
        let step = steps.entry(object.clone()).or_insert_with(fresh);
        let says = context.live.notes.get(leftover).cloned();
        step.fields.push(FieldChange::new("note", says, None));
        step.finish.extend(note(context.live, leftover, None).map(Instruction::Send));
    }
    steps.into_values().collect()
}

/// What a note is about; `None` for what can't outlive it.
fn about(note: &Note) -> Option<Object> {
    match note {
        Note::Backend(name) => Some(Object::Backend(BackendName::from_haproxy(name)?)),
        Note::Server(backend, server) | Note::Weight(backend, server) => Some(Object::Server(
            BackendName::from_haproxy(backend)?,
            ServerName::from_haproxy(server)?,
        )),
        Note::Revision | Note::Profile(_) | Note::Certificate(_) => None,
    }
}
