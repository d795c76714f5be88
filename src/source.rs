//! Where manifests come from: a directory or files, or a Git repository, and the revision they stand
//! at. IO lives here.
//!
//! A [`Loader`] remembers what it read, so that the cost of another look follows what changed. What
//! is wrong with one file is a problem of that file; what makes the whole untrustworthy (a missing
//! directory, one that can't be listed, too much of everything) is a [`LoadError`], because a lost
//! source must never look like an empty one.

mod dir;
mod file;
pub mod git;
mod reader;
mod referenced;
mod revision;
pub mod trust;

use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::model::{Commit, Problem, Problems, SourceFile};

use file::Entry;
pub use reader::{Look, Reader, Source};
pub use referenced::read_referenced;
use revision::Head;

/// The greatest number of manifest files.
pub const FILES_MAX: usize = 100_000;

/// The greatest size of all manifest files together, in bytes.
pub const TOTAL_MAX: usize = 512 * 1024 * 1024;

/// All manifests at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What the paths of `files` are relative to: the directory, the folder inside of a repository,
    /// or nothing where the user named files, whose paths are then relative to the working directory.
    pub root: PathBuf,
    /// The files that could be read, by path.
    pub files: Vec<Arc<SourceFile>>,
    /// What is wrong with the others.
    pub problems: Problems,
    /// The Git commit (12 digits, `-dirty` where the files differ from it), or else `sha256:` and
    /// 12 digits over all paths and contents.
    pub revision: String,
    /// The commit that a repository was read at.
    pub commit: Option<Commit>,
    /// What a person should know besides.
    pub remarks: Vec<String>,
}

