//! What gw did, as the journal keeps it and as it is shown: the beginning and the end of an act, and
//! both together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Commit, Process},
    plan::{Loading, Mechanism, Outcome, Plan, Reason, Report},
    report::text::utc,
};

use super::{
    VERSION,
    step::{StepDocument, SummaryDocument},
    word::{CauseWord, OutcomeWord, ResultWord},
};

/// How many objects of a record a history names.
const OBJECTS_SHOWN: usize = 10;

/// Who did something, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Who")]
pub struct WhoDocument {
    /// The command of gw.
    pub command: CauseWord,
    /// The user that gw ran as.
    pub user: String,
    /// The number of that user.
    pub uid: u32,
    /// The user who called gw by `sudo`; null where nobody did.
    pub sudo_user: Option<String>,
    /// The machine.
    pub host: String,
    /// The version of gw.
    pub gw: String,
}

impl WhoDocument {
    /// The person behind it: `alice@web-1`.
    pub fn person(&self) -> String {
        format!("{}@{}", self.sudo_user.as_ref().unwrap_or(&self.user), self.host)
    }
}

/// A commit of the manifests' repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Commit")]
pub struct CommitDocument {
    /// All 40 hexadecimal digits of its id.
    pub id: String,
    /// The full name of the branch or tag that led to it; null where it was asked for by its id.
    pub reference: Option<String>,
    /// Who wrote it: name and address.
    pub author: String,
    /// When it was written (RFC 3339).
    pub time: String,
    /// The first line of its message.
    pub subject: String,
}

impl CommitDocument {
    /// What is known of a commit.
    pub fn of(commit: &Commit) -> Self {
        Self {
            id: commit.id.clone(),
            reference: commit.reference.clone(),
            author: format!("{} <{}>", commit.author, commit.email),
            time: utc(u64::try_from(commit.time).unwrap_or_default()),
            subject: commit.subject.clone(),
        }
    }
}

/// A worker of HAProxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Process")]
pub struct ProcessDocument {
    /// The version, as it prints it.
    pub version: String,
    /// The process id.
    pub pid: u32,
}

impl ProcessDocument {
    /// What tells it apart.
    pub fn of(process: &Process) -> Self {
        Self { version: process.version.clone(), pid: process.pid }
    }
}

/// The beginning of an act: what is going to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunDocument {
    /// When (RFC 3339, UTC).
    pub time: String,
    /// Who does it.
    pub who: WhoDocument,
    /// What it is about, where that is not the steps.
    pub about: Option<String>,
    /// The revision of the manifests.
    pub revision: Option<String>,
    /// Its commit, where it is known.
    pub commit: Option<CommitDocument>,
    /// The generation before it.
    pub generation: Option<u64>,
    /// The worker before it.
    pub haproxy: Option<ProcessDocument>,
    /// Why it takes a reload; empty where it takes none.
    pub reload_because: Vec<String>,
    /// What is to be done.
    pub steps: Vec<StepDocument>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
}

