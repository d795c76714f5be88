//! Manifests in the tree of a commit: which blobs, and what is in those that are new.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use git2::{Commit as GitCommit, ObjectType, Oid, Repository, TreeEntry};

use crate::{
    manifest::FILE_MAX,
    model::{Commit, FileRequest, Problem, Problems, SourceFile},
};

use super::{
    super::{
        FILES_MAX, LoadError, Snapshot, TOTAL_MAX,
        dir::{self, is_manifest, is_skipped},
        file::text,
    },
    BareClone, GitError, Settings, files,
    filters::{ATTRIBUTES, Filters},
};

/// The kinds of entries in a tree, by their mode (git-fast-import(1) lists them).
pub(super) const LINK: i32 = 0o120_000;
pub(super) const SUBMODULE: i32 = 0o160_000;

/// The greatest number of entries that are looked at, manifests or not. Trees may share subtrees,
/// so a small repository can hold more of them than anybody can count.
const ENTRIES_MAX: usize = 10 * FILES_MAX;

/// The greatest number of folders inside of each other.
const DEPTH_MAX: usize = 64;

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

/// What a walk found.
#[derive(Default)]
struct Found {
    /// Manifests by path.
    manifests: BTreeMap<String, Oid>,
    problems: Vec<Problem>,
    entries: usize,
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

    /// Fetches, and reads what was fetched. With a remark where history was rewritten.
    pub(in crate::source) fn fetch(&mut self) -> Result<Snapshot, LoadError> {
        let fetched = self.clone.fetch()?;
        let remark = fetched.judge(self.settings.forced_push)?;
        let mut snapshot = self.read(&fetched.commit)?;
        snapshot.remarks.extend(remark);
        Ok(snapshot)
    }

    /// Reads a commit that is in the clone. Of the files that hold what they held at the last one,
    /// the text is the very same.
    pub(in crate::source) fn read(&mut self, commit: &Commit) -> Result<Snapshot, LoadError> {
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
        let mut filters = Filters::default();
        let root = self.folder(&repository, &object, &mut filters)?;
        let mut found = Found::default();
        self.walk(&repository, root, &mut found, &mut filters)?;
        let mut known = std::mem::take(&mut self.blobs);
        let mut problems = Problems::default();
        problems.extend(found.problems);
        let attributes = filters.prepare(&repository).map_err(damaged)?;
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
        problems.sort();
        self.root = Some(root);
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

    /// The folder with the manifests, and the attributes that hold above it.
    fn folder(
        &self,
        repository: &Repository,
        commit: &GitCommit<'_>,
        filters: &mut Filters,
    ) -> Result<Oid, GitError> {
        let damaged = |error: git2::Error| self.clone.damaged(&error);
        let missing = || GitError::NoFolder {
            commit: commit.id().to_string()[..12].to_owned(),
            path: self.settings.path.to_string(),
        };
        let mut tree = commit.tree().map_err(damaged)?;
        let mut above = String::new();
        for name in self.settings.path.as_str().split('/').filter(|name| !name.is_empty()) {
            if let Some(entry) = tree.get_name(ATTRIBUTES) {
                filters.add(&above, &entry);
            }
            // A link has another kind, too, and is not followed.
            let entry = tree.get_name(name).filter(|entry| entry.kind() == Some(ObjectType::Tree));
            let id = entry.map(|entry| entry.id()).ok_or_else(missing)?;
            tree = repository.find_tree(id).map_err(damaged)?;
            above = format!("{above}{name}/");
        }
        Ok(tree.id())
    }

    fn walk(
        &self,
        repository: &Repository,
        root: Oid,
        found: &mut Found,
        filters: &mut Filters,
    ) -> Result<(), LoadError> {
        let too_many = || LoadError::TooManyFiles { path: self.settings.path.as_path().to_owned() };
        let mut open = vec![(String::new(), root, 0)];
        while let Some((folder, id, depth)) = open.pop() {
            let tree = repository.find_tree(id).map_err(|error| self.clone.damaged(&error))?;
            for entry in &tree {
                found.entries += 1;
                if found.entries > ENTRIES_MAX || found.manifests.len() > FILES_MAX {
                    return Err(too_many());
                }
                let lossy = String::from_utf8_lossy(entry.name_bytes());
                let path = format!("{folder}{lossy}");
                if lossy == ATTRIBUTES {
                    filters.add(&format!("{}/{folder}", self.settings.path.as_str()), &entry);
                }
                let problem = match look(repository, &entry, &path) {
                    Looked::Skip => continue,
                    Looked::Folder if depth == DEPTH_MAX => {
                        format!("there are more than {DEPTH_MAX} folders inside of each other here")
                    }
                    Looked::Folder => {
                        open.push((format!("{path}/"), entry.id(), depth + 1));
                        continue;
                    }
                    Looked::Manifest => {
                        found.manifests.insert(path, entry.id());
                        continue;
                    }
                    Looked::Problem(problem) => problem.to_owned(),
                };
                found.problems.push(dir::problem(&path, problem));
            }
        }
        Ok(())
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

/// What an entry of a tree is to us.
enum Looked {
    Skip,
    Folder,
    Manifest,
    Problem(&'static str),
}

fn look(repository: &Repository, entry: &TreeEntry<'_>, path: &str) -> Looked {
    let Ok(name) = std::str::from_utf8(entry.name_bytes()) else {
        return Looked::Problem("the name of this file is not UTF-8");
    };
    // Git writes none of these, but a tree can be made by hand.
    if matches!(name, "" | "." | ".." | ".git") || name.contains('/') {
        return Looked::Problem("this is no name for a file");
    }
    if name.contains(char::is_control) {
        return Looked::Problem("the name of this file holds control characters");
    }
    let relative = Path::new(path);
    if is_skipped(relative) {
        return Looked::Skip;
    }
    match (entry.filemode(), entry.kind()) {
        (SUBMODULE, _) => Looked::Problem("this is a submodule, and is not followed"),
        (LINK, _) if is_manifest(relative) => {
            Looked::Problem("this is a symbolic link, and is not followed")
        }
        (LINK, _) if leads_to_folder(repository, entry) => {
            Looked::Problem("this symbolic link leads to a directory, and is not followed")
        }
        (LINK, _) => Looked::Skip,
        (_, Some(ObjectType::Tree)) => Looked::Folder,
        (_, Some(ObjectType::Blob)) if is_manifest(relative) => Looked::Manifest,
        _ => Looked::Skip,
    }
}

/// Whether a link that has no name of a manifest may hide some: all may but those to plain files,
/// which end with something behind a dot.
fn leads_to_folder(repository: &Repository, entry: &TreeEntry<'_>) -> bool {
    let target = files::bytes(repository, entry.id(), FILE_MAX).ok().flatten();
    let target = target.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    target.is_none_or(|target| Path::new(target.trim_end_matches('/')).extension().is_none())
}
