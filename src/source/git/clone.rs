//! The bare clone: what was fetched, what was good, and what became of history.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use crate::{
    fault::{self, Point},
    model::{Commit, Digest},
    source::trust::{self, Mode, Policy, Signer},
};

use super::{
    ForcedPush, GitError, Settings, TreePath,
    compact::compact,
    fetch::{self, Wanted},
    reference::{Reference, TAGS, version},
};

/// The pause between two tries to get the lock.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a fetch found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where the reference stands.
    pub commit: Commit,
    /// The last good commit, where there is one.
    pub previous: Option<Commit>,
    /// Whether history was rewritten: the branch no longer contains `previous`, the tag points to
    /// another commit than it once did, or a newer release is gone.
    pub forced: bool,
    /// The tag of `previous`, where that is a release of the range that is newer than this one.
    pub newer: Option<String>,
    /// Who signed the commit, where that was to be verified.
    pub signer: Option<Signer>,
    /// What is odd about the files that say who may sign.
    pub warnings: Vec<String>,
}

impl Fetched {
    /// Applies the policy: what a person should know, where it does not refuse.
    pub fn judge(&self, policy: ForcedPush) -> Result<Vec<String>, GitError> {
        let mut remarks = self.warnings.clone();
        let Some(previous) = self.previous.as_ref().filter(|_| self.forced) else {
            return Ok(remarks);
        };
        let name = self.commit.reference.as_deref().unwrap_or("HEAD");
        let now = self.commit.short();
        let what = match (name.strip_prefix(TAGS), &self.newer) {
            (Some(tag), Some(newer)) => format!("the tag {newer} is gone, and {tag} is older"),
            (Some(tag), None) => format!("the tag {tag} was moved to {now}"),
            (None, _) => {
                let before = previous.short();
                format!("history was rewritten: {name} at {now} does not contain {before}")
            }
        };
        match policy {
            ForcedPush::Allow => {}
            ForcedPush::Warn => remarks.push(what),
            ForcedPush::Refuse => {
                return Err(GitError::Rewritten { what, previous: previous.short().to_owned() });
            }
        }
        Ok(remarks)
    }
}

/// A bare clone of one repository, in the state directory. All that it does blocks.
#[derive(Clone, Debug)]
pub struct BareClone {
    settings: Settings,
    folder: PathBuf,
}

impl BareClone {
    /// Names the clone below a state directory; it need not exist.
    pub fn new(settings: &Settings, state: &Path) -> Self {
        let digest = Digest::of(settings.address.as_str()).short();
        Self { settings: settings.clone(), folder: state.join("source").join(digest) }
    }

    /// What it is a clone of.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the clone lies, with what belongs to it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bare repository, for whoever wants to read commits.
    pub fn path(&self) -> PathBuf {
        self.folder.join("git")
    }

    /// Fetches what the settings name. A commit that was asked for by its id and is here already
    /// needs no server. What the settings ask to be signed is verified before anything is told of
    /// the commit. Takes ten times the timeout of the settings at most, and waits for another gw
    /// that fetches as long as the timeout.
    pub fn fetch(&self) -> Result<Fetched, GitError> {
        self.create_folder()?;
        let _lock = self.lock("lock")?;
        self.mend()?;
        match self.fetch_here() {
            Err(error) if self.renew_after(&error)? => self.fetch_here(),
            fetched => fetched,
        }
    }

    /// Fetches into the clone as it is. Whoever calls has the lock.
    fn fetch_here(&self) -> Result<Fetched, GitError> {
        self.create()?;
        self.remove_remains()?;
        let repository = self.repository()?;
        let last_good = self.reference_to(&repository, "good")?;
        let good = last_good.map(|id| self.describe(&repository, id, None)).transpose()?;
        if let Reference::Commit(id) = self.settings.reference
            && let Ok(commit) = self.describe(&repository, id, None)
            && !(self.settings.history && repository.is_shallow())
        {
            let (signer, warnings) = self.verify(&repository, id, last_good)?;
            let (previous, forced, newer) = (good, false, None);
            return Ok(Fetched { commit, previous, forced, newer, signer, warnings });
        }
        let done = fetch::fetch(
            &self.settings,
            &Wanted {
                repository: Some(&self.path()),
                home: &self.folder.join("home"),
                target: self.local("fetched"),
                previous: last_good.map(|id| id.to_string()),
            },
        )?;
        fault::at(Point::Fetched);
        let id = Oid::from_str(&done.id).map_err(|error| self.damaged(&error))?;
        // Objects that came since the repository was opened.
        let repository = self.repository()?;
        let tag = done.name.as_deref().and_then(|name| name.strip_prefix(TAGS));
        let newer = match (tag, last_good.filter(|good| *good != id)) {
            (Some(tag), Some(good)) => self.newer_release(&repository, good, tag)?,
            _ => None,
        };
        let (previous, forced) = match tag {
            // Another tag is another release, and need not contain the one before.
            Some(_) if newer.is_some() => (good, true),
            Some(tag) => {
                let kept = self.reference_to(&repository, &format!("tags/{tag}"))?;
                let moved = kept.filter(|kept| *kept != id);
                let moved = moved.map(|id| self.describe(&repository, id, None)).transpose()?;
                let forced = moved.is_some();
                (moved.or(good), forced)
            }
            None => (good, !done.descends),
        };
        let commit = self.describe(&repository, id, done.name)?;
        self.compact(&repository)?;
        let (signer, warnings) = self.verify(&repository, id, last_good)?;
        let address = &self.settings.address;
        tracing::debug!(%address, commit = commit.id, reference = commit.reference, forced, "fetched");
        let forced = forced && previous.is_some();
        Ok(Fetched { commit, previous, forced, newer, signer, warnings })
    }

