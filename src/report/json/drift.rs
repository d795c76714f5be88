//! Drift as it is written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::drift::{Drift, PendingCommit};

use super::{
    VERSION,
    status::{GenerationDocument, PendingDocument, SuspendedDocument, WorkerDocument},
    step::{HeldDocument, StepDocument},
};

/// The output of `gw drift --output json`: what differs, told apart by whose doing it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw drift")]
pub struct DriftDocument {
    /// The version of this format.
    pub version: u32,
    /// Whether somebody changed what gw had made: `drift` is not empty.
    pub drifted: bool,
    /// The revision that the process runs; null where it notes none.
    pub revision: Option<String>,
    /// The generation on disk; null where there is none yet.
    pub generation: Option<GenerationDocument>,
    /// The running process.
    pub haproxy: WorkerDocument,
    /// What differs between the generation and the process, as the steps that would repair it.
    pub drift: Vec<StepDocument>,
    /// What the manifests ask for beyond the generation; null where no manifests were named.
    pub pending_commit: Option<PendingCommitDocument>,
    /// What an earlier pass began and a later one will finish.
    pub under_way: Vec<PendingDocument>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<HeldDocument>,
    /// Why the manifests are not followed at present; null where they are.
    pub suspended: Option<SuspendedDocument>,
    /// Sections of the process that are not gw's.
    pub unmanaged: Vec<UnmanagedDocument>,
}

impl DriftDocument {
    pub(super) fn of(drift: &Drift) -> Self {
        Self {
            version: VERSION,
            drifted: !drift.drift.is_empty(),
            revision: drift.revision.clone(),
            generation: drift.generation.as_ref().map(GenerationDocument::of),
            haproxy: WorkerDocument::of(&drift.haproxy),
            drift: drift.drift.iter().map(StepDocument::of).collect(),
            pending_commit: drift.pending_commit.as_ref().map(PendingCommitDocument::of),
            under_way: drift.under_way.iter().map(PendingDocument::of).collect(),
            held: drift.held.iter().map(HeldDocument::of).collect(),
            suspended: drift.suspended.as_ref().map(SuspendedDocument::of),
            unmanaged: drift
                .unmanaged
                .iter()
                .map(|one| UnmanagedDocument {
                    name: one.name.clone(),
                    kind: one.kind.as_str().to_owned(),
                    servers: one.servers,
                })
                .collect(),
        }
    }
}

/// What waits for an apply.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PendingCommit")]
pub struct PendingCommitDocument {
    /// The revision of the manifests.
    pub revision: String,
    /// Whether the changes need a reload.
    pub reload: bool,
    /// The changes, but for those that only repair drift.
    pub steps: Vec<StepDocument>,
}

impl PendingCommitDocument {
    fn of(pending: &PendingCommit) -> Self {
        Self {
            revision: pending.revision.clone(),
            reload: pending.reload,
            steps: pending.steps.iter().map(StepDocument::of).collect(),
        }
    }
}

/// A section of the process that is not gw's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Unmanaged")]
pub struct UnmanagedDocument {
    /// Its name.
    pub name: String,
    /// `frontend`, `backend` or `listen`.
    pub kind: String,
    /// How many servers it has.
    pub servers: usize,
}
