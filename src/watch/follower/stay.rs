//! Staying at what was there, where what the manifests ask for was bad or is not known.

use crate::{
    intent::Intent,
    model::{Fault, PARTIAL, Quarantine},
    reconcile::{LastState, ReconcileError, wanted},
    report::{WatchEvent, pass::PassResult},
};

use super::{
    super::{history::History, work::Work},
    Follower, Left, noted,
    reach::{Goal, Purpose},
};

impl Follower<'_> {
    /// Reaches what the manifests ask for, or stays at what was good before where that was bad.
    pub(super) async fn reach_or_stay(
        &mut self,
        intent: &Intent,
        work: &Work,
        is_news: bool,
        wrong: Option<&str>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let suspended = self.reconciler.suspended(wanted(intent))?;
        self.tell_suspension(suspended.as_ref(), on_event);
        if suspended.is_none()
            && let Some(bad) = self.reconciler.quarantined(intent)?
        {
            self.note_unmet(intent, Some(bad.reason.clone()), false);
            let left = self.stay(intent, bad, on_event).await?;
            self.gate.note_usual(&self.reconciler).await;
            return Ok(left);
        }
        let is_whole = work.is_whole();
        let goal = Goal { intent, is_whole, is_news, purpose: Purpose::Manifests };
        let went = self.reach(goal, on_event).await;
        if let Ok(Left::Behind(_)) = went {
            // A person's last word may be what the manifests ask for by now.
            return went;
        }
        let is_loaded = self.is_loaded();
        match (&went, wrong) {
            (Ok(_), Some(wrong)) if is_loaded => {
                self.note_unmet(intent, Some(wrong.to_owned()), true);
            }
            (Ok(_), None) if is_loaded => noted(self.reconciler.note_reached()),
            (Ok(_), _) => {
                self.note_unmet(intent, self.record.result.obstacle().map(str::to_owned), false);
            }
            (Err(error), _) if error.is_passing() => self.note_unmet(intent, None, false),
            (Err(error), _) => self.note_unmet(intent, Some(error.in_full()), false),
        }
        let left = went?;
        if is_loaded {
            // What was bad before was left for this.
            self.reconciler.end_quarantine()?;
        }
        if self.record.result == PassResult::Done {
            if intent.kept.is_none() && self.gate.generation().is_none() {
                self.keep().await;
            }
            if is_whole {
                self.gate.note_usual(&self.reconciler).await;
            }
        }
        Ok(left)
    }

    /// Holds HAProxy at the last good generation, to which it goes back before where need be.
    async fn stay(
        &mut self,
        intent: &Intent,
        bad: Quarantine,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let is_way_back = bad.back_to.is_some();
        let good = bad.back_to.or(self.reconciler.current()?);
        let mut left = Left::Nothing;
        // After a way back that failed, nobody knows what is good.
        if let Some(good) = good.filter(|_| bad.fault != Fault::Broken) {
            let about = format!("took revision {} back: {}", bad.revision, bad.reason);
            self.reconciler.tell_about(is_way_back.then_some(about));
            let purpose = if is_way_back { Purpose::WayBack } else { Purpose::Stay };
            let went = self.stay_at(good, purpose, on_event).await;
            self.reconciler.tell_about(None);
            if is_way_back {
                self.judge_way_back(intent, &bad, went.as_ref().err(), on_event)?;
            }
            left = went?;
            if !self.is_loaded() {
                return Ok(left);
            }
        }
        self.record.result = kept_out(&bad);
        Ok(left)
    }

    /// Holds HAProxy at what is current, where nobody knows yet what the manifests ask for; at what was
    /// good before where that is still to be gone back to.
    pub(super) async fn stay_without_source(
        &mut self,
        why: String,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let Some(stay) = self.reconciler.last_state()? else {
            self.record.result = PassResult::Failed(why);
            return Ok(Left::Nothing);
        };
        let LastState { generation, revision, is_way_back } = stay;
        if self.staying != Some(generation) {
            let last_good = self.history.as_ref().and_then(History::last_good);
            let is_good = last_good.is_some_and(|good| good.short() == revision);
            on_event(WatchEvent::Staying { generation, revision: &revision, is_good });
            self.staying = Some(generation);
        }
        self.record.revision = Some(revision.clone());
        let purpose = if is_way_back { Purpose::WayBack } else { Purpose::Stay };
        let left = self.stay_at(generation, purpose, on_event).await?;
        if self.record.result == PassResult::Done
            && let Some(short_of) = self.short_of(&revision, &why)?
        {
            self.record.result = short_of;
        }
        Ok(left)
    }

    /// What is known to be asked for although the source can't be read, where that is not what HAProxy
    /// is held at.
    fn short_of(&self, held: &str, why: &str) -> Result<Option<PassResult>, ReconcileError> {
        if let Some(bad) = self.reconciler.bad()? {
            return Ok(Some(kept_out(&bad)));
        }
        let wanted = self.reconciler.wanted()?.filter(|wanted| wanted.revision != held);
        Ok(match wanted {
            Some(wanted) => Some(PassResult::Pending(format!(
                "revision {} was asked for last, and can't be read: {why}",
                wanted.revision
            ))),
            None if !self.history.as_ref().is_some_and(|history| history.knows(held)) => {
                Some(PassResult::Pending(format!(
                    "nobody knows what is asked for, since the repository was not read: {why}"
                )))
            }
            None if held.ends_with(PARTIAL) => Some(PassResult::Partial(format!(
                "something in it was wrong, and can't be read: {why}"
            ))),
            None => None,
        })
    }

    /// Holds HAProxy at a generation.
    async fn stay_at(
        &mut self,
        generation: u64,
        purpose: Purpose,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let (intent, _) = self.reconciler.go_back(Some(generation))?;
        let goal = Goal { intent: &intent, is_whole: true, is_news: false, purpose };
        self.reach(goal, on_event).await
    }

    /// Tells whether a change was taken back. It is tried again until HAProxy is where it was good.
    fn judge_way_back(
        &mut self,
        intent: &Intent,
        bad: &Quarantine,
        error: Option<&ReconcileError>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<(), ReconcileError> {
        let revision = Some(intent.revision.as_str());
        if self.is_loaded() {
            self.way_back_failure = None;
            self.reconciler.note_way_back(bad)?;
            on_event(WatchEvent::RolledBack { revision, message: &bad.reason, is_good: true });
            return Ok(());
        }
        let obstacle = match (error, self.record.result.message()) {
            // Another gw at work, or an HAProxy that starts, has its end.
            (Some(error), _) if error.is_passing() => return Ok(()),
            (Some(error), _) => error.in_full(),
            (None, Some(why)) => why.to_owned(),
            // Following was suspended meanwhile.
            (None, None) => return Ok(()),
        };
        let message = format!("{}; and the way back failed: {obstacle}", bad.reason);
        if self.way_back_failure.as_ref() != Some(&message) {
            on_event(WatchEvent::RolledBack { revision, message: &message, is_good: false });
            self.way_back_failure = Some(message.clone());
        }
        self.record.result = PassResult::Broken(message);
        Ok(())
    }

    /// Whether HAProxy has, or will start with, what this pass was to reach.
    fn is_loaded(&self) -> bool {
        self.record.report.as_ref().is_some_and(|report| report.loading.is_taken())
    }

    /// Notes for `gw rollback` and for people what valid manifests ask for, where HAProxy is not that, or
    /// only in part, and why.
    fn note_unmet(&self, intent: &Intent, why: Option<String>, runs_in_part: bool) {
        let files = Some(&intent.rendered.files);
        noted(self.reconciler.note_wanted(&intent.revision, files, why, runs_in_part));
    }
}

/// What a pass comes to where something is not tried again.
fn kept_out(bad: &Quarantine) -> PassResult {
    let why = format!("{} (`gw retry` tries it again)", bad.reason);
    match bad.fault {
        Fault::Refused => PassResult::Refused(why),
        Fault::Broken => PassResult::Broken(why),
        Fault::Unhealthy => PassResult::TakenBack(why),
    }
}
