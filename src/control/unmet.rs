//! What a gw that follows notes for people and for other commands of gw: what the manifests ask for where
//! HAProxy is not that, `<state>/wanted.json`; and that they can't be read, `<state>/unread.json`.

use crate::{
    model::{Unread, Wanted},
    store::{Store, StoreError},
};

/// The file below the state directory.
const WANTED: &str = "wanted.json";
/// The file below the state directory.
const UNREAD: &str = "unread.json";

impl Wanted {
    /// What was noted last; `None` where HAProxy is, or was, what the manifests ask for.
    pub fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        store.read_json(WANTED)
    }

    /// Notes it, for a rollback: that leaves what the manifests ask for, wherever HAProxy is.
    pub fn write(&self, store: &Store) -> Result<(), StoreError> {
        store.write_json(WANTED, self).map(drop)
    }

    /// Forgets what was noted: HAProxy is what the manifests ask for.
    pub fn remove(store: &Store) -> Result<(), StoreError> {
        store.remove_file(WANTED).map(drop)
    }
}

impl Unread {
    /// What was noted last; `None` where the manifests can be read.
    pub fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        store.read_json(UNREAD)
    }

    /// Notes it.
    pub fn write(&self, store: &Store) -> Result<(), StoreError> {
        store.write_json(UNREAD, self).map(drop)
    }

    /// Forgets what was noted: the manifests were read.
    pub fn remove(store: &Store) -> Result<(), StoreError> {
        store.remove_file(UNREAD).map(drop)
    }
}
