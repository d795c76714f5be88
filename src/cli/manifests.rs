//! From the manifests that a command names to an intent without errors.

use std::path::PathBuf;

use crate::{
    intent::Intent,
    model::{Problems, Severity},
    reconcile::Reconciler,
    report::text::counted,
    settings::Settings,
    source::{Look, Source},
};

use super::{error, error::CliError, exit::Exit, git::Repository, output};

/// Manifests on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Manifests {
    /// A directory with manifests (*.yaml, *.yml, *.json, folders included), or such files
    ///
    /// Instead, --git names a repository. Where neither is said, the `source` of gw.yaml is meant.
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    repository: Repository,
}

impl Manifests {
    /// Whether the command line says where they are.
    pub(super) fn is_named(&self) -> bool {
        !self.paths.is_empty() || self.repository.is_named()
    }

    /// What they mean: paths, or a repository that is named here or in the settings.
    pub(super) fn source(&self, settings: &Settings) -> Result<Source, CliError> {
        if self.paths.iter().any(|path| path.to_string_lossy().contains("://")) {
            // It may hold a password, and is not told.
            let message = "a URL is no directory with manifests";
            return Err(CliError::new(Exit::Usage, message).hint("name a repository by --git"));
        }
        if !self.paths.is_empty() {
            return Ok(Source::Paths(self.paths.clone()));
        }
        let given = self.repository.given()?.or(settings.source.clone());
        let missing = || {
            CliError::new(Exit::Usage, "no manifests were named").hint(
                "name a directory, or a repository by --git or by `source` in gw.yaml; see \
                 `gw help validate`",
            )
        };
        given.fill().map(|settings| Source::Git(Box::new(settings))).ok_or_else(missing)
    }

    /// Compiles them. Errors are shown, all of them, and end the command; warnings are shown.
    pub(super) fn compile(
        &self,
        settings: &Settings,
        reconciler: &mut Reconciler,
    ) -> Result<Intent, CliError> {
        self.compile_at(Look::Everything, settings, reconciler)
    }

    /// As [`compile`](Self::compile), of what a look shows.
    pub(super) fn compile_at(
        &self,
        look: Look<'_>,
        settings: &Settings,
        reconciler: &mut Reconciler,
    ) -> Result<Intent, CliError> {
        let intent = read_at(look, &self.source(settings)?, reconciler)?;
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

/// Reads and compiles a source, and tells what is remarkable about it.
pub(super) fn read(source: &Source, reconciler: &mut Reconciler) -> Result<Intent, CliError> {
    read_at(Look::Everything, source, reconciler)
}

fn read_at(
    look: Look<'_>,
    source: &Source,
    reconciler: &mut Reconciler,
) -> Result<Intent, CliError> {
    let intent = reconciler.compile_changed(source, look)?;
    for remark in &intent.remarks {
        output::eprint(&format!("{}\n", error::warning(remark)));
    }
    Ok(intent)
}

/// The end of a command whose manifests have errors.
fn invalid(errors: usize) -> CliError {
    let message = format!("the manifests have {}; nothing was touched", counted(errors, "error"));
    CliError::new(Exit::Invalid, message)
}
