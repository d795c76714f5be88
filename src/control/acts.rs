//! Whether somebody told gw something, or what was told before is over by now.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::{
    model::Suspension,
    store::{Store, now},
};

use super::{holds, quarantine, suspension};

/// What tells a file from the one that was there before: each is written anew and renamed into place.
type Identity = (u64, i64, i64);

/// Looks at the files in which people tell gw what to do.
#[derive(Clone, Debug)]
pub struct Acts {
    store: Store,
    /// When the first of them that was in force when they were noted ends, in seconds since the epoch.
    end: Option<u64>,
    paths: [PathBuf; 2],
    known: [Option<Identity>; 2],
    quarantine: PathBuf,
    /// gw writes this file itself; what people do is remove it.
    is_quarantined: bool,
}

impl Acts {
    /// Knows what there is now.
    pub fn of(store: &Store) -> Self {
        let paths = [suspension::FILE, holds::FILE].map(|name| store.root().join(name));
        let quarantine = store.root().join(quarantine::FILE);
        let (known, is_quarantined) = (look(&paths), quarantine.exists());
        let end = first_end(store, now());
        Self { store: store.clone(), end, paths, known, quarantine, is_quarantined }
    }

    /// Takes what there is now for known: somebody is about to read it.
    pub fn note(&mut self) {
        self.known = look(&self.paths);
        self.is_quarantined = self.quarantine.exists();
        self.end = first_end(&self.store, now());
    }

    /// Whether there is something else now than what is known, or the time of something is over.
    pub fn are_new(&mut self) -> bool {
        let is_quarantined = self.quarantine.exists();
        self.is_quarantined |= is_quarantined;
        look(&self.paths) != self.known
            || self.is_quarantined && !is_quarantined
            || self.end.is_some_and(|end| end <= now())
    }
}

/// When the first of what is in force at `now` ends by time.
fn first_end(store: &Store, now: u64) -> Option<u64> {
    // What can't be read is told by whoever acts on it.
    let suspension = Suspension::read(store).ok().flatten().and_then(|one| one.until);
    let holds = holds::ends(store).unwrap_or_default();
    holds.into_iter().chain(suspension).filter(|end| *end > now).min()
}

fn look(paths: &[PathBuf; 2]) -> [Option<Identity>; 2] {
    paths.each_ref().map(|path| {
        // What can't be looked at is told by whoever reads it.
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.ctime(), found.ctime_nsec()))
    })
}

#[cfg(test)]
mod tests {
    use crate::model::Suspension;

    use super::*;

    #[test]
    fn an_act_is_new_until_it_is_noted() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        let mut acts = Acts::of(&store);
        assert!(!acts.are_new());
        let suspension = |reason: &str| Suspension {
            reason: reason.to_owned(),
            by: "alice@web-1".into(),
            since: 100,
            until: None,
            ends_with: None,
            files: None,
        };
        for reason in ["one", "two"] {
            suspension(reason).write(&store).unwrap();
            assert!(acts.are_new() && acts.are_new(), "{reason}");
            acts.note();
            assert!(!acts.are_new(), "{reason}");
        }
        // What ends in time is new once more.
        let brief = Suspension { until: Some(now() + 1), ..suspension("three") };
        brief.write(&store).unwrap();
        acts.note();
        assert_eq!(acts.end, brief.until);
        acts.end = Some(now());
        assert!(acts.are_new());
        Suspension { until: Some(now()), ..brief }.write(&store).unwrap();
        acts.note();
        assert_eq!(acts.end, None, "it was over when it was noted");
        Suspension::remove(&store).unwrap();
        assert!(acts.are_new());
        acts.note();
        store.write_json("other.json", &1).unwrap();
        assert!(!acts.are_new());
        store.write_json(holds::FILE, &1).unwrap();
        assert!(acts.are_new());
        acts.note();
        store.write_json(quarantine::FILE, &1).unwrap();
        assert!(!acts.are_new(), "gw wrote it");
        store.remove_file(quarantine::FILE).unwrap();
        assert!(acts.are_new());
    }
}
