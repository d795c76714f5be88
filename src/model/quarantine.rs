//! Manifests that are not tried again.

use serde::{Deserialize, Serialize};

/// What was taken back, and is not tried again while the manifests ask for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The revision that asked for it first.
    pub revision: String,
    /// The digest of the files that it was rendered to: another revision with the same ones is no
    /// better.
    pub files: String,
    /// What was wrong.
    pub fault: Fault,
    /// HAProxy's words, or how it served worse than before.
    pub reason: String,
    /// The generation to go back to, as long as that is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
    /// Since when, in seconds since the epoch.
    pub since: u64,
}

/// What is wrong with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// HAProxy refuses the files.
    Refused,
    /// HAProxy refused the files, and the way back failed as well.
    Broken,
    /// HAProxy served worse than before.
    Unhealthy,
}
