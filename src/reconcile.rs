//! STUB, to be overwritten: what the command line needs of the reconciler. Manifests are compiled
//! for real; everything that needs HAProxy or the state directory says that it is missing.
#![expect(
    clippy::unused_async,
    missing_docs,
    reason = "a stub with the signatures of the real one"
)]

use std::{path::PathBuf, sync::Arc};

use crate::{
    compile,
    haproxy::SocketError,
    manifest,
    model::{Desired, Live, Problems, SourceFile},
    plan::{Plan, Report},
    render::{self, Rendered},
    report::{FileDiff, Status},
    settings::Settings,
    source::{self, LoadError},
};

pub struct Intent {
    pub files: Vec<Arc<SourceFile>>,
    pub problems: Problems,
    pub desired: Desired,
    pub revision: String,
    pub rendered: Rendered,
}

pub struct Pass {
    pub plan: Plan,
    pub live: Option<Live>,
    pub generation: Option<u64>,
    pub config_diff: Vec<FileDiff>,
    pub remarks: Vec<String>,
}

pub struct Progress {
    pub done: usize,
    pub total: usize,
    pub what: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("another gw works on the state directory: {holder}")]
    Locked { holder: String },
    #[error("cannot talk to HAProxy")]
    Socket(#[from] SocketError),
    #[error("the manifests are not valid")]
    Invalid(Problems),
    #[error("the reconciler is not here yet")]
    Store,
}

impl ReconcileError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}

pub struct Reconciler {
    settings: Settings,
}

impl Reconciler {
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone() }
    }

    pub fn compile(&mut self, paths: &[PathBuf]) -> Result<Intent, LoadError> {
        let snapshot = source::load(paths)?;
        let mut problems = snapshot.problems;
        let mut documents = Vec::new();
        for file in &snapshot.files {
            let parsed = manifest::parse(file);
            documents.extend(parsed.documents.into_iter().map(Arc::new));
            problems.extend(parsed.problems);
        }
        let mut referenced = compile::ReferencedFiles::new();
        for request in compile::requests(&documents) {
            referenced.insert(request, Err("the stub reads no files".to_owned()));
        }
        let compiled = compile::compile(&documents, &referenced);
        problems.extend(compiled.problems);
        problems.sort();
        let state = self.settings.state.join("server-state").display().to_string();
        let settings =
            render::Settings { revision: snapshot.revision.clone(), server_state_file: state };
        let rendered = render::render(&compiled.desired, &settings);
        Ok(Intent {
            files: snapshot.files,
            problems,
            desired: compiled.desired,
            revision: snapshot.revision,
            rendered,
        })
    }

    pub async fn plan(&mut self, _intent: &Intent) -> Result<Pass, ReconcileError> {
        Err(ReconcileError::Store)
    }

    pub async fn apply(
        &mut self,
        _intent: &Intent,
        _pass: Pass,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReconcileError> {
        Err(ReconcileError::Store)
    }

    pub async fn status(&mut self) -> Result<Status, ReconcileError> {
        Err(ReconcileError::Store)
    }
}

/// STUB of `src/store.rs`.
pub mod store {
    use super::{ReconcileError, Settings};

    pub struct InitReport {
        pub lines: Vec<String>,
    }

    pub fn init(_settings: &Settings) -> Result<InitReport, ReconcileError> {
        Err(ReconcileError::Store)
    }
}

/// STUB of `src/up.rs`.
pub mod up {
    use super::{PathBuf, ReconcileError, Settings};
    use crate::report::UpEvent;

    pub async fn run(
        _settings: &Settings,
        _paths: &[PathBuf],
        _on_event: &mut dyn FnMut(UpEvent<'_>),
    ) -> Result<(), ReconcileError> {
        Err(ReconcileError::Store)
    }
}
