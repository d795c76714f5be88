//! The status as it is written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    model::{Quarantine, Suspension, Unread, Wanted},
    report::{
        status::{Generation, Pending, ServerCounts, Status, Worker},
        text::utc,
    },
};

use super::{
    VERSION,
    step::{HeldDocument, StepDocument},
    word::FaultWord,
};

/// The output of `gw status --output json`: what runs, and how it compares to what is wanted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw status")]
pub struct StatusDocument {
    /// The version of this format.
    pub version: u32,
    /// The revision that the process runs; null where it runs none of gw's.
    pub revision: Option<String>,
    /// The generation on disk; null where there is none yet.
    pub generation: Option<GenerationDocument>,
    /// The running process; null where none runs.
    pub haproxy: Option<WorkerDocument>,
    /// Whether HAProxy runs and is what the generation says.
    pub in_sync: bool,
    /// Whether the process loaded the structure of the generation: what only a reload changes.
    pub structure_in_sync: bool,
    /// The objects of the generation.
    pub objects: ObjectsDocument,
    /// The servers of all backends.
    pub servers: ServersDocument,
    /// What differs, as the steps that would repair it.
    pub drift: Vec<StepDocument>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<HeldDocument>,
    /// What an earlier pass began and a later one will finish.
    pub pending: Vec<PendingDocument>,
    /// Why the manifests are not followed at present; null where they are.
    pub suspended: Option<SuspendedDocument>,
    /// What was taken back and is not tried again; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineDocument>,
    /// What the manifests ask for where HAProxy is not that, as `gw watch` noted it; absent where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<WantedDocument>,
    /// Why `gw watch` can't read the manifests; absent where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<UnreadDocument>,
    /// The backends.
    pub backends: Vec<BackendDocument>,
}

impl StatusDocument {
    pub(super) fn of(status: &Status) -> Self {
        let drifted = status.drifted();
        let total = status.objects;
        let in_sync = if status.haproxy.is_some() { total - drifted } else { 0 };
        Self {
            version: VERSION,
            revision: status.revision.clone(),
            generation: status.generation.as_ref().map(GenerationDocument::of),
            haproxy: status.haproxy.as_ref().map(WorkerDocument::of),
            in_sync: status.is_in_sync(),
            structure_in_sync: status.structure_in_sync,
            objects: ObjectsDocument { total, in_sync, drifted },
            servers: ServersDocument::of(status.servers()),
            drift: status.drift.iter().map(StepDocument::of).collect(),
            held: status.held.iter().map(HeldDocument::of).collect(),
            pending: status.pending.iter().map(PendingDocument::of).collect(),
            suspended: status.suspended.as_ref().map(SuspendedDocument::of),
            quarantine: status.quarantine.as_ref().map(QuarantineDocument::of),
            wanted: status.wanted.as_ref().map(WantedDocument::of),
            unread: status.unread.as_ref().map(UnreadDocument::of),
            backends: status
                .backends
                .iter()
                .map(|backend| BackendDocument {
                    name: backend.name.to_string(),
                    servers: ServersDocument::of(backend.servers),
                })
                .collect(),
        }
    }
}

/// Why the manifests are not followed at present.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Suspended")]
pub struct SuspendedDocument {
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
    /// When it ends by itself (RFC 3339, UTC); null where it does not.
    pub until: Option<String>,
    /// The revision that was left: one that asks for something else ends it. Null where none does.
    pub ends_with: Option<String>,
}

impl SuspendedDocument {
    pub(super) fn of(suspended: &Suspension) -> Self {
        Self {
            reason: suspended.reason.clone(),
            by: suspended.by.clone(),
            since: utc(suspended.since),
            until: suspended.until.map(utc),
            ends_with: suspended.ends_with.clone(),
        }
    }
}

/// What the manifests ask for, which HAProxy is not.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Wanted")]
pub struct WantedDocument {
    /// The revision.
    pub revision: String,
    /// Why HAProxy is not that; null where it is a matter of time.
    pub why: Option<String>,
    /// Whether it runs but for what is wrong in it, which is why.
    pub runs_in_part: bool,
}

impl WantedDocument {
    fn of(wanted: &Wanted) -> Self {
        let Wanted { revision, why, runs_in_part, files: _ } = wanted.clone();
        Self { revision, why, runs_in_part }
    }
}

/// Why the manifests can't be read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Unread")]
pub struct UnreadDocument {
    /// Why.
    pub why: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
}

impl UnreadDocument {
    fn of(unread: &Unread) -> Self {
        Self { why: unread.why.clone(), since: utc(unread.since) }
    }
}

/// What is not tried again.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Quarantine")]
pub struct QuarantineDocument {
    /// The revision that asked for it.
    pub revision: String,
    /// What was wrong with it.
    pub fault: FaultWord,
    /// HAProxy's words, or how it served worse than before.
    pub reason: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
}

impl QuarantineDocument {
    fn of(quarantine: &Quarantine) -> Self {
        Self {
            revision: quarantine.revision.clone(),
            fault: quarantine.fault.into(),
            reason: quarantine.reason.clone(),
            since: utc(quarantine.since),
        }
    }
}

/// A generation on disk.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Generation")]
pub struct GenerationDocument {
    /// Its number.
    pub number: u64,
    /// When it was written (RFC 3339, UTC).
    pub time: String,
    /// What made gw write it.
    pub cause: String,
}

impl GenerationDocument {
    pub(super) fn of(generation: &Generation) -> Self {
        Self {
            number: generation.number,
            time: utc(generation.time),
            cause: generation.cause.clone(),
        }
    }
}

/// The running worker process.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Worker")]
pub struct WorkerDocument {
    /// The version, as it prints it.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// For how long it has run.
    pub uptime_seconds: u64,
}

impl WorkerDocument {
    pub(super) fn of(worker: &Worker) -> Self {
        Self {
            version: worker.version.clone(),
            pid: worker.pid,
            uptime_seconds: worker.uptime.as_secs(),
        }
    }
}

/// How many objects are as they should be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Objects")]
pub struct ObjectsDocument {
    /// All.
    pub total: usize,
    /// As they should be.
    pub in_sync: usize,
    /// Different.
    pub drifted: usize,
}

/// How many servers are in which state. Each counts once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Servers")]
pub struct ServersDocument {
    /// All.
    pub total: usize,
    /// They take requests.
    pub up: usize,
    /// Their checks fail.
    pub down: usize,
    /// Out of service.
    pub maintenance: usize,
    /// No new clients.
    pub drain: usize,
}

impl ServersDocument {
    fn of(counts: ServerCounts) -> Self {
        let ServerCounts { up, down, maintenance, drain } = counts;
        Self { total: counts.total(), up, down, maintenance, drain }
    }
}

/// Something begun and not finished.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pending")]
pub struct PendingDocument {
    /// What.
    pub object: String,
    /// What it waits for.
    pub why: String,
}

impl PendingDocument {
    pub(super) fn of(pending: &Pending) -> Self {
        Self { object: pending.object.to_string(), why: pending.why.clone() }
    }
}

/// A backend and how its servers are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Backend")]
pub struct BackendDocument {
    /// Its name.
    pub name: String,
    /// Its servers.
    pub servers: ServersDocument,
}