impl BegunDocument {
    /// The beginning of something without steps.
    pub fn new(time: String, who: WhoDocument) -> Self {
        Self {
            time,
            who,
            about: None,
            revision: None,
            commit: None,
            generation: None,
            haproxy: None,
            reload_because: Vec::new(),
            steps: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The same with all steps of a plan. Private keys are left out.
    #[must_use]
    pub fn of_plan(mut self, plan: &Plan) -> Self {
        for step in &plan.steps {
            let is_own = step.mechanism == Mechanism::Reload && step.because != Reason::Carried;
            let because = step.because.to_string();
            if is_own && !self.reload_because.contains(&because) {
                self.reload_because.push(because);
            }
        }
        self.steps = plan.steps.iter().map(StepDocument::of).collect();
        self
    }
}

/// What is not done of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftDocument {
    /// The object of the step.
    pub object: String,
    /// What became of the step.
    pub outcome: OutcomeWord,
    /// Why.
    pub why: String,
}

/// The end of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedDocument {
    /// When (RFC 3339, UTC).
    pub time: String,
    /// Who says so, where that is not who began it.
    pub who: Option<WhoDocument>,
    /// How it ended.
    pub result: ResultWord,
    /// Why it ended like this, where the steps do not tell.
    pub message: Option<String>,
    /// The generation after it.
    pub generation: Option<u64>,
    /// The worker after it.
    pub haproxy: Option<ProcessDocument>,
    /// How many commands changed something on HAProxy's runtime socket.
    pub commands_sent: usize,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// The steps that are not done.
    pub left: Vec<LeftDocument>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl EndedDocument {
    /// An end of which no more is known.
    pub fn new(time: String, result: ResultWord, message: Option<String>) -> Self {
        Self {
            time,
            who: None,
            result,
            message,
            generation: None,
            haproxy: None,
            commands_sent: 0,
            reloads: 0,
            left: Vec::new(),
            remarks: Vec::new(),
            milliseconds: 0,
        }
    }

    /// The end that a report tells of.
    pub fn of_report(time: String, plan: &Plan, report: &Report) -> Self {
        let (result, message) = match &report.loading {
            Loading::Broken { message } => (ResultWord::Broken, Some(message.clone())),
            Loading::Refused { message, .. } => (ResultWord::Refused, Some(message.clone())),
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => {
                let result = if report.has_failed() {
                    ResultWord::Failed
                } else if report.is_complete() {
                    ResultWord::Done
                } else {
                    ResultWord::Incomplete
                };
                (result, None)
            }
        };
        let outcomes = plan.steps.iter().zip(&report.outcomes);
        let left = outcomes.filter_map(|(step, outcome)| {
            let (outcome, why) = match outcome {
                Outcome::Done => return None,
                Outcome::Pending(why) => (OutcomeWord::Pending, why),
                Outcome::Skipped(why) => (OutcomeWord::Skipped, why),
                Outcome::Failed(why) => (OutcomeWord::Failed, why),
            };
            // What HAProxy said about all of it is the message.
            let why = if message.as_ref() == Some(why) { String::new() } else { why.clone() };
            Some(LeftDocument { object: step.object.to_string(), outcome, why })
        });
        Self {
            left: left.collect(),
            generation: report.generation,
            commands_sent: report.commands_sent,
            reloads: report.reloads,
            remarks: report.remarks.clone(),
            ..Self::new(time, result, message)
        }
    }
}

/// The output of `gw show --output json`: something that gw did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "gw record")]
pub struct RecordDocument {
    /// The version of this format.
    pub version: u32,
    /// The number of the record, from 1.
    pub number: u64,
    /// When it was begun (RFC 3339, UTC).
    pub begun: String,
    /// When it ended (RFC 3339, UTC); null where that is not known.
    pub ended: Option<String>,
    /// For how long gw worked on it.
    pub milliseconds: u64,
    /// Who did it.
    pub who: WhoDocument,
    /// What it is about, where that is not the steps; else null.
    pub about: Option<String>,
    /// The revision of the manifests; null where it is not about any.
    pub revision: Option<String>,
    /// The commit of the revision; null where it is not known.
    pub commit: Option<CommitDocument>,
    /// The generation before it; null where there was none.
    pub generation_before: Option<u64>,
    /// The generation after it; null where there was none, or nobody looked.
    pub generation_after: Option<u64>,
    /// The worker before it; null where none ran.
    pub haproxy_before: Option<ProcessDocument>,
    /// The worker after it; null where none ran, or nobody looked.
    pub haproxy_after: Option<ProcessDocument>,
    /// How much was to be done.
    pub summary: SummaryDocument,
    /// How many commands changed something on HAProxy's runtime socket.
    pub commands_sent: usize,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// Why it took a reload; empty where it took none.
    pub reload_because: Vec<String>,
    /// How it ended.
    pub result: ResultWord,
    /// Why it ended like this, where the steps do not tell; else null.
    pub message: Option<String>,
    /// The changes, one per object, with what became of each.
    pub steps: Vec<RecordStepDocument>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
}

impl RecordDocument {
    /// Puts a record together. It may have ended several times: what one pass leaves undone later
    /// passes finish. `ends` are in order of time.
    pub fn new(number: u64, begun: BegunDocument, ends: &[EndedDocument]) -> Self {
        let last = ends.last();
        let result = last.map_or(ResultWord::Unfinished, |end| end.result);
        let message = last.and_then(|end| end.message.clone());
        let summary = SummaryDocument::of_steps(&begun.steps);
        let steps = begun.steps.into_iter().map(|step| {
            let left = last.and_then(|end| end.left.iter().find(|one| one.object == step.object));
            let failed_on_the_way = result == ResultWord::Failed && message.is_some();
            let outcome = match (left, result) {
                (Some(left), _) => Some(left.outcome),
                (None, ResultWord::Interrupted | ResultWord::Unfinished) => None,
                (None, ResultWord::Refused | ResultWord::Broken) => Some(OutcomeWord::Failed),
                // Nobody looked how far it came.
                (None, _) if failed_on_the_way => None,
                (None, _) => Some(OutcomeWord::Done),
            };
            let why = left.map(|left| left.why.clone()).filter(|why| !why.is_empty());
            RecordStepDocument { step, outcome, why }
        });
        let mut remarks = begun.remarks;
        for remark in ends.iter().flat_map(|end| &end.remarks) {
            if !remarks.contains(remark) {
                remarks.push(remark.clone());
            }
        }
        Self {
            version: VERSION,
            number,
            begun: begun.time,
            ended: last.map(|end| end.time.clone()),
            milliseconds: ends.iter().map(|end| end.milliseconds).sum(),
            who: begun.who,
            about: begun.about,
            revision: begun.revision,
            commit: begun.commit,
            generation_before: begun.generation,
            generation_after: last.and_then(|end| end.generation),
            haproxy_before: begun.haproxy,
            haproxy_after: last.and_then(|end| end.haproxy.clone()),
            summary,
            commands_sent: ends.iter().map(|end| end.commands_sent).sum(),
            reloads: ends.iter().map(|end| end.reloads).sum(),
            reload_because: begun.reload_because,
            result,
            steps: steps.collect(),
            message,
            remarks,
        }
    }
}

/// A change of one object, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RecordStep")]
pub struct RecordStepDocument {
    /// The change.
    #[serde(flatten)]
    pub step: StepDocument,
    /// What became of it; null where nobody knows, since gw was ended in the middle of it.
    pub outcome: Option<OutcomeWord>,
    /// Why it is not done, in HAProxy's words where those tell; else null.
    pub why: Option<String>,
}

/// The output of `gw history --output json`: what gw did, newest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw history")]
pub struct HistoryDocument {
    /// The version of this format.
    pub version: u32,
    /// What was done, newest first.
    pub records: Vec<EntryDocument>,
    /// How many lines of the journal can't be read.
    pub damaged_lines: usize,
}

/// A record in short. `gw show` has all of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Entry")]
pub struct EntryDocument {
    /// The number of the record, from 1.
    pub number: u64,
    /// When it was begun (RFC 3339, UTC).
    pub begun: String,
    /// When it ended (RFC 3339, UTC); null where that is not known.
    pub ended: Option<String>,
    /// For how long gw worked on it.
    pub milliseconds: u64,
    /// Who did it.
    pub who: WhoDocument,
    /// What it is about, where that is not the steps; else null.
    pub about: Option<String>,
    /// The revision of the manifests; null where it is not about any.
    pub revision: Option<String>,
    /// The commit of the revision; null where it is not known.
    pub commit: Option<CommitDocument>,
    /// The generation after it; null where there was none, or nobody looked.
    pub generation: Option<u64>,
    /// How much was to be done.
    pub summary: SummaryDocument,
    /// The first objects of it.
    pub objects: Vec<String>,
    /// How many commands changed something on HAProxy's runtime socket.
    pub commands_sent: usize,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// How it ended.
    pub result: ResultWord,
    /// Why it ended like this, where the steps do not tell; else null.
    pub message: Option<String>,
}

impl EntryDocument {
    pub(super) fn of(record: &RecordDocument) -> Self {
        let RecordDocument { number, milliseconds, commands_sent, reloads, result, .. } = *record;
        let objects = record.steps.iter().take(OBJECTS_SHOWN);
        Self {
            number,
            begun: record.begun.clone(),
            ended: record.ended.clone(),
            milliseconds,
            who: record.who.clone(),
            about: record.about.clone(),
            revision: record.revision.clone(),
            commit: record.commit.clone(),
            generation: record.generation_after,
            summary: record.summary.clone(),
            objects: objects.map(|step| step.step.object.clone()).collect(),
            commands_sent,
            reloads,
            result,
            message: record.message.clone(),
        }
    }
}
