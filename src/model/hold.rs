//! What operators hold: acts with an owner, a reason and an end.

use std::{collections::BTreeMap, fmt};

use super::name::{BackendName, ServerName};

/// What an operator wants of a server for a while, whatever the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldState {
    /// Out of service.
    Maintenance,
    /// No new clients.
    Drain,
    /// This weight, 0 to 256.
    Weight(u16),
}

impl fmt::Display for HoldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maintenance => f.write_str("in maintenance"),
            Self::Drain => f.write_str("draining"),
            Self::Weight(weight) => write!(f, "weight {weight}"),
        }
    }
}

/// An operator's act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What is wanted.
    pub state: HoldState,
    /// Who wants it: `alice@web-1`.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when, in seconds since the epoch.
    pub since: u64,
    /// Until when, in seconds since the epoch.
    pub until: u64,
    /// Whether it has ended. What it set is to be given back to the manifest.
    pub is_over: bool,
}

/// All of them, by server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds(BTreeMap<BackendName, BTreeMap<ServerName, Hold>>);

impl Holds {
    /// The one of a server.
    pub fn get(&self, backend: &BackendName, server: &ServerName) -> Option<&Hold> {
        self.0.get(backend)?.get(server)
    }

    /// Adds one, in place of any other of the same server.
    pub fn insert(&mut self, backend: BackendName, server: ServerName, hold: Hold) {
        self.0.entry(backend).or_default().insert(server, hold);
    }

    /// The backends of which a server is held, or was.
    pub fn backends(&self) -> impl Iterator<Item = &BackendName> {
        self.0.keys()
    }

    /// All of them, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&BackendName, &ServerName, &Hold)> {
        self.0.iter().flat_map(|(backend, servers)| {
            servers.iter().map(move |(server, hold)| (backend, server, hold))
        })
    }

    /// Whether both know of the same acts, though one may have ended for one of them meanwhile.
    pub fn has_same_acts(&self, other: &Self) -> bool {
        let acts = |holds: &Self| -> Vec<_> {
            holds
                .iter()
                .map(|(backend, server, hold)| {
                    (backend.clone(), server.clone(), hold.state, hold.since, hold.until)
                })
                .collect()
        };
        acts(self) == acts(other)
    }

    /// When the next one ends, in seconds since the epoch.
    pub fn next_end(&self) -> Option<u64> {
        self.iter().filter(|(_, _, hold)| !hold.is_over).map(|(_, _, hold)| hold.until).min()
    }
}
