//! A plan that was saved to be applied later, and what it was made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::PlanDocument;

/// The file that `gw plan --out` writes: a plan, and what tells whether it is still the one to apply.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw saved plan")]
pub struct SavedPlanDocument {
    /// The version of this format.
    pub version: u32,
    /// What the plan was made from.
    pub fingerprint: FingerprintDocument,
    /// The plan.
    pub plan: PlanDocument,
}

/// What a plan was made from. Where any of it is another one, the plan is stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Fingerprint")]
pub struct FingerprintDocument {
    /// The version of gw.
    pub gw: String,
    /// The revision of the manifests.
    pub revision: String,
    /// The digest of all files that HAProxy would load.
    pub wanted: String,
    /// The number of the generation on disk; null where there was none.
    pub generation: Option<u64>,
    /// The version of HAProxy; null where it did not run.
    pub haproxy: Option<String>,
    /// The digest of the live state; null where HAProxy did not run.
    pub live: Option<String>,
    /// The digest of all steps.
    pub steps: String,
}

/// What of a saved plan is read again.
#[derive(Debug, Deserialize)]
pub struct SavedPlan {
    /// The version of the format.
    pub version: u32,
    /// What the plan was made from.
    pub fingerprint: FingerprintDocument,
}

impl FingerprintDocument {
    /// What is another one by now, in words.
    pub fn moved(&self, now: &Self) -> Vec<&'static str> {
        let parts = [
            (self.gw == now.gw, "gw is another version"),
            (self.revision == now.revision, "the manifests are at another revision"),
            (self.wanted == now.wanted, "the manifests, or files that they name, changed"),
            (self.generation == now.generation, "another plan was applied"),
            (self.haproxy == now.haproxy, "HAProxy is another version, was started or was stopped"),
            (self.live == now.live, "HAProxy's live state changed"),
            (self.steps == now.steps, "other steps are to be done"),
        ];
        parts.into_iter().filter(|(same, _)| !same).map(|(_, words)| words).collect()
    }
}
