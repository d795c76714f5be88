//! The words that JSON has for our enums. They are apart from those, so that a new name inside gw
//! is not a new format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Fault, Severity},
    plan::{Action, Cause, Mechanism},
    report::{
        board::{About, Truth},
        kind::Kind,
        pass::PassResult,
    },
};

/// Defines the words for an enum.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident as $schema:literal {
        $($(#[$word_doc:meta])* $word:ident),+ $(,)?
    }) => {
        words! { $(#[$doc])* $name as $schema, "snake_case" { $($(#[$word_doc])* $word),+ } }
    };
    ($(#[$doc:meta])* $name:ident as $schema:literal, $case:literal {
        $($(#[$word_doc:meta])* $word:ident),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = $case)]
        #[schemars(rename = $schema)]
        pub enum $name { $($(#[$word_doc])* $word),+ }
    };
}

words! {
    /// What sort of object a step is about.
    #[expect(missing_docs, reason = "the words explain themselves")]
    KindWord as "Kind" { Settings, Frontend, Certificate, Backend, Server, Route, Files }
}

impl From<Kind> for KindWord {
    fn from(value: Kind) -> Self {
        match value {
            Kind::Settings => Self::Settings,
            Kind::Frontend => Self::Frontend,
            Kind::Certificate => Self::Certificate,
            Kind::Backend => Self::Backend,
            Kind::Server => Self::Server,
            Kind::Route => Self::Route,
            Kind::Files => Self::Files,
        }
    }
}

words! {
    /// What happens to an object.
    #[expect(missing_docs, reason = "the words explain themselves")]
    ActionWord as "Action" { Add, Change, Remove }
}

impl From<Action> for ActionWord {
    fn from(value: Action) -> Self {
        match value {
            Action::Add => Self::Add,
            Action::Change => Self::Change,
            Action::Remove => Self::Remove,
        }
    }
}

words! {
    /// By what means a change is made.
    #[expect(missing_docs, reason = "the words explain themselves")]
    MechanismWord as "Mechanism" { Runtime, Reload }
}

impl ActionWord {
    /// The action.
    pub(in crate::report) fn action(self) -> Action {
        match self {
            Self::Add => Action::Add,
            Self::Change => Action::Change,
            Self::Remove => Action::Remove,
        }
    }
}

impl From<Mechanism> for MechanismWord {
    fn from(value: Mechanism) -> Self {
        match value {
            Mechanism::Runtime => Self::Runtime,
            Mechanism::Reload => Self::Reload,
        }
    }
}

words! {
    /// Where the need for a step comes from: a commit is a difference between the manifests and the
    /// generation that gw made last; drift is one between that and the process; a hold is set again,
    /// or has ended; a note of gw's in the process is brought in line with what is so.
    #[expect(missing_docs, reason = "the words explain themselves")]
    NeedWord as "Need" { Commit, Drift, Hold, Note }
}

impl From<Cause> for NeedWord {
    fn from(value: Cause) -> Self {
        match value {
            Cause::Commit => Self::Commit,
            Cause::Drift => Self::Drift,
            Cause::Hold => Self::Hold,
            Cause::Note => Self::Note,
        }
    }
}

words! {
    /// What became of a step.
    #[expect(missing_docs, reason = "the words explain themselves")]
    OutcomeWord as "Outcome" { Done, Pending, Skipped, Failed }
}

words! {
    /// What an operator set.
    HeldWord as "HeldState" { Maintenance, Drain, Weight }
}

words! {
    /// How bad a problem is: a note and a warning are accepted, an error is refused.
    SeverityWord as "Severity" { Note, Warning, Error }
}

impl From<Severity> for SeverityWord {
    fn from(value: Severity) -> Self {
        match value {
            Severity::Note => Self::Note,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

words! {
    /// The command of gw that did something.
    #[expect(missing_docs, reason = "the words explain themselves")]
    CauseWord as "Cause" { Apply, Up, Watch, Rollback, Suspend, Resume, Retry, Hold, Release }
}

words! {
    /// How an act ended.
    ResultWord as "Result" {
        /// All of it is done.
        Done,
        /// Some of it is left to a later pass.
        Incomplete,
        /// Some or all of it failed.
        Failed,
        /// HAProxy refused the configuration; the old one serves on.
        Refused,
        /// The way back failed, too.
        Broken,
        /// gw ended in the middle of it.
        Interrupted,
        /// It has not ended: it is under way, or gw ended in the middle of it.
        Unfinished,
    }
}

words! {
    /// What a condition is about.
    ConditionWord as "ConditionType", "PascalCase" {
        Ready, Reconciling, Stalled, SourceVerified, Drifted, Held, Suspended, RolledBack
    }
}

impl From<About> for ConditionWord {
    fn from(value: About) -> Self {
        match value {
            About::Ready => Self::Ready,
            About::Reconciling => Self::Reconciling,
            About::Stalled => Self::Stalled,
            About::SourceVerified => Self::SourceVerified,
            About::Drifted => Self::Drifted,
            About::Held => Self::Held,
            About::Suspended => Self::Suspended,
            About::RolledBack => Self::RolledBack,
        }
    }
}

words! {
    /// Whether a condition holds.
    TruthWord as "ConditionStatus", "PascalCase" { True, False, Unknown }
}

impl From<Truth> for TruthWord {
    fn from(value: Truth) -> Self {
        match value {
            Truth::True => Self::True,
            Truth::False => Self::False,
            Truth::Unknown => Self::Unknown,
        }
    }
}

words! {
    /// How a pass ended.
    PassResultWord as "PassResult" {
        Ended, Done, Pending, Incomplete, Refused, Broken, TakenBack, Partial, Invalid, Failed
    }
}

impl From<&PassResult> for PassResultWord {
    fn from(value: &PassResult) -> Self {
        match value {
            PassResult::Ended => Self::Ended,
            PassResult::Done => Self::Done,
            PassResult::Pending(_) => Self::Pending,
            PassResult::Incomplete(_) => Self::Incomplete,
            PassResult::Refused(_) => Self::Refused,
            PassResult::Broken(_) => Self::Broken,
            PassResult::TakenBack(_) => Self::TakenBack,
            PassResult::Partial(_) => Self::Partial,
            PassResult::Invalid(_) => Self::Invalid,
            PassResult::Failed(_) => Self::Failed,
        }
    }
}

words! {
    /// What a notification is about.
    NewsWord as "News" {
        /// How a pass ended.
        Pass,
        /// Whether the repository can be followed.
        Source,
    }
}

words! {
    /// What a notification says: everything is as the manifests say, or it is not.
    OutcomeOfPassWord as "PassOutcome" { Success, Failure }
}

words! {
    /// What is wrong with manifests that are not tried again.
    FaultWord as "Fault" {
        /// HAProxy refuses the files.
        Refused,
        /// HAProxy refused the files, and the way back failed as well.
        Broken,
        /// HAProxy served worse than before.
        Unhealthy,
    }
}

impl From<Fault> for FaultWord {
    fn from(value: Fault) -> Self {
        match value {
            Fault::Refused => Self::Refused,
            Fault::Broken => Self::Broken,
            Fault::Unhealthy => Self::Unhealthy,
        }
    }
}
