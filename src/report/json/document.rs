//! Plans and reports as they are written. Comments become descriptions in the schema.

use schemars::JsonSchema;
use serde::Serialize;

use crate::guard::Refusal;

use super::step::{HeldDocument, OutcomeDocument, StepDocument, SummaryDocument};

/// The output of `gw plan --output json`: what would change, by what means and why.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw plan")]
#[serde(rename_all = "snake_case")]
pub struct PlanDocument {
    /// The version of this format.
    pub version: u32,
    /// The revision of the manifests.
    pub revision: String,
    /// How much is to be done.
    pub summary: SummaryDocument,
    /// Whether a running HAProxy would be reloaded.
    pub reload: bool,
    /// Whether HAProxy runs. If not, it loads all of this when it starts.
    pub running: bool,
    /// The changes, one per object.
    pub steps: Vec<StepDocument>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<HeldDocument>,
    /// The unified diff of the configuration where HAProxy must load it anew. Keys are left out.
    pub diff: Option<String>,
    /// What drifted and is left alone, since drift is only reported.
    pub drift_left_alone: Vec<StepDocument>,
    /// Why guards refuse the plan: while there are any, `gw apply` does not carry it out.
    pub refusals: Vec<RefusalDocument>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
}

/// Why a guard refuses a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Refusal")]
pub struct RefusalDocument {
    /// The guard: `mass-delete`, `empty-backend`, `shrunk-source`, `reload` or
    /// `old-workers`.
    pub guard: String,
    /// Why, in numbers.
    pub because: String,
    /// The flag that overrides this refusal, and nothing else.
    pub flag: String,
}

impl RefusalDocument {
    pub(super) fn of(refusal: &Refusal) -> Self {
        Self {
            guard: refusal.guard().name().to_owned(),
            because: refusal.to_string(),
            flag: refusal.flag(),
        }
    }
}

/// The output of `gw apply --output json`: what was done.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw report")]
#[serde(rename_all = "snake_case")]
pub struct ReportDocument {
    /// The version of this format.
    pub version: u32,
    /// The revision of the manifests.
    pub revision: String,
    /// How much was to be done.
    pub summary: SummaryDocument,
    /// How many commands changed something on HAProxy's runtime socket.
    pub commands_sent: usize,
    /// How many bytes were written below the state directory.
    pub bytes_written: u64,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// The generation on disk after it; null where there is none yet.
    pub generation: Option<u64>,
    /// How the configuration came into the process.
    pub loading: LoadingDocument,
    /// The changes, one per object, with what became of each.
    pub steps: Vec<OutcomeDocument>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
}

/// How the configuration came into the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LoadingDocument {
    /// The process runs on, changed by commands at most.
    Running,
    /// A new worker took over.
    Reloaded {
        /// Its process id.
        pid: u32,
    },
    /// HAProxy is not running; the files are checked and in place for its start.
    AtStart,
    /// HAProxy refused the new configuration, and the old worker serves on, on the old files.
    Refused {
        /// HAProxy's words.
        message: String,
        /// Where the refused generation stays for reading.
        generation: String,
    },
    /// The new configuration failed, and so did the way back: somebody has to act now.
    Broken {
        /// What happened.
        message: String,
    },
}
