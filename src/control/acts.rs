//! Whether somebody told gw something, without reading what.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::store::Store;

use super::{holds, quarantine, suspension};

/// What tells a file from the one that was there before: each is written anew and renamed into place.
type Identity = (u64, i64, i64);

/// Looks at the files in which people tell gw what to do.
#[derive(Clone, Debug)]
pub struct Acts {
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
        Self { known: look(&paths), paths, is_quarantined: quarantine.exists(), quarantine }
    }

    /// Takes what there is now for known: somebody is about to read it.
    pub fn note(&mut self) {
        self.known = look(&self.paths);
        self.is_quarantined = self.quarantine.exists();
    }

    /// Whether there is something else now than what is known.
    pub fn are_new(&mut self) -> bool {
        let is_quarantined = self.quarantine.exists();
        self.is_quarantined |= is_quarantined;
        look(&self.paths) != self.known || self.is_quarantined && !is_quarantined
    }
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
        };
        for reason in ["one", "two"] {
            suspension(reason).write(&store).unwrap();
            assert!(acts.are_new() && acts.are_new(), "{reason}");
            acts.note();
            assert!(!acts.are_new(), "{reason}");
        }
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
