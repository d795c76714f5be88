//! Views for programs. The documents are versioned: within a version, fields are added and never
//! change their meaning. `schema/` has their JSON Schema, generated from the types here, which are
//! the only ones in gw that are written as JSON.

mod doctor;
mod document;
mod drift;
mod notification;
mod problems;
mod record;
mod saved;
mod status;
mod step;
mod watch;
mod word;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::{
    guard::Refusal,
    model::Problems,
    plan::{Loading, Plan, Report, Step},
};

use super::{
    PlanView,
    board::{Board, Moment, Sight},
    diff,
    doctor::Diagnosis,
    drift::Drift,
    pass::PassRecord,
    status::Status,
};

use self::step::{HeldDocument, OutcomeDocument};
pub use self::{
    doctor::DoctorDocument,
    document::{LoadingDocument, PlanDocument, RefusalDocument, ReportDocument},
    drift::DriftDocument,
    notification::NotificationDocument,
    problems::ProblemsDocument,
    record::{
        BegunDocument, CommitDocument, EndedDocument, EntryDocument, HistoryDocument, LeftDocument,
        ProcessDocument, RecordDocument, RecordStepDocument, WhoDocument,
    },
    saved::{FingerprintDocument, SavedPlan, SavedPlanDocument},
    status::StatusDocument,
    step::{FieldDocument, OriginDocument, StepDocument, SummaryDocument},
    watch::WatchStatusDocument,
    word::{ActionWord, CauseWord, KindWord, MechanismWord, NeedWord, OutcomeWord, ResultWord},
};

/// The version of all documents.
pub const VERSION: u32 = 1;

/// A plan, what drift it leaves alone, and why guards refuse it.
pub fn plan(view: PlanView<'_>, drift_left: &[Step], refusals: &[Refusal]) -> PlanDocument {
    let plan = view.plan;
    PlanDocument {
        version: VERSION,
        revision: view.revision.to_owned(),
        summary: SummaryDocument::of(plan.summary()),
        reload: view.reloads(),
        running: view.running,
        steps: plan.steps.iter().map(StepDocument::of).collect(),
        held: plan.held.iter().map(HeldDocument::of).collect(),
        diff: plan.reload.then(|| diff::unified(view.config_diff)).flatten(),
        drift_left_alone: drift_left.iter().map(StepDocument::of).collect(),
        refusals: refusals.iter().map(RefusalDocument::of).collect(),
        remarks: view.remarks.to_vec(),
    }
}

/// A plan to be applied later.
pub fn saved_plan(plan: PlanDocument, fingerprint: FingerprintDocument) -> SavedPlanDocument {
    SavedPlanDocument { version: VERSION, fingerprint, plan }
}

/// What became of a plan.
pub fn report(revision: &str, plan: &Plan, report: &Report) -> ReportDocument {
    let outcomes = plan.steps.iter().zip(&report.outcomes);
    ReportDocument {
        version: VERSION,
        revision: revision.to_owned(),
        summary: SummaryDocument::of(plan.summary()),
        commands_sent: report.commands_sent,
        bytes_written: report.bytes_written,
        reloads: report.reloads,
        generation: report.generation,
        loading: LoadingDocument::of(&report.loading),
        steps: outcomes.map(|(step, outcome)| OutcomeDocument::of(step, outcome)).collect(),
        remarks: report.remarks.clone(),
    }
}

/// What runs.
pub fn status(status: &Status) -> StatusDocument {
    StatusDocument::of(status)
}

/// What differs, and by whose doing.
pub fn drift(drift: &Drift) -> DriftDocument {
    DriftDocument::of(drift)
}

/// What is wrong with a set-up, and how to mend it.
pub fn doctor(diagnosis: &Diagnosis) -> DoctorDocument {
    DoctorDocument::of(diagnosis)
}

/// What is wrong with manifests.
pub fn problems(problems: &Problems) -> ProblemsDocument {
    ProblemsDocument::of(problems)
}

/// What gw did, newest first. `damaged_lines` of the journal can't be read.
pub fn history(records: Vec<EntryDocument>, damaged_lines: usize) -> HistoryDocument {
    HistoryDocument { version: VERSION, records, damaged_lines }
}

/// A record in short.
pub fn entry(record: &RecordDocument) -> EntryDocument {
    EntryDocument::of(record)
}

/// What is known of a running `gw watch`.
pub fn watch_status(
    board: &Board,
    now: Moment,
    haproxy: &Sight,
    fresh: Duration,
) -> WatchStatusDocument {
    WatchStatusDocument::of(board, now, haproxy, fresh)
}

/// What is told to others about a pass.
pub fn notification(pass: &PassRecord, host: &str, now: Duration) -> NotificationDocument {
    NotificationDocument::of(pass, host, now)
}

/// What is told to others about a repository: why it can't be followed, or that it can be again.
/// `pass` is the number of the last pass.
pub fn source_notification(
    why: Option<&str>,
    pass: u64,
    host: &str,
    now: Duration,
) -> NotificationDocument {
    NotificationDocument::of_source(why, pass, host, now)
}

/// A document as text, with a newline at its end.
pub fn to_text<T: Serialize>(document: &T) -> String {
    let text = serde_json::to_string_pretty(document);
    text.expect("documents have string keys and no failing parts") + "\n"
}

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the functions that make them")]
pub enum Kind {
    Plan,
    Report,
    Status,
    Drift,
    SavedPlan,
    Problems,
    History,
    Record,
    WatchStatus,
    Notification,
    Doctor,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Plan,
        Self::Report,
        Self::Status,
        Self::Drift,
        Self::SavedPlan,
        Self::Problems,
        Self::History,
        Self::Record,
        Self::WatchStatus,
        Self::Notification,
        Self::Doctor,
    ];

    /// The file name without `.json`, and the word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Report => "report",
            Self::Status => "status",
            Self::Drift => "drift",
            Self::SavedPlan => "saved-plan",
            Self::Problems => "problems",
            Self::History => "history",
            Self::Record => "record",
            Self::WatchStatus => "watch-status",
            Self::Notification => "notification",
            Self::Doctor => "doctor",
        }
    }
}

/// The JSON Schema (draft 2020-12) of a kind of document.
pub fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Plan => schemars::schema_for!(PlanDocument),
        Kind::Report => schemars::schema_for!(ReportDocument),
        Kind::Status => schemars::schema_for!(StatusDocument),
        Kind::Drift => schemars::schema_for!(DriftDocument),
        Kind::SavedPlan => schemars::schema_for!(SavedPlanDocument),
        Kind::Problems => schemars::schema_for!(ProblemsDocument),
        Kind::History => schemars::schema_for!(HistoryDocument),
        Kind::Record => schemars::schema_for!(RecordDocument),
        Kind::WatchStatus => schemars::schema_for!(WatchStatusDocument),
        Kind::Notification => schemars::schema_for!(NotificationDocument),
        Kind::Doctor => schemars::schema_for!(DoctorDocument),
    }
    .to_value()
}

impl LoadingDocument {
    fn of(loading: &Loading) -> Self {
        match loading {
            Loading::Running => Self::Running,
            Loading::Reloaded { pid } => Self::Reloaded { pid: *pid },
            Loading::AtStart => Self::AtStart,
            Loading::Refused { message, generation } => {
                Self::Refused { message: message.clone(), generation: generation.clone() }
            }
            Loading::Broken { message } => Self::Broken { message: message.clone() },
        }
    }
}

#[cfg(test)]
mod tests;
