//! What runs, and how it compares to what is wanted. Plain data, filled by the reconciler.

use std::time::Duration;

use crate::{
    diff::Held,
    model::{BackendName, Quarantine, Suspension, Unread, Wanted},
    plan::{Object, Step},
};

/// The state of one HAProxy and of its state directory.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The revision that the process runs, by its notebook; `None` where it runs none of gw's.
    pub revision: Option<String>,
    /// The generation on disk; `None` where there is none yet.
    pub generation: Option<Generation>,
    /// The process; `None` where none runs.
    pub haproxy: Option<Worker>,
    /// Whether the process loaded the structure of the generation on disk.
    pub structure_in_sync: bool,
    /// How many objects the generation has.
    pub objects: usize,
    /// What differs between the generation and the process, as the steps that would repair it.
    pub drift: Vec<Step>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<Held>,
    /// What an earlier pass began and a later one will finish.
    pub pending: Vec<Pending>,
    /// Why the manifests are not followed at present; `None` where they are.
    pub suspended: Option<Suspension>,
    /// What is not tried again; `None` where nothing is.
    pub quarantine: Option<Quarantine>,
    /// What the manifests ask for where HAProxy is not that; `None` where it is.
    pub wanted: Option<Wanted>,
    /// Why the manifests can't be read; `None` where they can.
    pub unread: Option<Unread>,
    /// The servers, by backend.
    pub backends: Vec<BackendStatus>,
}

/// A generation on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// When it was written, in seconds since the epoch.
    pub time: u64,
    /// What made gw write it.
    pub cause: String,
}

/// The running worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The version, as it prints it.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// For how long it has run.
    pub uptime: Duration,
}

/// Something begun and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What.
    pub object: Object,
    /// What it waits for.
    pub why: String,
}

/// A backend and how its servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendStatus {
    /// Its name.
    pub name: BackendName,
    /// Its servers.
    pub servers: ServerCounts,
}

/// How many servers are in which state. Each counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// They take requests.
    pub up: usize,
    /// Their checks fail.
    pub down: usize,
    /// Out of service.
    pub maintenance: usize,
    /// No new clients.
    pub drain: usize,
}

impl ServerCounts {
    /// All servers.
    pub fn total(self) -> usize {
        let Self { up, down, maintenance, drain } = self;
        up + down + maintenance + drain
    }
}

impl std::iter::Sum for ServerCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, one| Self {
            up: sum.up + one.up,
            down: sum.down + one.down,
            maintenance: sum.maintenance + one.maintenance,
            drain: sum.drain + one.drain,
        })
    }
}

impl Status {
    /// The servers of all backends.
    pub fn servers(&self) -> ServerCounts {
        self.backends.iter().map(|backend| backend.servers).sum()
    }

    /// How many objects differ, as far as they are among [`objects`](Self::objects): what is in the
    /// process alone is drift, but no object of the generation.
    pub fn drifted(&self) -> usize {
        self.drift.len().min(self.objects)
    }

    /// Whether the process is what the generation says.
    pub fn is_in_sync(&self) -> bool {
        self.haproxy.is_some() && self.structure_in_sync && self.drift.is_empty()
    }
}
