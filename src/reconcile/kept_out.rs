//! What keeps manifests out: following is suspended, or they were bad before.

use crate::{
    intent::Intent,
    model::{Quarantine, Suspension},
    report::text,
    store,
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// Why a source at `revision` is not followed at present; `None` is one of which nobody knows
    /// where it stands.
    pub fn suspended(&self, revision: Option<&str>) -> Result<Option<Suspension>, ReconcileError> {
        let in_force = Suspension::read(&self.store)?.filter(|found| {
            let left = found.ends_with.as_deref().unwrap_or_default();
            !found.is_over(store::now(), revision.unwrap_or(left))
        });
        Ok(in_force)
    }

    /// Why an intent is not followed at present, with remarks on that.
    pub(super) fn kept_out(
        &self,
        intent: &Intent,
        remarks: &mut Vec<String>,
    ) -> Result<Option<Suspension>, ReconcileError> {
        let suspended = self.suspended(Some(&intent.revision))?;
        remarks.extend(suspended.iter().map(text::suspended));
        let bad = self.quarantined(intent)?;
        remarks.extend(bad.iter().map(|bad| {
            format!("{}; `gw watch` does not try it again until `gw retry`", text::quarantined(bad))
        }));
        Ok(suspended)
    }

    /// The number of the generation that is current on disk.
    pub fn current(&self) -> Result<Option<u64>, ReconcileError> {
        Ok(self.store.current()?.map(|current| current.number))
    }

    /// Why what an intent asks for is not tried again, if it is not.
    pub fn quarantined(&self, intent: &Intent) -> Result<Option<Quarantine>, ReconcileError> {
        let found = Quarantine::read(&self.store)?;
        Ok(found.filter(|found| found.is_about(&intent.rendered.files)))
    }

    /// Sees to it that something is not tried again.
    pub fn quarantine(&self, what: &Quarantine) -> Result<(), ReconcileError> {
        Ok(what.write(&self.store)?)
    }

    /// Forgets what was not to be tried again. Returns whether there was something.
    pub fn end_quarantine(&self) -> Result<bool, ReconcileError> {
        Ok(Quarantine::remove(&self.store)?)
    }
}
