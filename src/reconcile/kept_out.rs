//! What keeps manifests out: following is suspended, or they were bad before.

use crate::{
    intent::{self, Intent},
    model::{Quarantine, Suspension},
    report::text,
    store::{self, Files},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// Why manifests that ask for these files at this revision are not followed at present; `None`
    /// are manifests of which nobody knows what they ask for.
    pub fn suspended(
        &self,
        wanted: Option<(&str, &Files)>,
    ) -> Result<Option<Suspension>, ReconcileError> {
        let found = Suspension::read(&self.store)?;
        Ok(found.filter(|found| !found.is_over(store::now(), wanted)))
    }

    /// Forgets what stood in for manifests that were wrong: others were applied as a whole.
    pub fn forget_good(&self) -> Result<(), ReconcileError> {
        Ok(intent::forget_good(&self.store)?)
    }

    /// Why an intent is not followed at present, with remarks on that.
    pub(super) fn kept_out(
        &self,
        intent: &Intent,
        remarks: &mut Vec<String>,
    ) -> Result<Option<Suspension>, ReconcileError> {
        let suspended = self.suspended(wanted(intent))?;
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

    /// Where to stay as long as nobody knows what the manifests ask for; `None` where nothing was
    /// applied yet.
    pub fn last_state(&self) -> Result<Option<LastState>, ReconcileError> {
        let back_to = self.bad()?.and_then(|bad| bad.back_to);
        let found = match back_to {
            Some(number) => Some(self.store.generation(number)?),
            None => self.store.current()?,
        };
        let found = found.filter(|found| found.metadata.revision != store::NO_REVISION);
        Ok(found.map(|found| LastState {
            generation: found.number,
            revision: found.metadata.revision,
            is_way_back: back_to.is_some(),
        }))
    }

    /// What is not tried again.
    pub fn bad(&self) -> Result<Option<Quarantine>, ReconcileError> {
        Ok(Quarantine::read(&self.store)?)
    }

    /// Why what an intent asks for is not tried again, if it is not.
    pub fn quarantined(&self, intent: &Intent) -> Result<Option<Quarantine>, ReconcileError> {
        Ok(self.bad()?.filter(|found| found.is_about(&intent.rendered.files)))
    }

    /// Sees to it that something is not tried again.
    pub fn quarantine(&self, what: &Quarantine) -> Result<(), ReconcileError> {
        Ok(what.write(&self.store)?)
    }

    /// Notes that what is not tried again was taken back, unless somebody wants it to be tried again by
    /// now.
    pub fn note_way_back(&self, bad: &Quarantine) -> Result<(), ReconcileError> {
        let _lock = self.store.lock()?;
        if self.bad()?.as_ref() == Some(bad) {
            self.quarantine(&Quarantine { back_to: None, ..bad.clone() })?;
        }
        Ok(())
    }

    /// Has the generation that runs taken back by the next pass, and not tried again. Nobody goes back to it
    /// later, nor to what came between it and the generation that was good. Returns whether that is so:
    /// somebody may have put another one in its place.
    pub fn condemn(&self, generation: u64, bad: &Quarantine) -> Result<bool, ReconcileError> {
        let _lock = self.store.lock()?;
        if self.current()? != Some(generation) {
            return Ok(false);
        }
        let after = |number: &u64| bad.back_to.is_none_or(|good| *number > good);
        for number in self.store.numbers()?.into_iter().filter(after) {
            if let Ok(generation) = self.store.generation(number) {
                self.store.note_refusal(&generation, &format!("taken back: {}\n", bad.reason))?;
            }
        }
        self.quarantine(bad)?;
        Ok(true)
    }

    /// Forgets a suspension that is over with an intent that asks for nothing; unless another gw is at
    /// work, which may put one in force.
    pub(super) fn forget_suspension(&self, intent: &Intent) -> Result<(), ReconcileError> {
        let is_over = || {
            let found = Suspension::read(&self.store)?;
            Ok::<_, ReconcileError>(
                found.is_some_and(|found| found.is_over(store::now(), wanted(intent))),
            )
        };
        if is_over()?
            && let Ok(_lock) = self.store.lock()
            && is_over()?
        {
            Suspension::remove(&self.store)?;
        }
        Ok(())
    }

    /// Refuses an intent while following is suspended, and forgets a suspension that is over with it.
    pub(super) fn heed_suspension(&self, intent: &Intent) -> Result<(), ReconcileError> {
        if self.even_if_suspended {
            return Ok(());
        }
        match Suspension::read(&self.store)? {
            Some(found) if !found.is_over(store::now(), wanted(intent)) => {
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

/// What HAProxy is to be while the source is not to be had.
pub struct LastState {
    /// The number of the generation.
    pub generation: u64,
    /// The revision that it was made of.
    pub revision: String,
    /// Whether a change that was worse is still to be taken back, to this one.
    pub is_way_back: bool,
}

/// What the manifests ask for, as far as an intent tells.
pub fn wanted(intent: &Intent) -> Option<(&str, &Files)> {
    (!intent.is_generation).then_some((&*intent.revision, &intent.rendered.files))
}
