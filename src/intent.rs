//! From a source to what is wanted, with a memory: what did not change is not parsed, compiled or
//! rendered again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    compile::Compiler,
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
    /// In order of path.
    parsed: Vec<ParsedFile>,
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
            parsed: Vec::new(),
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
        self.take_over(&snapshot.files);
        let mut problems = snapshot.problems;
        for parsed in &self.parsed {
            problems.extend(parsed.problems.iter().cloned());
        }
        let referenced = read_referenced(&snapshot.root, self.compiler.requests());
        let compiled = self.compiler.compile(&referenced);
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

    /// Parses the files that changed, and lets the compiler know what of them did. Both the files
    /// and what is known of the last time are in order of path.
    fn take_over(&mut self, files: &[Arc<SourceFile>]) {
        let mut known = std::mem::take(&mut self.parsed).into_iter().peekable();
        let is_same = |known: &ParsedFile, file: &Arc<SourceFile>| Arc::ptr_eq(&known.file, file);
        self.parsed.reserve(files.len());
        for file in files {
            while let Some(gone) = known.next_if(|known| known.file.path < file.path) {
                self.compiler.replace(&gone.documents, &[]);
            }
            let old = known.next_if(|known| known.file.path == file.path);
            self.parsed.push(match old {
                Some(old) if is_same(&old, file) => old,
                Some(old) => {
                    let new = ParsedFile::new(file).sharing(&old.documents);
                    self.compiler.replace(&old.documents, &new.documents);
                    new
                }
                None => {
                    let new = ParsedFile::new(file);
                    self.compiler.replace(&[], &new.documents);
                    new
                }
            });
        }
        for gone in known {
            self.compiler.replace(&gone.documents, &[]);
        }
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

    /// The same, where documents that stayed what they were, and where, are the `old` allocations.
    fn sharing(mut self, old: &[Arc<Document>]) -> Self {
        for document in &mut self.documents {
            if let Some(same) = old.iter().find(|old| *old == document) {
                *document = Arc::clone(same);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
