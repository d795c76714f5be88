//! Manifests in the tree of a commit: which blobs, and what is in those that are new.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use git2::{Oid, Repository};

use crate::{
    manifest::FILE_MAX,
    model::{Commit, FileRequest, Problem, Problems, SourceFile},
};

use super::{
    super::{LoadError, Snapshot, TOTAL_MAX, dir, file::text},
    BareClone, GitError, Settings, files,
    walk::{Walk, WalkError},
};

/// How the pointer of Git LFS begins that stands for a file.
const POINTER: &str = "version https://git-lfs.github.com/spec/";

/// Reads the manifests of commit after commit.
#[derive(Debug)]
pub(in crate::source) struct Tree {
    clone: BareClone,
    settings: Settings,
    /// What was read, by path.
    blobs: BTreeMap<Arc<str>, Blob>,
    /// Files that manifests named, by the id of their blob.
    pub(super) referenced: HashMap<Oid, Result<Arc<str>, String>>,
    /// The folder with the manifests in the commit that was read last.
    root: Option<Oid>,
}

/// A blob and what was in it.
#[derive(Debug)]
struct Blob {
    id: Oid,
    content: Result<Arc<SourceFile>, Problem>,
}

impl Tree {
    /// Prepares to read commits of a clone.
    pub(in crate::source) fn new(settings: &Settings, state: &Path) -> Self {
        Self {
            clone: BareClone::new(settings, state),
            settings: settings.clone(),
            blobs: BTreeMap::new(),
            referenced: HashMap::new(),
            root: None,
        }
    }

    /// Fetches, and reads what was fetched. With remarks, such as that history was rewritten.
    pub(in crate::source) fn fetch(&mut self) -> Result<Snapshot, LoadError> {
        let fetched = self.clone.fetch()?;
        let remarks = fetched.judge(self.settings.forced_push)?;
        let mut snapshot = self.read(&fetched.commit)?;
        snapshot.remarks.extend(remarks);
        Ok(snapshot)
    }

    /// Reads a commit that is in the clone. Of the files that hold what they held at the last one,
    /// the text is the very same.
    pub(in crate::source) fn read(&mut self, commit: &Commit) -> Result<Snapshot, LoadError> {
        match self.read_here(commit) {
            Err(LoadError::Git(error)) if self.clone.mend(&error, commit)? => {
                self.read_here(commit)
            }
            snapshot => snapshot,
        }
    }

    /// Reads a commit from the clone as it is.
    fn read_here(&mut self, commit: &Commit) -> Result<Snapshot, LoadError> {
        // Until this look has succeeded, nothing may build on what is half known.
        self.root = None;
        let repository = self.clone.repository()?;
        let damaged = |error: git2::Error| self.clone.damaged(&error);
        let missing = |_| GitError::NoCommit {
            address: self.settings.address.to_string(),
            id: commit.id.clone(),
        };
        let id = Oid::from_str(&commit.id).map_err(missing)?;
        let object = repository.find_commit(id).map_err(missing)?;
        let found = Walk::of(&repository, &object, &self.settings.path).map_err(|error| {
            let path = || self.settings.path.to_string();
            match error {
                WalkError::NoFolder => {
                    let (commit, path) = (commit.short().to_owned(), path());
                    GitError::NoFolder { commit, path }.into()
                }
                WalkError::TooMany => LoadError::TooManyFiles { path: path().into() },
                WalkError::Git(error) => damaged(error).into(),
            }
        })?;
        let mut known = std::mem::take(&mut self.blobs);
        let mut problems = Problems::default();
        problems.extend(found.problems);
        let attributes = found.filters.prepare(&repository).map_err(damaged)?;
        let mut total = 0;
        for (path, id) in found.manifests {
            let full = self.settings.path.as_path().join(&path);
            if let Some(filter) = attributes.filter(&full).map_err(damaged)? {
                problems.push(filtered(&path, &filter));
                continue;
            }
            let (path, blob) = match known.remove_entry(path.as_str()) {
                Some((path, blob)) if blob.id == id => (path, blob),
                _ => {
                    let path: Arc<str> = path.into();
                    let content = self.blob(&repository, &path, id)?;
                    (path, Blob { id, content })
                }
            };
            total += blob.content.as_ref().map_or(0, |file| file.text.len());
            if total > TOTAL_MAX {
                return Err(LoadError::TooLarge);
            }
            self.blobs.insert(path, blob);
        }
        let mut files = Vec::with_capacity(self.blobs.len());
        for blob in self.blobs.values() {
            match &blob.content {
                Ok(file) => files.push(Arc::clone(file)),
                Err(problem) => problems.push(problem.clone()),
            }
        }
        if files.is_empty() && problems.is_empty() {
            let (commit, path) = (commit.short().to_owned(), self.settings.path.to_string());
            return Err(GitError::NoManifest { commit, path }.into());
        }
        if let Err(error) = self.clone.pin(commit) {
            // A full disk must not cost what can be read.
            tracing::warn!(%error, "can't remember which commit is read");
        }
        problems.sort();
        self.root = Some(found.root);
        Ok(Snapshot {
            root: PathBuf::from(self.settings.path.as_str()),
            files,
            problems,
            revision: commit.short().to_owned(),
            commit: Some(commit.clone()),
            remarks: Vec::new(),
        })
    }

    /// Reads the files that manifests of the last commit name.
    pub(in crate::source) fn referenced(
        &mut self,
        requests: impl IntoIterator<Item = FileRequest>,
    ) -> BTreeMap<FileRequest, Result<Arc<str>, String>> {
        let known = std::mem::take(&mut self.referenced);
        let tree = self.root.zip(self.clone.repository().ok());
        requests
            .into_iter()
            .map(|request| {
                let text = match &tree {
                    _ if request.path.as_str().starts_with('/') => {
                        files::on_disk(request.path.as_str(), &self.settings.files)
                    }
                    Some((root, repository)) => files::in_tree(repository, *root, &request)
                        .and_then(|id| {
                            let text = known.get(&id).or_else(|| self.referenced.get(&id)).cloned();
                            let text = text.unwrap_or_else(|| files::blob(repository, id));
                            self.referenced.insert(id, text.clone());
                            text
                        }),
                    None => Err("no commit was read".to_owned()),
                };
                (request, text)
            })
            .collect()
    }

    /// Reads a blob, or tells what is wrong with it.
    fn blob(
        &self,
        repository: &Repository,
        path: &Arc<str>,
        id: Oid,
    ) -> Result<Result<Arc<SourceFile>, Problem>, GitError> {
        let bytes =
            files::bytes(repository, id, FILE_MAX).map_err(|error| self.clone.damaged(&error))?;
        let text = text(path, bytes).and_then(|text| {
            if is_pointer(&text) {
                Err(dir::problem(path, LFS).hint("keep manifests out of Git LFS"))
            } else {
                Ok(Arc::new(SourceFile { path: Arc::clone(path), text: text.into() }))
            }
        });
        Ok(text)
    }
}

/// What is told of a pointer.
pub(super) const LFS: &str = "this is a pointer of Git LFS, and the file itself is elsewhere";

/// Whether a text stands for a file that Git LFS keeps elsewhere.
pub(super) fn is_pointer(text: &str) -> bool {
    text.starts_with(POINTER)
}

fn filtered(path: &str, filter: &str) -> Problem {
    let message = format!(
        ".gitattributes gives this file the filter {filter:?}, which gw does not run: a checkout \
         would hold something else"
    );
    dir::problem(path, message).hint("take the filter from manifests")
}
