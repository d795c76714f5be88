//! From a source to what is wanted, with a memory: what did not change is not parsed, compiled or
//! rendered again.

mod good;
mod salvage;

use std::{mem, num::NonZero, path::Path, sync::Arc, thread};

use crate::{
    compile::Compiler,
    diff::merge_join,
    manifest::{self, Document},
    model::{Commit, Contents, Desired, Kept, PARTIAL, Problems, Severity, SourceFile},
    plan::Goal,
    render::{Rendered, Renderer, Settings},
    source::{LoadError, Look, Reader, Source},
    store::{Store, StoreError},
};

/// So few files are parsed faster than a thread is started.
const PART_MIN: usize = 32;

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
    /// The commit, where they come from a repository.
    pub commit: Option<Commit>,
    /// What a person should know about the source.
    pub remarks: Vec<String>,
    /// The objects that stay what they were, because they are wrong now. `None` where nothing is
    /// wrong, or too much.
    pub kept: Option<Vec<Kept>>,
    /// The files that HAProxy would load.
    pub rendered: Rendered,
    /// Whether it is an earlier generation, and not what the manifests ask for.
    pub is_generation: bool,
}

impl Intent {
    /// Whether it may be applied: nothing in it is wrong, or the rest goes on without that.
    pub fn is_valid(&self) -> bool {
        self.kept.is_some() || self.problems.worst() != Some(Severity::Error)
    }

    /// What is to be reached.
    pub fn goal(&self) -> Goal<'_> {
        Goal {
            desired: &self.desired,
            structure: &self.rendered.structure,
            files: &self.rendered.files,
        }
    }

    /// How much there is of it.
    pub fn contents(&self) -> Contents {
        Contents::of(&self.desired, self.files.len())
    }
}

/// Makes intents out of the same source again and again.
pub struct Builder {
    reader: Reader,
    server_state_file: String,
    /// In order of path.
    parsed: Vec<ParsedFile>,
    compiler: Compiler,
    renderer: Renderer,
    /// Whether what is wrong stays what it was, and the rest goes on.
    keeps_objects: bool,
    memory: salvage::Memory,
    /// The state directory, and the name of the source in it.
    store: Store,
    label: String,
}

/// Forgets what stands in for what is wrong, where nothing is wrong any more.
pub fn forget_good(store: &Store) -> Result<(), StoreError> {
    good::forget(store)
}

/// A file and what was in it.
#[derive(Debug)]
struct ParsedFile {
    file: Arc<SourceFile>,
    documents: Vec<Arc<Document>>,
    problems: Problems,
}

impl Builder {
    /// Prepares to read a source, whose clone is in the `state` directory where it is a repository.
    /// `server_state_file` is what the configuration names.
    pub fn new(source: &Source, state: &Path, server_state_file: &Path) -> Self {
        Self {
            reader: Reader::new(source, state),
            server_state_file: server_state_file.display().to_string(),
            parsed: Vec::new(),
            compiler: Compiler::default(),
            renderer: Renderer::default(),
            keeps_objects: false,
            memory: salvage::Memory::default(),
            store: Store::new(state),
            label: source.label(),
        }
    }

    /// From now on objects that are wrong stay what they were when they were last good, and the rest
    /// goes on. What was good before gw was started anew is recalled: as far as the state directory
    /// tells, else what the source holds at `good`.
    pub fn keep_objects(&mut self, good: Option<Look<'_>>) {
        self.keeps_objects = true;
        self.recall_good(good);
    }

    /// Reads and compiles the source. Blocks, see [`Reader::read`].
    pub fn build(&mut self, look: Look<'_>) -> Result<Intent, LoadError> {
        match self.build_once(look) {
            // A second fetch mends what could not be read after the first one.
            Err(error) if error.may_be_damage() && look.fetches() => self.build_once(look),
            built => built,
        }
    }

