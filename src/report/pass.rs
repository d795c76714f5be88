//! One pass of `gw watch`, as it is told when it ends. Plain data, filled by the loop.

use std::time::Duration;

use crate::{
    guard::Guard,
    plan::{Loading, Object, Plan, Report},
};

/// Why a pass is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassCause {
    /// It is the first one.
    Start,
    /// Manifests, or files that they refer to, changed.
    Files,
    /// The repository has another commit.
    Commit,
    /// Somebody asks for it (SIGHUP).
    Asked,
    /// Somebody held or released a server, suspended following or resumed it, or the time of that is
    /// over.
    Operator,
    /// Another HAProxy process answers than before.
    Haproxy,
    /// It is time to compare everything.
    Resync,
    /// The last pass left something to do.
    Retry,
    /// HAProxy serves worse than before the last change.
    Health,
}

impl PassCause {
    /// The word for it, in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Commit => "commit",
            Self::Asked => "asked",
            Self::Operator => "operator",
            Self::Haproxy => "haproxy",
            Self::Resync => "resync",
            Self::Retry => "retry",
            Self::Health => "health",
        }
    }

    /// Whether it means that the manifests are others than before.
    pub fn is_news(self) -> bool {
        match self {
            Self::Start | Self::Files | Self::Commit => true,
            Self::Asked
            | Self::Operator
            | Self::Haproxy
            | Self::Resync
            | Self::Retry
            | Self::Health => false,
        }
    }
}

/// How a pass ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PassResult {
    /// It was given up: a signal, or an end of gw.
    #[default]
    Ended,
    /// Everything is as the manifests say.
    Done,
    /// Something is left, which later passes finish: what.
    Pending(String),
    /// Something could not be done: HAProxy's words.
    Incomplete(String),
    /// HAProxy refused the files; the old ones are in use: its words.
    Refused(String),
    /// The way back failed, too: what happened.
    Broken(String),
    /// HAProxy served worse with it; what was before is in use: in what way.
    TakenBack(String),
    /// What is wrong in the manifests stayed what it was, and the rest is done: the first error.
    Partial(String),
    /// The manifests have errors, so nothing was touched: the first one.
    Invalid(String),
    /// The pass could not be made: why.
    Failed(String),
}

impl PassResult {
    /// What follows from a report.
    pub fn of(plan: &Plan, report: &Report) -> Self {
        use crate::plan::Outcome::{Failed, Pending, Skipped};
        let told = |is: fn(&crate::plan::Outcome) -> Option<&str>| {
            let mut steps = plan.steps.iter().zip(&report.outcomes);
            steps.find_map(|(step, outcome)| {
                is(outcome).map(|why| format!("{}: {why}", step.object))
            })
        };
        match &report.loading {
            Loading::Refused { message, .. } => return Self::Refused(message.clone()),
            Loading::Broken { message } => return Self::Broken(message.clone()),
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => {}
        }
        let failed = told(|outcome| match outcome {
            Failed(why) => Some(why),
            _ => None,
        });
        let pending = told(|outcome| match outcome {
            Pending(why) | Skipped(why) => Some(why),
            _ => None,
        });
        match (failed, pending) {
            (Some(why), _) => Self::Incomplete(why),
            (None, Some(why)) => Self::Pending(why),
            (None, None) => Self::Done,
        }
    }

    /// The word for it, in logs, metrics and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Done => "done",
            Self::Pending(_) => "pending",
            Self::Incomplete(_) => "incomplete",
            Self::Refused(_) => "refused",
            Self::Broken(_) => "broken",
            Self::TakenBack(_) => "taken_back",
            Self::Partial(_) => "partial",
            Self::Invalid(_) => "invalid",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is not done, where that is more than a matter of time.
    pub fn obstacle(&self) -> Option<&str> {
        self.message().filter(|_| !matches!(self, Self::Pending(_)))
    }

    /// Why it is not done.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Ended | Self::Done => None,
            Self::Pending(why)
            | Self::Incomplete(why)
            | Self::Refused(why)
            | Self::Broken(why)
            | Self::TakenBack(why)
            | Self::Partial(why)
            | Self::Invalid(why)
            | Self::Failed(why) => Some(why),
        }
    }
}

/// What kept a pass from being made, as far as that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Another gw is at work on the state directory.
    Lock,
    /// HAProxy could not be talked to.
    Socket,
}

/// How long the parts of a pass took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Reading and compiling the manifests.
    pub compile: Duration,
    /// Reading HAProxy, and planning; zero where it did not come to that.
    pub plan: Duration,
    /// Carrying the plan out, and waiting for servers; zero where it did not come to that.
    pub apply: Duration,
}

/// What a pass found and did.
#[derive(Clone, Debug, Default)]
pub struct PassRecord {
    /// Its number, from 1 for each run of gw.
    pub number: u64,
    /// Why it was made.
    pub causes: Vec<PassCause>,
    /// The revision of the manifests; `None` where they could not be read.
    pub revision: Option<String>,
    /// Whether all of HAProxy was compared, rather than what changed in the manifests.
    pub is_whole: bool,
    /// Whether HAProxy ran; `None` where it did not come to that.
    pub is_running: Option<bool>,
    /// What was planned; `None` where it did not come to that.
    pub plan: Option<Plan>,
    /// What became of the plan; `None` where it did not come to that.
    pub report: Option<Report>,
    /// What somebody else changed and is left alone, since drift is only reported.
    pub drift_left: Vec<Object>,
    /// The guards that refused the plan.
    pub refusals: Vec<Guard>,
    /// How it ended.
    pub result: PassResult,
    /// The generation that the health gate has yet to judge; `None` where nothing is on trial.
    pub on_trial: Option<u64>,
    /// What kept it from being made, where it failed because of that.
    pub obstacle: Option<Obstacle>,
    /// How long its parts took.
    pub phases: Phases,
}

impl PassRecord {
    /// How long all of it took.
    pub fn duration(&self) -> Duration {
        self.phases.compile + self.phases.plan + self.phases.apply
    }

    /// Whether the manifests are others than before.
    pub fn is_news(&self) -> bool {
        self.causes.iter().any(|cause| cause.is_news())
    }
}