impl Snapshot {
    /// The error that it is when all files together hold nothing.
    pub fn empty(&self) -> LoadError {
        match &self.commit {
            Some(commit) => {
                let path =
                    if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
                let (commit, path) = (commit.short().to_owned(), path.display().to_string());
                git::GitError::NoManifest { commit, path }.into()
            }
            None => LoadError::Empty(self.root.clone()),
        }
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The user named nothing.
    #[error("no manifests were named")]
    Nothing,
    /// A directory without a single manifest: more likely a wrong path or a lost mount than the wish
    /// to remove everything.
    #[error("there is no manifest in {}", .0.display())]
    Empty(PathBuf),
    /// A directory or file is not there, or can't be listed or looked at.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More than [`FILES_MAX`] files.
    #[error("there are more than {FILES_MAX} manifest files in {}", path.display())]
    TooManyFiles {
        /// Where.
        path: PathBuf,
    },
    /// More than [`TOTAL_MAX`] bytes.
    #[error("the manifest files are larger than {} MiB together", TOTAL_MAX / 1024 / 1024)]
    TooLarge,
    /// A repository, or its server.
    #[error(transparent)]
    Git(#[from] git::GitError),
}

impl LoadError {
    /// Whether the clone of a repository may be damaged, so that the next fetch has to look.
    pub fn may_be_damage(&self) -> bool {
        matches!(self, Self::Git(error) if error.may_be_damage())
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Nothing
            | Self::Empty(_)
            | Self::Io { .. }
            | Self::TooManyFiles { .. }
            | Self::TooLarge => None,
        }
    }

    /// Makes an IO error that knows its path.
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Reads manifests once.
pub fn load(paths: &[PathBuf]) -> Result<Snapshot, LoadError> {
    Loader::new(paths).load()
}

/// What the change of a path means.
enum Change {
    /// It is none of ours.
    Nothing,
    /// One file came, went or changed.
    File(Arc<str>),
    /// Only a look at all can tell.
    Unclear,
}

/// Reads manifests again and again.
#[derive(Debug)]
pub struct Loader {
    paths: Vec<PathBuf>,
    root: PathBuf,
    /// The directory without links and relative parts; `None` where the user named files, or where
    /// the last look failed: then only a look at all can tell what there is.
    real_root: Option<PathBuf>,
    /// What was found, by the path that the user sees.
    entries: BTreeMap<Arc<str>, Entry>,
    /// What is wrong with names that are no entries.
    problems: Vec<Problem>,
    /// Whether a file was reached through a symbolic link: then a change may happen elsewhere.
    has_links: bool,
    head: Head,
}

impl Loader {
    /// Prepares to read the directory or the files that the user named.
    pub fn new(paths: &[PathBuf]) -> Self {
        Self {
            paths: paths.to_vec(),
            root: PathBuf::new(),
            real_root: None,
            entries: BTreeMap::new(),
            problems: Vec::new(),
            has_links: false,
            head: Head::default(),
        }
    }

    /// Looks at all files, and reads those that changed since the last time.
    pub fn load(&mut self) -> Result<Snapshot, LoadError> {
        let mut found = dir::Found::default();
        let mut real_root = None;
        // Until this look has succeeded, nothing may build on what is half known.
        self.real_root = None;
        match self.paths.as_slice() {
            [] => return Err(LoadError::Nothing),
            [only] if only.is_dir() => {
                self.root.clone_from(only);
                real_root = Some(only.canonicalize().map_err(LoadError::io(only))?);
                found.directory(only, Path::new(""))?;
            }
            several => {
                self.root = PathBuf::new();
                for path in several {
                    found.named(path)?;
                }
            }
        }
        let mut known = std::mem::take(&mut self.entries);
        let mut total = 0;
        for path in found.files {
            let Some(entry) = file::look(&self.root, &path, known.remove(&path))? else { continue };
            total += entry.length();
            if total > TOTAL_MAX {
                return Err(LoadError::TooLarge);
            }
            self.entries.insert(path, entry);
        }
        self.problems = found.problems;
        self.has_links = found.has_links;
        self.real_root = real_root;
        self.snapshot()
    }

    /// Looks at the `changed` paths only, where that is enough; else at all.
    pub fn reload(&mut self, changed: &[PathBuf]) -> Result<Snapshot, LoadError> {
        // Where the directory itself is gone, its files did not change: the source is lost.
        if !self.root.is_dir() {
            return self.load();
        }
        let mut names = Vec::new();
        for path in changed {
            match self.classify(path) {
                Change::Nothing => {}
                Change::File(name) => names.push(name),
                Change::Unclear => return self.load(),
            }
        }
        let real_root = self.real_root.take();
        for name in names {
            let known = self.entries.remove(&name);
            let entry = file::look(&self.root, &name, known)?;
            self.entries.extend(entry.map(|entry| (name, entry)));
        }
        self.real_root = real_root;
        self.snapshot()
    }

    /// What a change of `path` means to us.
    fn classify(&self, path: &Path) -> Change {
        // A change may show through a link, or cure a problem, under another name than its own.
        if self.real_root.is_none() || self.has_links || !self.problems.is_empty() {
            return Change::Unclear;
        }
        let roots = self.real_root.iter().chain([&self.root]);
        let mut inside = roots.filter_map(|root| path.strip_prefix(root).ok());
        let Some(name) = inside.next() else { return Change::Unclear };
        if dir::is_skipped(name) {
            return Change::Nothing;
        }
        let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        let shown = name.to_str().filter(|name| is_plain && !name.contains(char::is_control));
        let Some(shown) = shown else { return Change::Unclear };
        let has_children = || {
            let below = format!("{shown}/");
            let from = (Bound::Included(below.as_str()), Bound::Unbounded);
            let first = self.entries.range::<str, _>(from).next();
            first.is_some_and(|(entry, _)| entry.starts_with(&below))
        };
        match path.symlink_metadata() {
            Ok(found) if !found.is_file() => Change::Unclear,
            Err(error) if error.kind() != io::ErrorKind::NotFound => Change::Unclear,
            Err(_) if has_children() => Change::Unclear,
            Ok(_) | Err(_) if dir::is_manifest(name) => Change::File(shown.into()),
            Ok(_) | Err(_) => Change::Nothing,
        }
    }

    fn snapshot(&mut self) -> Result<Snapshot, LoadError> {
        if self.entries.len() > FILES_MAX {
            return Err(LoadError::TooManyFiles { path: self.root.clone() });
        }
        let mut files = Vec::with_capacity(self.entries.len());
        let mut problems = Problems::default();
        problems.extend(self.problems.iter().cloned());
        for entry in self.entries.values() {
            match &entry.content {
                Ok(file) => files.push(Arc::clone(file)),
                Err(problem) => problems.push(problem.clone()),
            }
        }
        if self.entries.values().map(Entry::length).sum::<usize>() > TOTAL_MAX {
            return Err(LoadError::TooLarge);
        }
        if files.is_empty() && problems.is_empty() {
            return Err(LoadError::Empty(self.root.clone()));
        }
        problems.sort();
        let revision = match self.paths.as_slice() {
            [only] => self.head.revision(only, &self.entries),
            _ => None,
        };
        let revision = revision.unwrap_or_else(|| revision::of_contents(&self.entries));
        let (root, remarks) = (self.root.clone(), Vec::new());
        Ok(Snapshot { root, files, problems, revision, commit: None, remarks })
    }
}

#[cfg(test)]
mod tests;
