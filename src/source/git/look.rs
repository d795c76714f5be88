//! What a server has, asked without fetching anything (`git ls-remote`).

use std::path::Path;

use tempfile::TempDir;

use super::{
    GitError, Settings, Transport,
    fetch::{self, Wanted},
};

/// A home directory without anything in it.
const NO_HOME: &str = "/nonexistent";

/// Where a reference stands on its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The commit.
    pub commit: String,
    /// The full name of what led to it; `None` for a commit that no branch or tag stands at, of which
    /// only a fetch tells whether the server has it.
    pub name: Option<String>,
}

/// Asks the server, by the same process, credentials and known hosts as a fetch. Writes nothing but,
/// over SSH, a scratch folder for libssh2 below the system's for temporary files. Blocks for ten
/// times the timeout of the settings at most.
pub fn look(settings: &Settings) -> Result<Seen, GitError> {
    let scratch = match settings.address.transport() {
        Transport::Ssh => Some(TempDir::new().map_err(|source| GitError::Io {
            action: "create a folder in",
            path: std::env::temp_dir(),
            source,
        })?),
        Transport::Http | Transport::Https | Transport::Git | Transport::Local => None,
    };
    let wanted = Wanted {
        repository: None,
        home: scratch.as_ref().map_or(Path::new(NO_HOME), TempDir::path),
        target: String::new(),
        previous: None,
    };
    let done = fetch::fetch(settings, &wanted)?;
    Ok(Seen { commit: done.id, name: done.name })
}