    /// Who signed a commit, where signatures are asked for, and what is odd about the files that say
    /// who may sign. These are read each time, so that a key can be taken out.
    fn verify(
        &self,
        repository: &Repository,
        wanted: Oid,
        last_good: Option<Oid>,
    ) -> Result<(Option<Signer>, Vec<String>), GitError> {
        if self.settings.verify.mode == Mode::None {
            return Ok((None, Vec::new()));
        }
        let policy = Policy::load(&self.settings.verify)?;
        let warnings = policy.warnings.iter();
        let warnings = warnings.map(|warning| format!("{}: {}", warning.at, warning.message));
        Ok((trust::verify(repository, wanted, last_good, &policy)?, warnings.collect()))
    }

    /// The commit that was kept last: what to start from when the server can't be reached.
    pub fn last_good(&self) -> Result<Option<Commit>, GitError> {
        if !self.path().join("HEAD").exists() {
            return Ok(None);
        }
        let repository = self.repository()?;
        let Some(good) = self.reference_to(&repository, "good")? else { return Ok(None) };
        // It may have been kept before signatures were asked for, or be signed by a key that was
        // taken out since.
        self.verify(&repository, good, Some(good))?;
        self.describe(&repository, good, None).map(Some)
    }

    /// The commit that was read last. Writes nothing.
    pub fn last_read(&self) -> Result<Commit, GitError> {
        if !self.path().join("HEAD").exists() {
            return Err(self.not_fetched());
        }
        let repository = self.repository()?;
        let read = self.reference_to(&repository, "read")?.ok_or_else(|| self.not_fetched())?;
        self.describe(&repository, read, None)
    }

    /// Nothing was read yet.
    pub(super) fn not_fetched(&self) -> GitError {
        GitError::NotFetched { address: self.settings.address.to_string() }
    }

    /// Whether a commit has this folder; `None` where the commit is not here. Writes nothing.
    pub fn has_folder(&self, commit: &str, path: &TreePath) -> Option<bool> {
        let repository = self.repository().ok()?;
        let tree = repository.find_commit(Oid::from_str(commit).ok()?).ok()?.tree().ok()?;
        if path.as_str().is_empty() {
            return Some(true);
        }
        let entry = tree.get_path(Path::new(path.as_str()));
        Some(entry.is_ok_and(|entry| entry.kind() == Some(ObjectType::Tree)))
    }

    /// Remembers a commit as good. Does not wait for a fetch.
    pub fn keep(&self, commit: &Commit) -> Result<(), GitError> {
        fault::at(Point::KeepDue);
        let tag = commit.reference.as_deref().and_then(|name| name.strip_prefix(TAGS));
        let tag = tag.map(|tag| format!("tags/{tag}"));
        self.point(commit, &["good"].into_iter().chain(tag.as_deref()).collect::<Vec<_>>())?;
        fault::at(Point::Kept);
        // What was found out about the commits before is of no use any more.
        let repository = self.repository()?;
        let obsolete = repository.references_glob(&self.local("fetched-rewritten/*"));
        for reference in obsolete.into_iter().flatten().flatten() {
            let mut reference = reference;
            reference.delete().map_err(|error| self.damaged(&error))?;
        }
        Ok(())
    }

    /// Remembers that a commit is read, so that its objects stay while others are fetched; and the
    /// one before, which another gw may still read.
    pub(super) fn pin(&self, commit: &Commit) -> Result<(), GitError> {
        let repository = self.repository()?;
        let before = self.reference_to(&repository, "read")?.map(|id| id.to_string());
        match before {
            Some(before) if before == commit.id => return Ok(()),
            Some(id) => self.point(&Commit { id, ..commit.clone() }, &["read-before"])?,
            None => {}
        }
        self.point(commit, &["read"])
    }

