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

    /// Has what runs taken back by the next pass, and not tried again. Nobody goes back to it later, nor to
    /// what came between it and the generation that was good.
    pub fn condemn(&self, bad: &Quarantine) -> Result<(), ReconcileError> {
        let after = |number: &u64| bad.back_to.is_none_or(|good| *number > good);
        for number in self.store.numbers()?.into_iter().filter(after) {
            if let Ok(generation) = self.store.generation(number) {
                self.store.note_refusal(&generation, &format!("taken back: {}\n", bad.reason))?;
            }
        }
        self.quarantine(bad)
    }

    /// Refuses an intent while following is suspended, and forgets a suspension that is over with it.
    pub(super) fn heed_suspension(&self, intent: &Intent) -> Result<(), ReconcileError> {
        if self.even_if_suspended {
            return Ok(());
        }
        match Suspension::read(&self.store)? {
            Some(found) if !found.is_over(store::now(), &intent.revision) => {
                Err(ReconcileError::Suspended(found))
            }
            Some(_) => Ok(Suspension::remove(&self.store).map(drop)?),
            None => Ok(()),
        }
    }

    /// Forgets what was not to be tried again. Returns whether there was something.
    pub fn end_quarantine(&self) -> Result<bool, ReconcileError> {
        Ok(Quarantine::remove(&self.store)?)
    }
}
