//! Following is stopped: `<state>/suspended.json`.

use crate::{
    model::{PARTIAL, Suspension},
    store::{Store, StoreError},
};

/// The file below the state directory. While it is there, nothing is followed.
pub(super) const FILE: &str = "suspended.json";

impl Suspension {
    /// The one in force or expired; `None` where there is none.
    pub fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        store.read_json(FILE)
    }

    /// Puts it in force, in place of any other. Returns the bytes written.
    pub fn write(&self, store: &Store) -> Result<u64, StoreError> {
        store.write_json(FILE, self)
    }

    /// Ends whatever is in force. Returns whether there was something to end.
    pub fn remove(store: &Store) -> Result<bool, StoreError> {
        store.remove_file(FILE)
    }

    /// Whether it is over at `now` (seconds since the epoch), for a source at `revision`.
    pub fn is_over(&self, now: u64, revision: &str) -> bool {
        self.until.is_some_and(|until| until <= now)
            || self.ends_with.as_ref().is_some_and(|left| whole(left) != whole(revision))
    }
}

/// A revision, whether or not something in it is wrong for now.
fn whole(revision: &str) -> &str {
    revision.strip_suffix(PARTIAL).unwrap_or(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspension() -> Suspension {
        Suspension {
            reason: "rolled back to generation 3".into(),
            by: "alice@web-1".into(),
            since: 100,
            until: None,
            ends_with: None,
        }
    }

    #[test]
    fn it_is_kept_until_it_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        assert_eq!(Suspension::read(&store).unwrap(), None);
        for suspension in [suspension(), Suspension { until: Some(7), ..suspension() }] {
            assert!(suspension.write(&store).unwrap() > 0);
            assert_eq!(Suspension::read(&store).unwrap(), Some(suspension));
        }
        assert!(Suspension::remove(&store).unwrap());
        assert!(!Suspension::remove(&store).unwrap());
        assert_eq!(Suspension::read(&store).unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_told() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        std::fs::write(root.path().join(FILE), "{").unwrap();
        let error = Suspension::read(&store).unwrap_err();
        assert!(error.to_string().contains(FILE), "{error}");
        assert!(error.hint().unwrap().contains(FILE), "{error}");
    }

    #[test]
    fn time_or_another_revision_ends_it() {
        assert!(!suspension().is_over(u64::MAX, "b"));
        let until = Suspension { until: Some(200), ..suspension() };
        assert_eq!([199, 200].map(|now| until.is_over(now, "b")), [false, true]);
        let ends_with = Some("a".to_owned());
        let left = Suspension { ends_with, ..suspension() };
        assert_eq!(["a", "b"].map(|revision| left.is_over(0, revision)), [false, true]);
        // What is wrong in a revision for now makes it no other one, on either side.
        assert!(!left.is_over(0, "a-partial"));
        let partial = Suspension { ends_with: Some("a-partial".to_owned()), ..suspension() };
        assert_eq!(["a", "b"].map(|revision| partial.is_over(0, revision)), [false, true]);
    }
}
