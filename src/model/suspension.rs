//! Following is stopped, and until when; and what the manifests ask for meanwhile.

use serde::{Deserialize, Serialize};

/// What the name of a revision ends in where something in it stays what it was before.
pub const PARTIAL: &str = "-partial";
/// What the revision of a directory ends with whose files differ from their commit.
pub const DIRTY: &str = "-dirty";

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
    /// The revision that was left, where manifests that ask for something else end the suspension.
    pub ends_with: Option<String>,
    /// The digest of the files that it was rendered to: another revision with the same ones asks for
    /// nothing else. `None` where it was rendered to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

/// What the manifests ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Their revision.
    pub revision: String,
    /// The digest of the files that it is rendered to; `None` where it can't be.
    pub files: Option<String>,
    /// Why HAProxy is not that, as far as it is more than a matter of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it runs but for what is wrong in it, which is why.
    #[serde(default)]
    pub runs_in_part: bool,
}

/// The manifests can't be read, so that what was read last is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Why.
    pub why: String,
    /// Since when, in seconds since the epoch.
    pub since: u64,
}
