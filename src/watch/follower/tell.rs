//! What is told once and noted, not at each pass again.

use std::{error::Error, iter, mem, time::Instant};

use crate::{
    model::Suspension,
    plan::{Cause, Outcome, Plan, Report},
    reconcile::{LastState, ReconcileError},
    report::{WatchEvent, pass::PassResult},
};

use super::{super::history::History, Follower};

impl Follower<'_> {
    /// Notes whether the manifests can be read.
    pub(super) fn note_unread(&self) {
        let failure = self.history.as_ref().and_then(History::failure);
        let failure = failure.or(self.unreadable.as_deref());
        // Before the first look nobody knows.
        if failure.is_some() || self.record.number > 0 {
            noted(self.reconciler.note_unread(failure));
        }
    }

    /// Tells that HAProxy does not run any more, or runs again.
    pub(super) fn tell_haproxy(&mut self, on_event: &mut dyn FnMut(WatchEvent<'_>)) {
        let Some(is_running) = self.record.is_running else { return };
        if self.was_running.replace(is_running).is_some_and(|was| was != is_running) {
            on_event(WatchEvent::Haproxy { is_running });
        }
    }

    /// Tells once what another gw applied.
    pub(super) fn tell_others(
        &mut self,
        current: Option<u64>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<(), ReconcileError> {
        if self.others.is_untold(current)
            && let Some(state) = self.reconciler.last_state()?
        {
            let LastState { generation, revision, .. } = state;
            on_event(WatchEvent::Others { generation, revision: &revision });
        }
        Ok(())
    }

    /// Tells whether following is suspended, when that changes.
    pub(super) fn tell_suspension(
        &mut self,
        now: Option<&Suspension>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        let was = mem::replace(&mut self.suspended, now.cloned());
        match now {
            Some(suspended) if was.as_ref() != now => on_event(WatchEvent::Suspended {
                reason: &suspended.reason,
                by: &suspended.by,
                since: suspended.since,
                until: suspended.until,
            }),
            None if was.is_some() => on_event(WatchEvent::Resumed),
            Some(_) | None => {}
        }
    }

    /// Tells which objects somebody keeps changing back.
    pub(super) fn tell_flapping(
        &mut self,
        plan: &Plan,
        report: &Report,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        let corrected = plan
            .steps
            .iter()
            .zip(&report.outcomes)
            .filter(|(step, outcome)| step.cause == Cause::Drift && **outcome == Outcome::Done);
        let corrected: Vec<String> = corrected.map(|(step, _)| step.object.to_string()).collect();
        for flapping in self.flaps.hear(Instant::now(), corrected) {
            if flapping.is_news {
                let message = format!(
                    "somebody keeps changing {} back: gw corrected it {} times within {} s",
                    flapping.object,
                    flapping.times,
                    flapping.within.as_secs()
                );
                let hint = "find out who does; `gw hold` or `gw suspend` ends the quarrel";
                on_event(WatchEvent::Failed { message: &message, hint: Some(hint) });
            }
        }
    }

    /// Tells that a pass failed, with all causes.
    pub(super) fn failed(
        &mut self,
        error: &dyn Error,
        hint: Option<&str>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        let message = chain(error);
        if self.failure.as_ref() != Some(&message) {
            on_event(WatchEvent::Failed { message: &message, hint });
        }
        self.record.result = PassResult::Failed(message.clone());
        self.failure = Some(message);
    }
}

/// What can't be noted must not keep HAProxy from what is wanted.
pub(super) fn noted(noted: Result<(), ReconcileError>) {
    if let Err(error) = noted {
        tracing::warn!(%error, "can't note how far the manifests are followed");
    }
}

/// An error with all its causes, as one text.
pub(in crate::watch) fn chain(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
