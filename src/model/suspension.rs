//! Following is stopped, and until when.

use serde::{Deserialize, Serialize};

/// What the name of a revision ends in where something in it stays what it was before.
pub const PARTIAL: &str = "-partial";

/// Why the manifests are not followed at present, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Who did it: `alice@web-1`.
    pub by: String,
    /// Since when, in seconds since the epoch.
    pub since: u64,
    /// When it ends by itself, in seconds since the epoch; `None` where it does not.
    pub until: Option<u64>,
    /// The revision that was left: any other one ends the suspension. `None` where none does.
    pub ends_with: Option<String>,
}