    /// Lets local references point to a commit that is here.
    fn point(&self, commit: &Commit, names: &[&str]) -> Result<(), GitError> {
        let _lock = self.lock("objects.lock")?;
        let repository = self.repository()?;
        let found = Oid::from_str(&commit.id).and_then(|id| repository.find_commit(id));
        let id = found.map_err(|error| self.damaged(&error))?.id();
        for name in names {
            let set = repository.reference(&self.local(name), id, true, "gw");
            set.map_err(|error| self.damaged(&error))?;
        }
        Ok(())
    }

    /// Removes what nobody needs, where there is much of it.
    fn compact(&self, repository: &Repository) -> Result<(), GitError> {
        let _lock = self.lock("objects.lock")?;
        compact(repository).map_err(|error| self.damaged(&error))
    }

    /// The bare repository.
    pub(super) fn repository(&self) -> Result<Repository, GitError> {
        Repository::open_bare(self.path()).map_err(|error| self.damaged(&error))
    }

    /// An error of the object store.
    pub(super) fn damaged(&self, error: &git2::Error) -> GitError {
        GitError::Clone { path: self.path(), why: error.message().to_owned() }
    }

    /// Makes the folder around the clone.
    fn create_folder(&self) -> Result<(), GitError> {
        let home = self.folder.join("home");
        // HAProxy reads elsewhere in the state directory, but nobody reads clones.
        let create = match self.folder.parent().and_then(Path::parent) {
            Some(state) => fs::create_dir_all(state),
            None => Ok(()),
        };
        create
            .and_then(|()| DirBuilder::new().recursive(true).mode(0o700).create(&home))
            .map_err(|source| GitError::Io { action: "create", path: home, source })
    }

    /// Makes the clone where there is none.
    fn create(&self) -> Result<(), GitError> {
        let path = self.path();
        match Repository::open_bare(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::NotFound && !path.exists() => {
                Repository::init_bare(&path).map(|_| ()).map_err(|error| self.damaged(&error))
            }
            Err(error) => Err(self.damaged(&error)),
        }
    }

    /// One gw at a time fetches (`lock`), and one at a time says which objects are needed, or removes
    /// others (`objects.lock`, never for long).
    #[expect(clippy::disallowed_methods, reason = "whoever fetches blocks, and knows it")]
    pub(super) fn lock(&self, name: &str) -> Result<File, GitError> {
        let path = self.folder.join(name);
        let failed = |source| GitError::Io { action: "lock", path: path.clone(), source };
        let file = File::create(&path).map_err(failed)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if begin.elapsed() > self.settings.timeout => {
                    return Err(GitError::Busy(self.folder.clone()));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// The full name of a local reference. Each followed reference has its own ones.
    pub(super) fn local(&self, name: &str) -> String {
        let digest = Digest::of(self.settings.reference.to_string()).short();
        format!("refs/gw/{digest}/{name}")
    }

    /// The commit that a local reference points to.
    fn reference_to(&self, repository: &Repository, name: &str) -> Result<Option<Oid>, GitError> {
        match repository.find_reference(&self.local(name)) {
            Ok(reference) => Ok(reference.target()),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    /// The tag by which the last good commit was kept, where that is a newer version than `tag`.
    fn newer_release(
        &self,
        repository: &Repository,
        good: Oid,
        tag: &str,
    ) -> Result<Option<String>, GitError> {
        let Reference::Range(_) = self.settings.reference else { return Ok(None) };
        let tags = self.local("tags/");
        let kept = repository.references_glob(&format!("{tags}*"));
        let kept = kept.map_err(|error| self.damaged(&error))?.flatten();
        let of_good = kept.filter(|kept| kept.target() == Some(good));
        let names =
            of_good.filter_map(|kept| Some(kept.name().ok()?.strip_prefix(&tags)?.to_owned()));
        let newest = names.max_by_key(|name| version(name));
        Ok(newest.filter(|name| version(name) > version(tag)))
    }

    /// What people want to know of a commit.
    pub(super) fn describe(
        &self,
        repository: &Repository,
        id: Oid,
        reference: Option<String>,
    ) -> Result<Commit, GitError> {
        let commit = repository.find_commit(id).map_err(|error| self.damaged(&error))?;
        let author = commit.author();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let subject = commit.message_bytes().split(|byte| *byte == b'\n');
        let subject = subject.map(text).find(|line| !line.is_empty());
        Ok(Commit {
            id: id.to_string(),
            reference,
            author: text(author.name_bytes()),
            email: text(author.email_bytes()),
            time: author.when().seconds(),
            committed: commit.time().seconds(),
            subject: subject.unwrap_or_default(),
        })
    }
}