    fn build_once(&mut self, look: Look<'_>) -> Result<Intent, LoadError> {
        let snapshot = self.reader.read(look)?;
        self.restore();
        self.take_over(&snapshot.files);
        let mut problems = snapshot.problems.clone();
        for parsed in &self.parsed {
            problems.extend(parsed.problems.iter().cloned());
        }
        if self.parsed.iter().all(|parsed| parsed.documents.is_empty()) && problems.is_empty() {
            return Err(snapshot.empty());
        }
        let referenced = self.reader.referenced(self.compiler.requests())?;
        let mut compiled = self.compiler.compile(&referenced);
        let complete = problems.worst() != Some(Severity::Error);
        let found = mem::take(&mut compiled.problems);
        problems.extend(found.into_iter().filter(|one| complete || !one.dangling));
        problems.sort();
        let mut revision = snapshot.revision;
        let mut kept = None;
        if self.keeps_objects {
            if problems.worst() == Some(Severity::Error)
                && let Some((salvaged, objects)) = self.salvage(&problems)?
            {
                compiled = salvaged;
                kept = Some(objects);
                revision += PARTIAL;
            }
            if kept.is_some() || problems.worst() != Some(Severity::Error) {
                self.remember_good();
            }
        }
        let settings = Settings {
            revision: revision.clone(),
            server_state_file: self.server_state_file.clone(),
        };
        let rendered = self.renderer.render(&compiled.desired, &settings);
        Ok(Intent {
            files: snapshot.files,
            problems,
            desired: compiled.desired,
            revision,
            commit: snapshot.commit,
            remarks: snapshot.remarks,
            kept,
            rendered,
            is_generation: false,
        })
    }

    /// Parses the files that changed, and lets the compiler know what of them did. Both the files
    /// and what is known of the last time are in order of path.
    fn take_over(&mut self, files: &[Arc<SourceFile>]) {
        let known = mem::take(&mut self.parsed);
        let pairs = merge_join(
            files.iter().map(|file| (Arc::clone(&file.path), file)),
            known.into_iter().map(|parsed| (Arc::clone(&parsed.file.path), parsed)),
        );
        let mut stale = Vec::new();
        for (_, file, parsed) in pairs {
            match (file, parsed) {
                (Some(file), Some(old)) if Arc::ptr_eq(file, &old.file) => self.parsed.push(old),
                (Some(file), old) => stale.push((file, old)),
                (None, Some(gone)) => self.compiler.replace(&gone.documents, &[]),
                (None, None) => {}
            }
        }
        let fresh = parse_all(&stale);
        tracing::debug!(files = files.len(), parsed = fresh.len(), "read the manifests");
        for (new, (_, old)) in fresh.into_iter().zip(stale) {
            let old = old.map_or_else(Vec::new, |old| old.documents);
            let new = new.sharing(&old);
            self.compiler.replace(&old, &new.documents);
            self.parsed.push(new);
        }
        self.parsed.sort_by(|a, b| a.file.path.cmp(&b.file.path));
    }
}

/// Parses files, many of them on all cores.
fn parse_all<T: Sync>(files: &[(&Arc<SourceFile>, T)]) -> Vec<ParsedFile> {
    let parse = |part: &[(&Arc<SourceFile>, T)]| -> Vec<ParsedFile> {
        part.iter().map(|(file, _)| ParsedFile::new(file)).collect()
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let part = files.len().div_ceil(cores).max(PART_MIN);
    let mut parts = files.chunks(part);
    let first = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || parse(part))).collect();
        let mut parsed = parse(first);
        for other in others {
            parsed.extend(other.join().expect("no manifest makes the parser panic"));
        }
        parsed
    })
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
    /// Both are in order of their places.
    fn sharing(mut self, old: &[Arc<Document>]) -> Self {
        for document in &mut self.documents {
            let same = old.binary_search_by_key(&document.index, |old| old.index);
            if let Some(same) = same.ok().map(|at| &old[at]).filter(|same| *same == document) {
                *document = Arc::clone(same);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
