//! How HAProxy stands, on two axes that say nothing about each other: whether it is as the manifests
//! say, and whether it serves.

use crate::{
    plan::{Action, Outcome},
    report::pass::{PassRecord, PassResult},
};

use super::{Board, Sight};

/// Whether HAProxy is as the manifests say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// It is.
    Synced,
    /// It is not.
    OutOfSync,
    /// Nobody compared lately: following is suspended, or HAProxy or the manifests can't be read.
    #[default]
    Unknown,
}

impl Sync {
    /// The word for it, in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::OutOfSync => "out_of_sync",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether HAProxy serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers, and serves all that it is to serve as far as gw sees.
    Healthy,
    /// It answers, but something that gw put in waits for its first good check, or a way back failed.
    Degraded,
    /// It does not answer.
    Down,
    /// Nobody looked yet.
    Unknown,
}

impl Health {
    /// The word for it, in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl Board {
    /// Whether HAProxy is as the manifests say. `is_ready` is what [`ready`](Self::ready) says.
    pub fn sync(&self, haproxy: &Sight, is_ready: bool) -> Sync {
        let is_silent = haproxy.since.is_some() && haproxy.process.is_none();
        match self.sync {
            Sync::Synced if !is_ready => Sync::Unknown,
            _ if is_silent => Sync::Unknown,
            sync => sync,
        }
    }

    /// Whether HAProxy serves.
    pub fn health(&self, haproxy: &Sight) -> Health {
        match haproxy {
            Sight { since: None, .. } => Health::Unknown,
            Sight { process: None, .. } => Health::Down,
            Sight { process: Some(_), .. } if self.is_degraded => Health::Degraded,
            Sight { process: Some(_), .. } => Health::Healthy,
        }
    }

    /// Takes in how a pass left HAProxy, after what it says about drift.
    pub(super) fn note_standing(&mut self, pass: &PassRecord) {
        self.sync = match pass.result {
            PassResult::Done if self.drift.left() == 0 => Sync::Synced,
            // What a guard refuses was compared.
            PassResult::Failed(_) if pass.refusals.is_empty() => Sync::Unknown,
            PassResult::Ended => Sync::Unknown,
            PassResult::Done
            | PassResult::Pending(_)
            | PassResult::Incomplete(_)
            | PassResult::Refused(_)
            | PassResult::Broken(_)
            | PassResult::TakenBack(_)
            | PassResult::Partial(_)
            | PassResult::Invalid(_)
            | PassResult::Failed(_) => Sync::OutOfSync,
        };
        if let (Some(plan), Some(report)) = (&pass.plan, &pass.report) {
            // What is to go serves no worse while it does.
            let mut steps = plan.steps.iter().zip(&report.outcomes);
            let is_waiting = steps.any(|(step, outcome)| {
                step.action != Action::Remove && matches!(outcome, Outcome::Pending(_))
            });
            self.is_degraded = is_waiting || matches!(pass.result, PassResult::Broken(_));
        }
    }
}
