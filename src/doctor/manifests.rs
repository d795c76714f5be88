//! Manifests on this machine.

use crate::{
    intent::Builder,
    model::Severity,
    report::{doctor::Check, text::counted},
    source::{Look, Source},
    store::Store,
};

use super::in_full;

/// Whether they can be read and are right.
pub(super) fn checks(source: &Source, store: &Store) -> Vec<Check> {
    const ID: &str = "manifests";
    let validate = "gw validate tells all, with their places".to_owned();
    let mut builder = Builder::new(source, store.root(), &store.server_state_file());
    vec![match builder.build(Look::Everything) {
        Ok(intent) => match intent.problems.count(Severity::Error) {
            0 => {
                let files = counted(intent.files.len(), "file");
                Check::ok(ID, format!("{files}, revision {}", intent.revision))
            }
            errors => Check::failed(ID, counted(errors, "error"), validate),
        },
        Err(error) => Check::failed(ID, in_full(&error), error.hint().unwrap_or(validate)),
    }]
}
