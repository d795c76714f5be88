//! From the manifests that a command names to an intent without errors.

use std::path::PathBuf;

use crate::{
    intent::Intent,
    model::{Problems, Severity},
    reconcile::Reconciler,
    report::text::counted,
};

use super::{error, error::CliError, exit::Exit};

/// Manifests on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Manifests {
    /// A directory with manifests (*.yaml, *.yml, *.json, folders included), or such files
    #[arg(value_name = "DIR|FILE", required = true)]
    pub(super) paths: Vec<PathBuf>,
}

impl Manifests {
    /// Compiles them. Errors are shown, all of them, and end the command; warnings are shown.
    pub(super) fn compile(&self, reconciler: &mut Reconciler) -> Result<Intent, CliError> {
        let intent = reconciler.compile(&self.paths)?;
        let mut shown = Problems::default();
        let is_shown = |severity| severity >= Severity::Warning;
        shown.extend(intent.problems.iter().filter(|problem| is_shown(problem.severity)).cloned());
        error::show(&shown, &intent.files);
        match intent.problems.count(Severity::Error) {
            0 => Ok(intent),
            errors => Err(invalid(errors)),
        }
    }
}

/// The end of a command whose manifests have errors.
fn invalid(errors: usize) -> CliError {
    let message = format!("the manifests have {}; nothing was touched", counted(errors, "error"));
    CliError::new(Exit::Invalid, message)
}
