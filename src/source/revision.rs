//! The name of what was read: a Git commit, or a digest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use crate::model::{DIRTY, Digest};

use super::{dir, file::Entry};

/// The mode of a symbolic link in a Git tree.
const LINK: i32 = 0o120_000;

/// `sha256:` and 12 digits over all paths and contents.
pub(super) fn of_contents(entries: &BTreeMap<Arc<str>, Entry>) -> String {
    let parts = entries.iter().flat_map(|(path, entry)| [path.as_bytes(), entry.digest.as_bytes()]);
    format!("sha256:{}", Digest::of_parts(parts).short())
}

/// What the commit at HEAD holds, remembered while HEAD stands still.
#[derive(Debug, Default)]
pub(super) struct Head {
    commit: Option<Oid>,
    /// The manifests of the commit, by the path that the user sees. `None` for a symbolic link,
    /// whose blob is not what is read through it.
    files: BTreeMap<String, Option<Oid>>,
}

impl Head {
    /// The commit that contains `named` (a directory or file), and whether `entries` are what it
    /// holds. `None` outside of Git, or before the first commit.
    pub(super) fn revision(
        &mut self,
        named: &Path,
        entries: &BTreeMap<Arc<str>, Entry>,
    ) -> Option<String> {
        let real = named.canonicalize().ok()?;
        // libgit2 starts by reading all of the system's authorities, which takes longer than a small
        // set of manifests.
        if !real.ancestors().any(|folder| folder.join(".git").exists()) {
            return None;
        }
        let repository = Repository::discover(&real).ok()?;
        let below = real.strip_prefix(repository.workdir()?.canonicalize().ok()?).ok()?.to_owned();
        let commit = repository.head().ok()?.peel_to_commit().ok()?;
        if self.commit != Some(commit.id()) {
            self.files = files_of(&repository, &commit.tree().ok()?, &below, named)?;
            self.commit = Some(commit.id());
        }
        let mut id = commit.id().to_string();
        id.truncate(12);
        if !self.holds(entries) {
            id.push_str(DIRTY);
        }
        Some(id)
    }

    /// Whether the commit holds these files and no others.
    fn holds(&self, entries: &BTreeMap<Arc<str>, Entry>) -> bool {
        // Both are in order of path.
        self.files.len() == entries.len()
            && self.files.iter().zip(entries).all(|((path, blob), (name, entry))| {
                **path == **name && (blob.is_none() || *blob == entry.blob())
            })
    }
}

/// The manifests of `tree` in the directory, or the one file, `below`.
fn files_of(
    repository: &Repository,
    tree: &git2::Tree<'_>,
    below: &Path,
    named: &Path,
) -> Option<BTreeMap<String, Option<Oid>>> {
    let blob = |entry: &git2::TreeEntry<'_>| (entry.filemode() != LINK).then(|| entry.id());
    let mut files = BTreeMap::new();
    let directory = if below == Path::new("") {
        tree.clone()
    } else {
        let Ok(entry) = tree.get_path(below) else { return Some(files) };
        if entry.kind() != Some(ObjectType::Tree) {
            files.insert(named.to_str()?.to_owned(), blob(&entry));
            return Some(files);
        }
        entry.to_object(repository).ok()?.into_tree().ok()?
    };
    let walk = directory.walk(TreeWalkMode::PreOrder, |parent, entry| {
        let path = entry.name().ok().map(|name| PathBuf::from(format!("{parent}{name}")));
        match path {
            Some(path) if dir::is_skipped(&path) => TreeWalkResult::Skip,
            Some(path) if entry.kind() == Some(ObjectType::Blob) && dir::is_manifest(&path) => {
                files.insert(path.to_string_lossy().into_owned(), blob(entry));
                TreeWalkResult::Ok
            }
            Some(_) | None => TreeWalkResult::Ok,
        }
    });
    walk.ok().map(|()| files)
}
