//! What a gw that follows notes where HAProxy is not what the manifests ask for, or they can't be read:
//! other commands of gw tell it, and go by it.

use crate::{
    model::{Unread, Wanted},
    render::digest_of_files,
    store::{self, Files},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// Notes what the manifests ask for, which HAProxy is not, or only in part, and why. Manifests that are
    /// invalid are rendered to no files.
    pub fn note_wanted(
        &self,
        revision: &str,
        files: Option<&Files>,
        why: Option<String>,
        runs_in_part: bool,
    ) -> Result<(), ReconcileError> {
        let files = files.map(|files| digest_of_files(files).to_string());
        let wanted = Wanted { revision: revision.to_owned(), files, why, runs_in_part };
        // One that can't be read is written anew.
        if Wanted::read(&self.store).ok().flatten().as_ref() == Some(&wanted) {
            return Ok(());
        }
        Ok(wanted.write(&self.store)?)
    }

    /// Notes that HAProxy is what the manifests ask for.
    pub fn note_reached(&self) -> Result<(), ReconcileError> {
        Ok(Wanted::remove(&self.store)?)
    }

    /// What the manifests ask for, as far as it was noted and HAProxy is not that.
    pub fn wanted(&self) -> Result<Option<Wanted>, ReconcileError> {
        Ok(Wanted::read(&self.store)?)
    }

    /// Notes why the manifests can't be read; `None` where they can.
    pub fn note_unread(&self, why: Option<&str>) -> Result<(), ReconcileError> {
        let Some(why) = why else { return Ok(Unread::remove(&self.store)?) };
        let noted = Unread::read(&self.store).ok().flatten();
        if noted.as_ref().is_some_and(|noted| noted.why == why) {
            return Ok(());
        }
        // It lasts since it began, whatever the words for it are by now.
        let since = noted.map_or_else(store::now, |noted| noted.since);
        Ok(Unread { why: why.to_owned(), since }.write(&self.store)?)
    }
}
