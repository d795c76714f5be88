//! What another gw applied meanwhile, perhaps of a newer commit than the one that is known here.

use std::time::{Duration, Instant};

use super::{super::vitals::Vitals, Follower};

/// So long the server may take to say which commit is the newest.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps gw from undoing what a person applied of a commit that the next poll would have found.
pub(super) struct Others {
    vitals: Vitals,
    /// The generation that was current after the last pass.
    known: Option<u64>,
    /// Until when an answer of the server is waited for.
    due: Option<Instant>,
}

impl Others {
    pub(super) fn new(vitals: &Vitals) -> Self {
        Self { vitals: vitals.clone(), known: None, due: None }
    }

    /// Until when the server's word has to be waited for; `None` where nobody else applied anything
    /// since the last pass. Asks the server.
    pub(super) fn wait(&mut self, current: Option<u64>) -> Option<Instant> {
        if self.known.is_none() || self.known == current {
            return None;
        }
        let due = *self.due.get_or_insert_with(|| {
            tracing::info!("another gw applied something: asking for the newest commit first");
            self.vitals.hasten();
            Instant::now() + PATIENCE
        });
        (due > Instant::now()).then_some(due)
    }

    /// Notes that the server answered, or failed to. Returns whether that was waited for.
    pub(super) fn end_wait(&mut self) -> bool {
        self.due.take().is_some_and(|due| due > Instant::now())
    }

    /// Notes what is current after a pass.
    pub(super) fn note(&mut self, current: Option<u64>) {
        (self.known, self.due) = (current, None);
    }
}

impl Follower<'_> {
    /// Until when a look at everything has to wait for what the repository's server says.
    pub(super) fn newer_due(&mut self) -> Option<Instant> {
        let _ = self.history.as_ref()?;
        self.others.wait(self.reconciler.current().ok()?)
    }
}
