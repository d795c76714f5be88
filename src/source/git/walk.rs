//! Which entries of a commit are manifests, and which can't be.

use std::{collections::BTreeMap, path::Path};

use git2::{Commit, ObjectType, Oid, Repository, Tree, TreeEntry};

use crate::{manifest::FILE_MAX, model::Problem};

use super::{
    super::{
        FILES_MAX,
        dir::{self, is_manifest, is_skipped},
    },
    TreePath, files,
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

/// What a walk found.
pub(super) struct Walk {
    /// Manifests by path.
    pub(super) manifests: BTreeMap<String, Oid>,
    /// What is wrong with others.
    pub(super) problems: Vec<Problem>,
    pub(super) filters: Filters,
    entries: usize,
}

/// Why there was nothing to find.
pub(super) enum WalkError {
    /// The commit has no such folder.
    NoFolder,
    /// More entries or manifests than anybody needs.
    TooMany,
    /// The object store.
    Git(git2::Error),
}

impl From<git2::Error> for WalkError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

/// A folder that is still to be looked at.
struct Folder {
    /// Its path below the root, with a `/` behind it.
    path: String,
    id: Oid,
    depth: usize,
}

impl Walk {
    /// Looks at all entries below a folder of a commit.
    pub(super) fn of(
        repository: &Repository,
        commit: &Commit<'_>,
        path: &TreePath,
    ) -> Result<Self, WalkError> {
        let top = commit.tree()?;
        let mut filters = Filters::default();
        let root = folder(repository, &top, path, &mut filters)?;
        let (manifests, problems) = (BTreeMap::new(), Vec::new());
        let mut walk = Self { manifests, problems, filters, entries: 0 };
        let mut open = vec![Folder { path: String::new(), id: root, depth: 0 }];
        while let Some(folder) = open.pop() {
            for entry in &repository.find_tree(folder.id)? {
                walk.entries += 1;
                if walk.entries > ENTRIES_MAX || walk.manifests.len() > FILES_MAX {
                    return Err(WalkError::TooMany);
                }
                open.extend(walk.entry(repository, &top, path, &folder, &entry)?);
            }
        }
        Ok(walk)
    }

    /// Looks at an entry; returns it where it is a folder.
    fn entry(
        &mut self,
        repository: &Repository,
        top: &Tree<'_>,
        root: &TreePath,
        folder: &Folder,
        entry: &TreeEntry<'_>,
    ) -> Result<Option<Folder>, WalkError> {
        let name = String::from_utf8_lossy(entry.name_bytes());
        let path = format!("{}{name}", folder.path);
        let full = format!("{}/{}", root.as_str(), folder.path);
        if name == ATTRIBUTES {
            self.filters.add(&full, entry);
        }
        let problem = match look(entry, &path) {
            Looked::Skip => return Ok(None),
            Looked::Link if !leads_to_folder(repository, top, &full, entry)? => return Ok(None),
            Looked::Link => "this symbolic link leads to a directory, and is not followed",
            Looked::Folder if folder.depth == DEPTH_MAX => {
                "too many folders are inside of each other here"
            }
            Looked::Folder => {
                let (id, depth) = (entry.id(), folder.depth + 1);
                return Ok(Some(Folder { path: path + "/", id, depth }));
            }
            Looked::Manifest => {
                self.manifests.insert(path, entry.id());
                return Ok(None);
            }
            Looked::Problem(problem) => problem,
        };
        self.problems.push(dir::problem(&path, problem));
        Ok(None)
    }
}

/// The folder with the manifests. Adds the attributes that hold above it.
fn folder(
    repository: &Repository,
    top: &Tree<'_>,
    path: &TreePath,
    filters: &mut Filters,
) -> Result<Oid, WalkError> {
    let mut tree = top.clone();
    let mut above = String::new();
    for name in path.as_str().split('/').filter(|name| !name.is_empty()) {
        if let Some(entry) = tree.get_name(ATTRIBUTES) {
            filters.add(&above, &entry);
        }
        // A link has another kind, too, and is not followed.
        let entry = tree.get_name(name).filter(|entry| entry.kind() == Some(ObjectType::Tree));
        let id = entry.map(|entry| entry.id()).ok_or(WalkError::NoFolder)?;
        tree = repository.find_tree(id)?;
        above = format!("{above}{name}/");
    }
    Ok(tree.id())
}

/// What an entry of a tree is to us.
enum Looked {
    Skip,
    Folder,
    Link,
    Manifest,
    Problem(&'static str),
}

fn look(entry: &TreeEntry<'_>, path: &str) -> Looked {
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
        (LINK, _) => Looked::Link,
        (_, Some(ObjectType::Tree)) => Looked::Folder,
        (_, Some(ObjectType::Blob)) if is_manifest(relative) => Looked::Manifest,
        _ => Looked::Skip,
    }
}

/// Whether a link, which lies in `folder` of the commit, hides another folder of it, with manifests
/// in it as like as not.
fn leads_to_folder(
    repository: &Repository,
    top: &Tree<'_>,
    folder: &str,
    entry: &TreeEntry<'_>,
) -> Result<bool, git2::Error> {
    let target = files::bytes(repository, entry.id(), FILE_MAX)?.unwrap_or_default();
    let target = String::from_utf8(target).ok().filter(|target| !target.starts_with('/'));
    let Some(path) = target.and_then(|target| TreePath::resolve(folder, &target)) else {
        return Ok(false);
    };
    if path.is_empty() {
        return Ok(true);
    }
    let found = top.get_path(Path::new(&path)).ok();
    Ok(found.is_some_and(|found| found.kind() == Some(ObjectType::Tree)))
}
