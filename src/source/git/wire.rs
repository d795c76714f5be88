//! What gw and the process that fetches say to each other: one request, then lines of JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::Exposed;

/// What is to be fetched.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    /// The bare repository to fetch into; `None` where the server is only to tell what it has.
    pub(super) repository: Option<PathBuf>,
    /// The URL, without secrets.
    pub(super) url: String,
    /// The host of the URL, which alone gets the credentials.
    pub(super) host: String,
    /// Its port, for known hosts.
    pub(super) port: u16,
    /// What is wanted, as text.
    pub(super) reference: String,
    /// The local reference that shall point to it.
    pub(super) target: String,
    /// The commit that it is compared with.
    pub(super) previous: Option<String>,
    /// Whether all of the history is wanted, too.
    pub(super) history: bool,
    pub(super) credentials: Exposed,
    /// The lines of all files with known hosts.
    pub(super) known_hosts: String,
    /// Where libssh2 looks for known hosts.
    pub(super) preferred: PathBuf,
    /// The URL of a proxy, secrets included; where there is none, the environment tells.
    pub(super) proxy: Option<String>,
}

/// A line of the answer. The last one is no heartbeat.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    /// The transfer goes on.
    Alive,
    /// It is there.
    Done(Done),
    /// It can't be had.
    Failed(Failure),
}

/// What was fetched.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    /// The commit.
    pub(super) id: String,
    /// The full name of what led to it.
    pub(super) name: Option<String>,
    /// Whether the commit before is one of its ancestors.
    pub(super) descends: bool,
}

/// Why there is nothing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Failure {
    Unreachable(String),
    NotFound(String),
    NotOwned,
    Authentication(String),
    Certificate(String),
    HostKey { host: String, why: String, hint: String },
    Empty,
    Missing { similar: Option<String> },
    NoVersion { highest: Option<String> },
    NoCommit,
    NotACommit,
    TooLarge,
    Clone(String),
}
