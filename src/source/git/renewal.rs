//! A clone after a loss of power, or of a gw that was killed: locks that were left are removed, and what is
//! damaged is fetched anew. It holds nothing that the server has not, but for which commits were good.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::{
    BareClone, GitError, Settings,
    fetch::{self, Wanted},
    reference::Reference,
};

/// What something is read by, besides tags that were kept.
const NEEDED: [&str; 4] = ["fetched", "good", "read", "read-before"];

/// What the names of files hold that libgit2 has not finished.
const HALF: &str = "_git2_";

/// The file beside the clone that names a commit which could not be read from it.
const SUSPECT: &str = "suspect";

/// A local reference, and the commit that it points to; `None` where nobody can tell any more.
type Pointer = (String, Option<Oid>);

impl BareClone {
    /// Has the next fetch look for damage, since a commit could not be read.
    pub(super) fn suspect(&self, commit: &str) {
        if let Err(error) = fs::write(self.folder().join(SUSPECT), commit) {
            tracing::warn!(%error, "can't note that the clone may be damaged");
        }
    }

    /// Fetches everything anew where a commit could not be read because the clone is damaged. Whoever calls
    /// is the only one that fetches.
    pub(super) fn mend(&self) -> Result<(), GitError> {
        let note = self.folder().join(SUSPECT);
        let Ok(commit) = fs::read_to_string(&note) else { return Ok(()) };
        self.renew_where_damaged(Some(&commit))?;
        let removed = fs::remove_file(&note);
        removed.map_err(|source| GitError::Io { action: "remove", path: note, source })
    }

    /// Fetches everything anew where an error comes from damage to the clone. Returns whether it did.
    pub(super) fn renew_after(&self, error: &GitError) -> Result<bool, GitError> {
        if error.may_be_damage() { self.renew_where_damaged(None) } else { Ok(false) }
    }

    /// Fetches everything anew where the clone is damaged, and `needed`, a commit, as well. Returns whether
    /// it did.
    fn renew_where_damaged(&self, needed: Option<&str>) -> Result<bool, GitError> {
        let Err(damage) = self.examine() else { return Ok(false) };
        let (path, why) = (self.path(), damage.message().to_owned());
        tracing::warn!(path = %path.display(), why, "the clone is damaged, and fetched anew");
        self.renew(needed).map_err(|source| GitError::Damaged {
            path,
            why,
            source: Box::new(source),
        })?;
        Ok(true)
    }

    /// Removes the locks and the half packs that libgit2 left where it was ended in the middle. Whoever
    /// calls is the only one that fetches.
    pub(super) fn remove_remains(&self) -> Result<(), GitError> {
        let _lock = self.lock("objects.lock")?;
        let top = self.path();
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let is_ours = ["refs", "objects/pack"].map(|part| top.join(part));
                    let is_near =
                        |part: &PathBuf| path.starts_with(part) || part.starts_with(&path);
                    folders.extend(is_ours.iter().any(is_near).then_some(path));
                } else if name.ends_with(".lock") || name.contains(HALF) {
                    // Where that fails, whoever needs it says so.
                    let _ = fs::remove_file(path);
                }
            }
        }
        Ok(())
    }

    /// Reads all that the local references lead to. An error is damage: nothing of it is asked for that
    /// was not there once.
    fn examine(&self) -> Result<(), git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let odb = repository.odb()?;
        for (name, id) in pointers(&self.path()) {
            let id = id.ok_or_else(|| git2::Error::from_str(&format!("{name} is no reference")))?;
            let tree = repository.find_commit(id)?.tree()?;
            let mut unread = None;
            let walked = tree.walk(TreeWalkMode::PreOrder, |_, entry| {
                if entry.kind() == Some(ObjectType::Blob) {
                    unread = odb.read(entry.id()).err();
                }
                if unread.is_some() { TreeWalkResult::Abort } else { TreeWalkResult::Ok }
            });
            unread.map_or(walked, Err)?;
        }
        Ok(())
    }

    /// Makes another clone, and puts it into the place of the damaged one. What was remembered as good
    /// is fetched as well, where the server gives it.
    fn renew(&self, needed: Option<&str>) -> Result<(), GitError> {
        let (old, new) = (self.path(), self.folder().join("git.new"));
        let failed = |source| GitError::Io { action: "replace", path: old.clone(), source };
        // Of a gw that was ended meanwhile.
        let _ = fs::remove_dir_all(&new);
        let repository = Repository::init_bare(&new).map_err(|error| self.damaged(&error))?;
        let home = self.folder().join("home");
        let settings = self.settings();
        let fetch = |settings: &Settings, target: &str| {
            let (repository, target) = (Some(new.as_path()), target.to_owned());
            fetch::fetch(settings, &Wanted { repository, home: &home, target, previous: None })
        };
        let fetched = self.local("fetched");
        fetch(settings, &fetched)?;
        let mut remembered = pointers(&old);
        remembered.retain(|(name, _)| name.ends_with("/good") || name.contains("/tags/"));
        let needed = needed.map(|id| (self.local("read"), Oid::from_str(id).ok()));
        for (name, id) in remembered.into_iter().chain(needed) {
            let Some(id) = id else {
                tracing::warn!(name, "nobody knows any more which commit was good");
                continue;
            };
            // Not every server gives a commit by its id, but what led to it may be in its history.
            let by_id = Settings { reference: Reference::Commit(id), ..settings.clone() };
            let whole = Settings { history: true, ..settings.clone() };
            let is_here = || repository.find_commit(id).is_ok();
            let _ = is_here() || fetch(&by_id, &name).is_ok() || fetch(&whole, &fetched).is_ok();
            if let Err(error) = repository.reference(&name, id, true, "gw: remembered") {
                tracing::warn!(name, commit = %id, %error, "a commit that was good is lost");
            }
        }
        let _lock = self.lock("objects.lock")?;
        let aside = self.folder().join("git.old");
        let _ = fs::remove_dir_all(&aside);
        fs::rename(&old, &aside).and_then(|()| fs::rename(&new, &old)).map_err(failed)?;
        // What is left of it does no harm.
        let _ = fs::remove_dir_all(&aside);
        Ok(())
    }
}

/// The local references of a repository; by hand, since libgit2 may not open it any more. It keeps each in
/// a file of its own.
fn pointers(repository: &Path) -> Vec<Pointer> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("refs/gw")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(repository.join(&folder)).into_iter().flatten().flatten() {
            let name = folder.join(entry.file_name());
            // Below the digest of what is followed.
            let what = name.iter().nth(3).and_then(OsStr::to_str).unwrap_or_default();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(name);
            } else if what == "tags" || NEEDED.contains(&what) {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let id = Some(text.trim()).filter(|text| text.len() == 40);
                let id = id.and_then(|text| Oid::from_str(text).ok());
                found.push((name.display().to_string(), id));
            }
        }
    }
    found
}
