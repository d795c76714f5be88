//! What is known of a running `gw watch`: its events, folded. Pure: the time is handed in.

mod condition;
mod drift;
mod fold;
mod standing;

use std::time::Duration;

use crate::{model::Process, plan::Summary};

pub use self::{
    condition::{About, Condition, Conditions, Truth},
    drift::Drifting,
    standing::{Health, Sync},
};

/// A moment, by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, since the epoch: for people. It may jump.
    pub wall: Duration,
    /// Since gw began: for measuring. It never jumps.
    pub up: Duration,
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Board {
    /// When gw began.
    pub started: Moment,
    /// Whether revisions must be signed.
    pub is_verifying: bool,
    /// The conditions, as far as events tell them; see [`ready`](Self::ready) for more.
    pub conditions: Conditions,
    /// The last revision that was tried.
    pub attempted: Option<Revision>,
    /// The last revision that was reached with nothing left to do.
    pub applied: Option<Revision>,
    /// The revision that was taken back last; `None` where none was, or it had no name.
    pub taken_back: Option<String>,
    /// When HAProxy was last seen to be as the manifests say.
    pub last_success: Option<Moment>,
    /// The number of the last pass that began.
    pub pass: u64,
    /// What the last pass planned.
    pub plan: Summary,
    /// Objects that wait for something.
    pub pending: usize,
    /// Fields that operators hold by hand, as of the last look at everything.
    pub held: usize,
    /// Objects that somebody else changed.
    pub drift: Drifting,
    /// The repository, where there is one.
    pub source: Option<SourceState>,
    /// Since when another gw's work on the state directory keeps passes from being made; `None` where
    /// none does.
    pub locked_out: Option<Moment>,
    /// How long the last commit that was applied took from when it was made; `None` before one was.
    pub commit_lag: Option<Duration>,
    /// The commit that is wanted: its revision, and when it was made, since the epoch.
    wanted: Option<(String, Duration)>,
    /// Whether HAProxy was as the manifests say when it was compared last.
    sync: Sync,
    /// Whether it was seen not to serve all that it is to serve.
    is_degraded: bool,
    /// Whether gw is about to end.
    pub is_stopping: bool,
}

/// A revision, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its name.
    pub name: String,
    /// When, since the epoch.
    pub at: Duration,
}

/// What is known of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// The revision that it had when it last answered.
    pub revision: Option<String>,
    /// When it last answered.
    pub answered: Option<Moment>,
    /// Why its newest revision is not followed, or not known; `None` where it is.
    pub failure: Option<String>,
    /// What a person has to see to before it is followed: a word for it, and why.
    pub awaits: Option<(&'static str, String)>,
}

/// The HAProxy that answers, as somebody looks for it all the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The process; `None` where none answers.
    pub process: Option<Process>,
    /// Since when one answers or not, since the epoch; `None` where nobody looked yet.
    pub since: Option<Duration>,
    /// How many workers of earlier configurations still live; `None` where nobody can tell.
    pub old_workers: Option<usize>,
}

impl Sight {
    /// What is seen from `now` on.
    pub fn look(&mut self, process: Option<Process>, now: Duration) {
        if self.since.is_none() || self.process.is_some() != process.is_some() {
            self.since = Some(now);
        }
        self.process = process;
    }
}

impl Board {
    /// Before the first event. `is_verifying` tells whether revisions must be signed.
    pub fn new(now: Moment, is_verifying: bool) -> Self {
        Self {
            started: now,
            is_verifying,
            conditions: Conditions::new(now.wall, is_verifying),
            attempted: None,
            applied: None,
            taken_back: None,
            last_success: None,
            pass: 0,
            plan: Summary::default(),
            pending: 0,
            held: 0,
            drift: Drifting::default(),
            source: None,
            locked_out: None,
            commit_lag: None,
            wanted: None,
            sync: Sync::default(),
            is_degraded: false,
            is_stopping: false,
        }
    }

    /// Whether HAProxy is as the manifests say, with what no event tells: that it went away, and
    /// that the last look is older than `fresh`.
    pub fn ready(&self, now: Moment, haproxy: &Sight, fresh: Duration) -> Condition {
        let ready = self.conditions.get(About::Ready).clone();
        if ready.truth != Truth::True {
            return ready;
        }
        if let Sight { process: None, since: Some(since), .. } = haproxy {
            let message = "HAProxy does not answer at its runtime socket".to_owned();
            let (truth, reason) = (Truth::False, "HaproxySilent");
            return Condition { truth, reason, message, since: *since, ..ready };
        }
        let last = self.last_success.unwrap_or(self.started);
        if now.up.saturating_sub(last.up) > fresh {
            let message = format!("the last good pass is older than {} s", fresh.as_secs());
            let (truth, reason) = (Truth::False, "Stale");
            return Condition { truth, reason, message, since: last.wall + fresh, ..ready };
        }
        ready
    }

    /// What `systemctl status` shows: one line.
    pub fn summary(&self) -> String {
        if self.is_stopping {
            return "stopping; HAProxy runs on".to_owned();
        }
        let suspended = self.conditions.get(About::Suspended);
        let ready = self.conditions.get(About::Ready);
        let shown = if suspended.truth == Truth::True { suspended } else { ready };
        let line = format!("{}: {}", shown.reason, shown.message);
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_MAX).collect()
    }
}

/// How long a line for systemd may be.
const LINE_MAX: usize = 200;

#[cfg(test)]
mod tests;
