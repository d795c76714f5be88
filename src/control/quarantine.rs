//! Manifests that are not tried again: `<state>/quarantine.json`.

use crate::{
    model::{Fault, Quarantine},
    render::digest_of_files,
    store::{self, Files, Store, StoreError},
};

/// The file below the state directory.
pub(super) const FILE: &str = "quarantine.json";

impl Quarantine {
    /// Files that are not to be tried again.
    pub fn new(revision: &str, files: &Files, fault: Fault, reason: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            files: digest_of_files(files).to_string(),
            fault,
            reason: reason.to_owned(),
            back_to: None,
            since: store::now(),
        }
    }

    /// The one in force; `None` where there is none.
    pub fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        store.read_json(FILE)
    }

    /// Puts it in force, in place of any other.
    pub fn write(&self, store: &Store) -> Result<(), StoreError> {
        store.write_json(FILE, self).map(drop)
    }

    /// Ends whatever is in force. Returns whether there was something to end.
    pub fn remove(store: &Store) -> Result<bool, StoreError> {
        store.remove_file(FILE)
    }

    /// Whether it is about these files, by whatever revision they are asked for.
    pub fn is_about(&self, files: &Files) -> bool {
        self.files == digest_of_files(files).to_string()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::REVISION;

    use super::*;

    fn files(text: &str) -> Files {
        [("a".to_owned(), text.into())].into()
    }

    #[test]
    fn it_is_about_the_same_files_until_it_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        assert_eq!(Quarantine::read(&store).unwrap(), None);
        let bad = Quarantine::new("b", &files("bad"), Fault::Unhealthy, "why");
        bad.write(&store).unwrap();
        let found = Quarantine::read(&store).unwrap().unwrap();
        assert_eq!(found, bad);
        assert!(found.is_about(&files("bad")) && !found.is_about(&files("good")));
        // Another revision, or a comment, makes it no other change.
        let same = [("a".to_owned(), "# why\nbad\n".into()), (REVISION.to_owned(), "c".into())];
        assert!(found.is_about(&same.into()));
        assert!(Quarantine::remove(&store).unwrap());
        assert!(!Quarantine::remove(&store).unwrap());
    }
}
