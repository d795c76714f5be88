//! What a running `gw watch` answers over HTTP.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{
    board::{About, Board, Condition, Moment, Revision, Sight},
    text::utc,
};

use super::{
    VERSION,
    status::WorkerDocument,
    step::SummaryDocument,
    word::{ConditionWord, TruthWord},
};

/// The answer of `/v1/status`: what a running `gw watch` is at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw watch: status")]
pub struct WatchStatusDocument {
    /// The version of this format.
    pub version: u32,
    /// The version of gw.
    pub gw: String,
    /// When gw began (RFC 3339, UTC).
    pub started: String,
    /// What is so and what is not, each with its reason. All of them are always there.
    pub conditions: Vec<ConditionDocument>,
    /// The last revision that was tried; null before the first.
    pub attempted: Option<RevisionDocument>,
    /// The last revision that was reached with nothing left to do; null before the first.
    pub applied: Option<RevisionDocument>,
    /// When HAProxy was last seen to be as the manifests say (RFC 3339, UTC); null before.
    pub last_success: Option<String>,
    /// The number of the last pass, from 1 for each run of gw.
    pub pass: u64,
    /// What the last pass planned.
    pub plan: SummaryDocument,
    /// Objects that wait for something, such as a first good health check.
    pub pending: usize,
    /// Fields that operators hold by hand.
    pub held: usize,
    /// Objects that somebody else changed and that are not set back.
    pub drifted: usize,
    /// The HAProxy that answers; null where none does.
    pub haproxy: Option<WorkerDocument>,
    /// The repository; null where a directory is followed.
    pub source: Option<SourceDocument>,
}

impl WatchStatusDocument {
    pub(super) fn of(board: &Board, now: Moment, haproxy: &Sight, fresh: Duration) -> Self {
        let ready = board.ready(now, haproxy, fresh);
        let conditions = board.conditions.iter().map(|condition| match condition.about {
            About::Ready => ConditionDocument::of(&ready),
            _ => ConditionDocument::of(condition),
        });
        Self {
            version: VERSION,
            gw: env!("CARGO_PKG_VERSION").to_owned(),
            started: time(board.started.wall),
            conditions: conditions.collect(),
            attempted: board.attempted.as_ref().map(RevisionDocument::of),
            applied: board.applied.as_ref().map(RevisionDocument::of),
            last_success: board.last_success.map(|last| time(last.wall)),
            pass: board.pass,
            plan: SummaryDocument::of(board.plan),
            pending: board.pending,
            held: board.held,
            drifted: board.drift.left(),
            haproxy: haproxy.process.as_ref().map(|process| WorkerDocument {
                version: process.version.clone(),
                pid: process.pid,
                uptime_seconds: now.wall.as_secs().saturating_sub(process.started),
            }),
            source: board.source.as_ref().map(|source| SourceDocument {
                revision: source.revision.clone(),
                answered: source.answered.map(|answered| time(answered.wall)),
                failure: source.failure.clone(),
            }),
        }
    }
}

/// A condition, in the conventions of Kubernetes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Condition")]
pub struct ConditionDocument {
    /// What it is about.
    #[serde(rename = "type")]
    pub about: ConditionWord,
    /// Whether it is so.
    pub status: TruthWord,
    /// Why, as a word in CamelCase.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Since when it is so or not (RFC 3339, UTC).
    pub since: String,
}

impl ConditionDocument {
    fn of(condition: &Condition) -> Self {
        Self {
            about: condition.about.into(),
            status: condition.truth.into(),
            reason: condition.reason.to_owned(),
            message: condition.message.clone(),
            since: time(condition.since),
        }
    }
}

/// A revision of the manifests.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Revision")]
pub struct RevisionDocument {
    /// Its name.
    pub revision: String,
    /// When (RFC 3339, UTC).
    pub time: String,
}

impl RevisionDocument {
    fn of(revision: &Revision) -> Self {
        Self { revision: revision.name.clone(), time: time(revision.at) }
    }
}

/// A repository.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Source")]
pub struct SourceDocument {
    /// The revision that it had when it last answered; null where it never did.
    pub revision: Option<String>,
    /// When it last answered (RFC 3339, UTC); null where it never did.
    pub answered: Option<String>,
    /// Why its newest revision is not followed, or not known; null where it is.
    pub failure: Option<String>,
}

/// A time since the epoch, as RFC 3339.
pub(super) fn time(since_epoch: Duration) -> String {
    utc(since_epoch.as_secs())
}
