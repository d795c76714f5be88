//! How much there is of something, in numbers.

use serde::{Deserialize, Serialize};

use super::{desired::Desired, routing::MapName};

/// How much a set of manifests holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Manifest files; 0 where nobody counted them.
    pub files: usize,
    /// Backends.
    pub backends: usize,
    /// Servers of all backends.
    pub servers: usize,
    /// Entries of the maps that requests are looked up in by host and path.
    pub routes: usize,
}

impl Contents {
    /// Counts an intent, made of this many files.
    pub fn of(desired: &Desired, files: usize) -> Self {
        Self {
            files,
            backends: desired.backends.len(),
            servers: desired.backends.values().map(|backend| backend.servers.len()).sum(),
            routes: [MapName::Exact, MapName::Prefix]
                .map(|map| desired.routing.table(map).len())
                .iter()
                .sum(),
        }
    }

    /// All objects: backends, servers, routes.
    pub fn objects(&self) -> usize {
        self.backends + self.servers + self.routes
    }
}
