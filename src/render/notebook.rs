//! The notebook that a process begins with, and the revision beside it.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use crate::model::{self, BackendName, Desired, Note, Profile};

/// The notebook of the last time, and what it was made from.
#[derive(Default)]
pub(super) struct Notebook {
    backends: Vec<(BackendName, Arc<Profile>)>,
    certificates: BTreeMap<String, Arc<str>>,
    text: Arc<str>,
}

impl Notebook {
    /// Renders the notebook, unless it would say what it says.
    pub(super) fn render(&mut self, desired: &Desired) -> Arc<str> {
        if self.text.is_empty() || !self.is_about(desired) {
            let backends = desired.backends.iter();
            let certificates = desired.certificates.iter();
            *self = Self {
                backends: backends
                    .map(|(name, backend)| (name.clone(), Arc::clone(&backend.profile)))
                    .collect(),
                certificates: certificates
                    .map(|(file, certificate)| (file.clone(), Arc::clone(&certificate.pem)))
                    .collect(),
                text: text(desired),
            };
        }
        Arc::clone(&self.text)
    }

    fn is_about(&self, desired: &Desired) -> bool {
        let certificates =
            desired.certificates.iter().map(|(file, certificate)| (file, &certificate.pem));
        self.backends.len() == desired.backends.len()
            && self.backends.iter().zip(&*desired.backends).all(
                |((known, profile), (name, backend))| {
                    known == name && Arc::ptr_eq(profile, &backend.profile)
                },
            )
            && self.certificates.iter().eq(certificates)
    }
}

fn text(desired: &Desired) -> Arc<str> {
    let mut text = String::from("# gw's notes about this process. No request is looked up here.\n");
    for (note, value) in model::notes(desired) {
        let _ = writeln!(text, "{note} {value}");
    }
    text.into()
}

/// The map that says which revision of the manifests this is.
pub(super) fn revision(revision: &str) -> Arc<str> {
    format!("# The revision of the manifests.\n{} {revision}\n", Note::Revision).into()
}
