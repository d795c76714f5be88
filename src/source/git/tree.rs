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
    BareClone, GitError, Settings,
    files::{self, Named, Unreadable},
    filters::{self, Attributes, Filters},
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
    referenced: HashMap<Oid, Result<Arc<str>, String>>,
    /// The commit that was read last, and its tree.
    top: Option<(String, Oid)>,
    /// Whether the next fetch is to mend what can't be read.
    notes_damage: bool,
    /// How large the manifests and the files that they name may be together, in bytes.
    limit: usize,
    /// How large the manifests of that commit are.
    total: usize,
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
            top: None,
            notes_damage: true,
            limit: TOTAL_MAX,
            total: 0,
        }
    }

    /// Fetches, and reads what was fetched. With remarks, such as that history was rewritten. A fetch also
    /// mends what could not be read before.
    pub(in crate::source) fn fetch(&mut self) -> Result<Snapshot, LoadError> {
        let fetched = self.clone.fetch()?;
        let remarks = fetched.judge(self.settings.forced_push)?;
        let mut snapshot = self.read(&fetched.commit)?;
        snapshot.remarks.extend(remarks);
        Ok(snapshot)
    }

    /// Reads the commit that was read last, here or by another gw. Fetches and writes nothing.
    pub(in crate::source) fn read_known(&mut self) -> Result<Snapshot, LoadError> {
        let commit = self.clone.last_read()?;
        self.notes_damage = false;
        self.read_here(&commit)
    }

    /// Reads a commit that is in the clone. Of the files that hold what they held at the last one,
    /// the text is the very same.
    pub(in crate::source) fn read(&mut self, commit: &Commit) -> Result<Snapshot, LoadError> {
        self.notes_damage = true;
        self.read_here(commit).inspect_err(|error| {
            if error.may_be_damage() {
                self.clone.suspect(&commit.id);
            }
        })
    }

    /// Reads a commit from the clone as it is.
    fn read_here(&mut self, commit: &Commit) -> Result<Snapshot, LoadError> {
        // Until this look has succeeded, nothing may build on what is half known.
        self.top = None;
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
            if total > self.limit {
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
        (self.top, self.total) = (Some((commit.id.clone(), object.tree_id())), total);
        Ok(Snapshot {
            root: PathBuf::from(self.settings.path.as_str()),
            files,
            problems,
            revision: commit.short().to_owned(),
            commit: Some(commit.clone()),
            remarks: Vec::new(),
        })
    }

    /// Reads the files that manifests of the last commit name. Why one could not be read stands in its place,
    /// where that is the manifests' matter; an error is damage to the clone.
    pub(in crate::source) fn referenced(
        &mut self,
        requests: impl IntoIterator<Item = FileRequest>,
    ) -> Result<BTreeMap<FileRequest, Result<Arc<str>, String>>, LoadError> {
        let known = std::mem::take(&mut self.referenced);
        let mut room = Room(self.limit.saturating_sub(self.total));
        let mut texts = BTreeMap::new();
        let is_of_machine = |request: &FileRequest| request.path.as_str().starts_with('/');
        let (of_machine, relative): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(is_of_machine);
        for request in of_machine {
            let text = files::on_disk(request.path.as_str(), &self.settings.files);
            texts.insert(request, text.and_then(|text| room.take(text)));
        }
        if relative.is_empty() {
            return Ok(texts);
        }
        let Some((commit, top)) = self.top.clone() else {
            return Err(self.clone.not_fetched().into());
        };
        let lost = |error: git2::Error| {
            if self.notes_damage {
                self.clone.suspect(&commit);
            }
            LoadError::from(self.clone.damaged(&error))
        };
        let repository = self.clone.repository()?;
        let mut filters = Filters::default();
        let mut found = Vec::with_capacity(relative.len());
        for request in relative {
            let root = &self.settings.path;
            let named = files::in_tree(&repository, top, root, &request, &mut filters);
            found.push((request, named));
        }
        let attributes = filters.prepare(&repository).map_err(lost)?;
        for (request, named) in found {
            let text = named.and_then(|named| {
                check(&attributes, &named)?;
                let known = known.get(&named.id).or_else(|| self.referenced.get(&named.id));
                let text = match known {
                    Some(text) => text.clone(),
                    None => Unreadable::apart(files::blob(&repository, named.id))?,
                };
                let is_new = self.referenced.insert(named.id, text.clone()).is_none();
                Ok(if is_new { room.take(text?)? } else { text? })
            });
            texts.insert(request, Unreadable::apart(text).map_err(lost)?);
        }
        Ok(texts)
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
    dir::problem(path, filters::in_words(filter)).hint("take the filter from manifests")
}

/// Whether a file that a manifest names is what a checkout would hold.
fn check(attributes: &Attributes<'_>, named: &Named) -> Result<(), Unreadable> {
    match attributes.filter(Path::new(&named.path))? {
        Some(filter) => Err(filters::in_words(&filter).into()),
        None => Ok(()),
    }
}

/// How many bytes may be read still.
struct Room(usize);

impl Room {
    fn take(&mut self, text: Arc<str>) -> Result<Arc<str>, String> {
        self.0 = self.0.checked_sub(text.len()).ok_or_else(|| {
            let most = TOTAL_MAX / 1024 / 1024;
            format!(
                "the manifests and the files that they name are larger than {most} MiB together"
            )
        })?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::FilePath;

    use super::super::{Address, Given};

    use super::*;

    #[test]
    fn the_files_that_manifests_name_count_into_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let address = Some(Address::parse("/site.git", Path::new("/")).unwrap());
        let settings = Given { address, ..Given::default() }.fill().unwrap();
        let mut tree = Tree::new(&settings, folder.path());
        let repository = Repository::init_bare(tree.clone.path()).unwrap();
        let mut files = repository.treebuilder(None).unwrap();
        for (name, size) in [("a.yaml", 10), ("b.pem", 20), ("c.pem", 30), ("same.pem", 20)] {
            let id = repository.blob(&vec![b'x'; size]).unwrap();
            files.insert(name, id, 0o100_644).unwrap();
        }
        let top = repository.find_tree(files.write().unwrap()).unwrap();
        let who = git2::Signature::now("Ann", "ann@example.org").unwrap();
        let id = repository.commit(None, &who, &who, "All", &top, &[]).unwrap();
        let commit = tree.clone.describe(&repository, id, None).unwrap();
        let request = |name: &str| FileRequest {
            manifest: "a.yaml".into(),
            path: FilePath::new(name).unwrap(),
        };
        let requests = ["b.pem", "c.pem", "same.pem"].map(request);
        for (limit, expected) in [(60, [true, true, true]), (59, [true, false, true])] {
            tree.limit = limit;
            tree.read(&commit).unwrap();
            let texts = tree.referenced(requests.clone()).unwrap();
            let read = requests.each_ref().map(|request| texts[request].is_ok());
            assert_eq!(read, expected, "{limit}");
        }
        tree.limit = 9;
        assert!(matches!(tree.read(&commit), Err(LoadError::TooLarge)));
    }
}
