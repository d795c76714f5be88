//! From a source to what is wanted, with a memory: what did not change is not parsed, compiled or
//! rendered again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    compile::{self, Compiler},
    manifest::{self, Document},
    model::{Desired, Problems, Severity, SourceFile},
    render::{Rendered, Renderer, Settings},
    source::{LoadError, Loader, read_referenced},
};

/// All that a set of manifests asks for.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The manifests, for showing what is wrong in them.
    pub files: Vec<Arc<SourceFile>>,
    /// What is wrong with them.
    pub problems: Problems,
    /// What they ask for, as far as it could be made out.
    pub desired: Desired,
    /// Which state of them this is.
    pub revision: String,
    /// The files that HAProxy would load.
    pub rendered: Rendered,
}

impl Intent {
    /// Whether it may be applied: nothing in it is wrong.
    pub fn is_valid(&self) -> bool {
        self.problems.worst() != Some(Severity::Error)
    }
}

/// Makes intents out of the same source again and again.
#[derive(Debug)]
pub struct Builder {
    loader: Loader,
    server_state_file: String,
    parsed: BTreeMap<Arc<str>, ParsedFile>,
    compiler: Compiler,
    renderer: Renderer,
}

/// A file and what was in it.
#[derive(Debug)]
struct ParsedFile {
    file: Arc<SourceFile>,
    documents: Vec<Arc<Document>>,
    problems: Problems,
}

impl Builder {
    /// Prepares to read these paths. `server_state_file` is what the configuration names.
    pub fn new(paths: &[PathBuf], server_state_file: &Path) -> Self {
        Self {
            loader: Loader::new(paths),
            server_state_file: server_state_file.display().to_string(),
            parsed: BTreeMap::new(),
            compiler: Compiler::default(),
            renderer: Renderer::default(),
        }
    }

    /// Reads the source, of which only `changed` need be looked at where that is given.
    pub fn build(&mut self, changed: Option<&[PathBuf]>) -> Result<Intent, LoadError> {
        let snapshot = match changed {
            Some(changed) => self.loader.reload(changed)?,
            None => self.loader.load()?,
        };
        let mut known = std::mem::take(&mut self.parsed);
        for file in &snapshot.files {
            let parsed = match known.remove(&file.path) {
                Some(parsed) if Arc::ptr_eq(&parsed.file, file) => parsed,
                Some(_) | None => ParsedFile::new(file),
            };
            self.parsed.insert(Arc::clone(&file.path), parsed);
        }
        let mut problems = snapshot.problems;
        let mut documents = Vec::new();
        for parsed in self.parsed.values() {
            problems.extend(parsed.problems.iter().cloned());
            documents.extend(parsed.documents.iter().cloned());
        }
        if documents.is_empty() && problems.is_empty() {
            return Err(LoadError::Empty(snapshot.root));
        }
        let referenced = read_referenced(&snapshot.root, compile::requests(&documents));
        let compiled = self.compiler.compile(&documents, &referenced);
        let complete = problems.worst() != Some(Severity::Error);
        problems.extend(compiled.problems.into_iter().filter(|one| complete || !one.dangling));
        problems.sort();
        let settings = Settings {
            revision: snapshot.revision.clone(),
            server_state_file: self.server_state_file.clone(),
        };
        let rendered = self.renderer.render(&compiled.desired, &settings);
        Ok(Intent {
            files: snapshot.files,
            problems,
            desired: compiled.desired,
            revision: snapshot.revision,
            rendered,
        })
    }
}

impl ParsedFile {
    fn new(file: &Arc<SourceFile>) -> Self {
        let parsed = manifest::parse(file);
        Self {
            file: Arc::clone(file),
            documents: parsed.documents.into_iter().map(Arc::new).collect(),
            problems: parsed.problems,
        }
    }
}
