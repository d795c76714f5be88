//! The parts that plans, reports and status share, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    diff::{Held, HeldState},
    model::Origin,
    plan::{FieldChange, Outcome, Step, Summary},
    report::{kind::Kind, text::utc},
};

use super::word::{ActionWord, HeldWord, KindWord, MechanismWord, NeedWord, OutcomeWord};

/// How much is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Summary")]
pub struct SummaryDocument {
    /// Objects that are new.
    pub add: usize,
    /// Objects that change.
    pub change: usize,
    /// Objects that go.
    pub remove: usize,
    /// Steps by commands on the runtime socket.
    pub runtime: usize,
    /// Steps by a new configuration.
    pub reload: usize,
}

impl SummaryDocument {
    pub(super) fn of(summary: Summary) -> Self {
        let Summary { add, change, remove, runtime, reload } = summary;
        Self { add, change, remove, runtime, reload }
    }

    /// Counts steps.
    pub(super) fn of_steps(steps: &[StepDocument]) -> Self {
        let actions = |word| steps.iter().filter(|step| step.action == word).count();
        let means = |word| steps.iter().filter(|step| step.mechanism == word).count();
        Self {
            add: actions(ActionWord::Add),
            change: actions(ActionWord::Change),
            remove: actions(ActionWord::Remove),
            runtime: means(MechanismWord::Runtime),
            reload: means(MechanismWord::Reload),
        }
    }
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct StepDocument {
    /// The object, as the plan for people names it, such as `server web/web-1`.
    pub object: String,
    /// What sort of object that is.
    pub kind: KindWord,
    /// What happens to it.
    pub action: ActionWord,
    /// By what means.
    pub mechanism: MechanismWord,
    /// Why by these means.
    pub because: String,
    /// Where the need for it comes from.
    pub cause: NeedWord,
    /// Old and new values.
    pub fields: Vec<FieldDocument>,
    /// The manifest that asks for it; null where none does any more.
    pub origin: Option<OriginDocument>,
    /// The commands on HAProxy's runtime socket, without private keys.
    pub commands: Vec<String>,
}

impl StepDocument {
    /// The step as it is written.
    pub fn of(step: &Step) -> Self {
        Self {
            object: step.object.to_string(),
            kind: KindWord::from(Kind::of(&step.object)),
            action: ActionWord::from(step.action),
            mechanism: MechanismWord::from(step.mechanism),
            because: step.because.to_string(),
            cause: NeedWord::from(step.cause),
            fields: step.fields.iter().map(FieldDocument::of).collect(),
            origin: step.origin.as_ref().map(OriginDocument::of),
            commands: step.commands().map(ToString::to_string).collect(),
        }
    }
}

/// A change of one object, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DoneStep")]
pub struct OutcomeDocument {
    /// The change.
    #[serde(flatten)]
    pub step: StepDocument,
    /// What became of it.
    pub outcome: OutcomeWord,
    /// Why it is not done, in HAProxy's words where those tell; null where it is done.
    pub why: Option<String>,
}

impl OutcomeDocument {
    pub(super) fn of(step: &Step, outcome: &Outcome) -> Self {
        let (outcome, why) = match outcome {
            Outcome::Done => (OutcomeWord::Done, None),
            Outcome::Pending(why) => (OutcomeWord::Pending, Some(why.clone())),
            Outcome::Skipped(why) => (OutcomeWord::Skipped, Some(why.clone())),
            Outcome::Failed(why) => (OutcomeWord::Failed, Some(why.clone())),
        };
        Self { step: StepDocument::of(step), outcome, why }
    }
}

/// A field with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Field")]
pub struct FieldDocument {
    /// The name, as a manifest has it.
    pub name: String,
    /// The value that runs; null where there is none.
    pub from: Option<String>,
    /// The value that is wanted; null where there is none.
    pub to: Option<String>,
}

impl FieldDocument {
    fn of(change: &FieldChange) -> Self {
        let FieldChange { name, from, to } = change.clone();
        Self { name, from, to }
    }
}

/// Where something is written in the manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Origin")]
pub struct OriginDocument {
    /// Kind and name, such as `Backend web`.
    pub object: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl OriginDocument {
    fn of(origin: &Origin) -> Self {
        Self {
            object: origin.object.to_string(),
            file: origin.at.file.to_string(),
            line: origin.at.span.line,
            column: origin.at.span.column,
        }
    }
}

/// Something that an operator set by hand and gw leaves alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Held")]
pub struct HeldDocument {
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// What was set.
    pub state: HeldWord,
    /// The weight set by hand; null where another thing was set.
    pub weight: Option<u16>,
    /// The weight that it would have otherwise.
    pub weight_otherwise: Option<u16>,
    /// Who holds it by `gw hold`; null where it was set by hand.
    pub owner: Option<String>,
    /// Why; null where it was set by hand.
    pub reason: Option<String>,
    /// When it ends (RFC 3339, UTC); null where it was set by hand.
    pub until: Option<String>,
}

impl HeldDocument {
    pub(super) fn of(held: &Held) -> Self {
        let (state, weight, weight_otherwise) = match held.state {
            HeldState::Maintenance => (HeldWord::Maintenance, None, None),
            HeldState::Drain => (HeldWord::Drain, None, None),
            HeldState::Weight { to, from } => (HeldWord::Weight, Some(to), Some(from)),
        };
        let (backend, server) = (held.backend.to_string(), held.server.to_string());
        let hold = held.hold.as_ref();
        Self {
            backend,
            server,
            state,
            weight,
            weight_otherwise,
            owner: hold.map(|hold| hold.owner.clone()),
            reason: hold.map(|hold| hold.reason.clone()),
            until: hold.map(|hold| utc(hold.until)),
        }
    }
}
