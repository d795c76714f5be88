//! Whether somebody told gw something, without reading what.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::store::Store;

use super::{holds, quarantine, suspension};

/// What tells a file from the one that was there before: each is written anew and renamed into place.
type Identity = (u64, i64, i64);

/// Looks at the files in which people tell gw what to do.
#[derive(Clone, Debug)]
pub struct Acts {
    paths: [PathBuf; 3],
    known: [Option<Identity>; 3],
}

impl Acts {
    /// Knows what there is now.
    pub fn of(store: &Store) -> Self {
        let files = [suspension::FILE, holds::FILE, quarantine::FILE];
        let paths = files.map(|name| store.root().join(name));
        Self { known: look(&paths), paths }
    }

    /// Takes what there is now for known: somebody is about to read it.
    pub fn note(&mut self) {
        self.known = look(&self.paths);
    }

    /// Whether there is something else now than what is known.
    pub fn are_new(&self) -> bool {
        look(&self.paths) != self.known
    }
}

fn look(paths: &[PathBuf; 3]) -> [Option<Identity>; 3] {
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
    }
}
