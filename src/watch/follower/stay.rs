//! Staying at what was good, where what the manifests ask for was bad.

use crate::{
    intent::Intent,
    model::{Fault, Quarantine},
    reconcile::ReconcileError,
    report::{WatchEvent, pass::PassResult},
};

use super::{super::work::Work, Follower, Left, reach::Goal};

impl Follower<'_> {
    /// Reaches what the manifests ask for, or stays at what was good before where that was bad.
    pub(super) async fn reach_or_stay(
        &mut self,
        intent: &Intent,
        work: &Work,
        is_news: bool,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let is_suspended = self.reconciler.suspended(Some(&intent.revision))?.is_some();
        if !is_suspended && let Some(bad) = self.reconciler.quarantined(intent)? {
            let left = self.stay(intent, bad, is_news, on_event).await?;
            self.gate.note_usual(&self.reconciler).await;
            return Ok(left);
        }
        let is_whole = work.is_whole();
        let goal = Goal { intent, is_whole, is_news, is_way_back: false };
        let left = self.reach(goal, on_event).await?;
        if self.record.result == PassResult::Done {
            // What was bad before was left for this.
            self.reconciler.end_quarantine()?;
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
        is_news: bool,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let is_way_back = bad.back_to.is_some();
        let good = bad.back_to.or(self.reconciler.current()?);
        let mut left = Left::Nothing;
        // After a way back that failed, nobody knows what is good.
        if let Some(good) = good.filter(|_| bad.fault != Fault::Broken) {
            let about = format!("took revision {} back: {}", bad.revision, bad.reason);
            self.reconciler.tell_about(is_way_back.then_some(about));
            let went = match self.reconciler.go_back(Some(good)) {
                Ok((good, _)) => {
                    let goal = Goal { intent: &good, is_whole: true, is_news, is_way_back };
                    self.reach(goal, on_event).await
                }
                Err(error) => Err(error),
            };
            self.reconciler.tell_about(None);
            if is_way_back {
                let (revision, message) = (Some(intent.revision.as_str()), &bad.reason);
                on_event(WatchEvent::RolledBack { revision, message, is_good: went.is_ok() });
            }
            left = went?;
            if is_way_back {
                self.reconciler.quarantine(&Quarantine { back_to: None, ..bad.clone() })?;
            }
        }
        let why = format!("{} (`gw retry` tries it again)", bad.reason);
        self.record.result = match bad.fault {
            Fault::Refused => PassResult::Refused(why),
            Fault::Broken => PassResult::Broken(why),
            Fault::Unhealthy => PassResult::TakenBack(why),
        };
        Ok(left)
    }
}
