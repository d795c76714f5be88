//! What another gw applied meanwhile, perhaps of a newer commit than the one that is known here.

use std::time::{Duration, Instant};

use super::super::vitals::Vitals;

/// So long the server may take to say which commit is the newest.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps gw from undoing what a person applied of a commit that the next poll would have found.
pub(super) struct Others {
    vitals: Vitals,
    /// The generation that the last pass saw or made.
    known: Option<u64>,
    /// The one of another gw that was told last.
    told: Option<u64>,
    /// Since when an answer of the server is waited for.
    asked: Option<Instant>,
    /// Whether it came.
    is_answered: bool,
}

impl Others {
    pub(super) fn new(vitals: &Vitals) -> Self {
        Self { vitals: vitals.clone(), known: None, told: None, asked: None, is_answered: false }
    }

    /// Whether somebody else applied something since the last pass.
    pub(super) fn are_new(&self, current: Option<u64>) -> bool {
        self.known.is_some() && self.known != current
    }

    /// The same, where it was not told yet.
    pub(super) fn is_untold(&mut self, current: Option<u64>) -> bool {
        self.are_new(current) && std::mem::replace(&mut self.told, current) != current
    }

    /// Until when the server's word has to be waited for; `None` where nobody else applied anything
    /// since the last pass. Asks the server.
    pub(super) fn wait(&mut self, current: Option<u64>) -> Option<Instant> {
        if !self.are_new(current) || self.is_answered {
            return None;
        }
        let asked = *self.asked.get_or_insert_with(|| {
            tracing::info!("another gw applied something: asking for the newest commit first");
            self.vitals.hasten();
            Instant::now()
        });
        let due = asked + PATIENCE;
        (due > Instant::now()).then_some(due)
    }

    /// Notes what the server was asked at this moment and has answered, or failed to. Returns whether
    /// that was waited for.
    pub(super) fn hear(&mut self, begun: Instant) -> bool {
        let is_awaited = self.asked.is_some_and(|asked| begun >= asked);
        self.is_answered |= is_awaited;
        is_awaited
    }

    /// Notes which generation a pass saw or made.
    pub(super) fn note(&mut self, current: Option<u64>) {
        (self.known, self.asked, self.is_answered) = (current, None, false);
    }
}
