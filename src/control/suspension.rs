//! Following is stopped: `<state>/suspended.json`.

use crate::{
    model::{DIRTY, PARTIAL, Suspension},
    render::digest_of_files,
    store::{Files, Store, StoreError},
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

    /// Whether it is over at `now` (seconds since the epoch), where the manifests ask for these files
    /// at this revision; `None` where nobody knows what they ask for.
    pub fn is_over(&self, now: u64, wanted: Option<(&str, &Files)>) -> bool {
        self.until.is_some_and(|until| until <= now)
            || wanted.is_some_and(|(revision, files)| self.is_left(revision, files))
    }

    /// Whether the manifests ask for something else than what was left. They do not where only a
    /// certificate of the machine was renewed, or another gw renders them otherwise; nor where another
    /// commit asks for the very same.
    fn is_left(&self, revision: &str, files: &Files) -> bool {
        let Some(left) = &self.ends_with else { return false };
        // Files that differ from their commit may differ again.
        let is_other = whole(left) != whole(revision) || revision.contains(DIRTY);
        let has_others = |left: &String| *left != digest_of_files(files).to_string();
        is_other && self.files.as_ref().is_none_or(has_others)
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
            files: None,
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

    fn files(text: &str) -> Files {
        [("a".to_owned(), text.into())].into()
    }

    #[test]
    fn time_ends_it() {
        assert!(!suspension().is_over(u64::MAX, Some(("b", &files("b")))));
        let until = Suspension { until: Some(200), ..suspension() };
        assert_eq!([199, 200].map(|now| until.is_over(now, None)), [false, true]);
    }

    #[test]
    fn manifests_that_ask_for_something_else_end_it() {
        let left = Suspension {
            ends_with: Some("a".to_owned()),
            files: Some(digest_of_files(&files("bad")).to_string()),
            ..suspension()
        };
        let over = |revision, text| left.is_over(0, Some((revision, &files(text))));
        assert!(!over("a", "bad") && !over("b", "bad") && over("b", "good"));
        // A file of the machine is another one, or gw is.
        assert!(!over("a", "renewed") && !over("a-partial", "renewed"));
        let dirty = Suspension { ends_with: Some("a-dirty".to_owned()), ..left.clone() };
        let over = |text| dirty.is_over(0, Some(("a-dirty", &files(text))));
        assert!(over("good") && !over("bad"));
        assert!(!left.is_over(0, None), "nobody knows what the manifests ask for");
    }

    #[test]
    fn of_what_could_not_be_rendered_another_revision_ends_it() {
        let over = |left: &str, revision| {
            let left = Suspension { ends_with: Some(left.to_owned()), ..suspension() };
            left.is_over(0, Some((revision, &files("good"))))
        };
        assert!(!over("a", "a") && over("a", "b"));
        // What is wrong in a revision for now makes it no other one, on either side.
        assert!(!over("a", "a-partial") && !over("a-partial", "a") && over("a-partial", "b"));
    }
}
