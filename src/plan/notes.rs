//! Notes that are brought in line with what is so.

use crate::{
    diff::Differences,
    model::{BackendName, Note, ServerName},
};

use super::{
    Context,
    cause::Cause,
    note,
    reason::Reason,
    step::{Action, FieldChange, Instruction, Object, Step},
};

/// Adds them to the steps about the same objects, or as steps of their own.
pub(super) fn add_to(steps: &mut Vec<Step>, differences: &Differences<'_>, context: Context<'_>) {
    for (key, says) in &differences.notes {
        let Some((object, field)) = about(key) else { continue };
        let command = note(context.live, key, says.as_deref());
        let change = FieldChange::new(field, context.live.notes.get(key).cloned(), says.clone());
        let index = steps.iter().position(|step| step.object == object).unwrap_or_else(|| {
            let mut step = Step::new(object, Action::Change, Reason::Note);
            step.cause = Cause::Note;
            steps.push(step);
            steps.len() - 1
        });
        steps[index].fields.push(change);
        steps[index].finish.extend(command.map(Instruction::Send));
    }
}

/// What a note is about, and its name there; `None` for one that gw never makes, or never has to mend.
fn about(note: &Note) -> Option<(Object, &'static str)> {
    let server = |backend: &str, server: &str| {
        Some(Object::Server(BackendName::from_haproxy(backend)?, ServerName::from_haproxy(server)?))
    };
    match note {
        Note::Backend(name) => Some((Object::Backend(BackendName::from_haproxy(name)?), "note")),
        Note::Server(backend, name) => Some((server(backend, name)?, "state note")),
        Note::Weight(backend, name) => Some((server(backend, name)?, "weight note")),
        Note::Revision | Note::Profile(_) | Note::Certificate(_) => None,
    }
}
