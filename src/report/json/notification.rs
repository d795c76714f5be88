//! What `gw watch` tells others.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    plan::{Plan, Reason},
    report::pass::{PassRecord, PassResult},
};

use super::{
    VERSION,
    step::SummaryDocument,
    watch::time,
    word::{NewsWord, OutcomeOfPassWord, PassResultWord},
};

/// What `gw watch` sends to the addresses of `notify` in gw.yaml.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw watch: notification")]
pub struct NotificationDocument {
    /// The version of this format.
    pub version: u32,
    /// What it is about: a pass, or the repository, of which nothing but time, result and message is
    /// told.
    pub about: NewsWord,
    /// Whether everything is as the manifests say; of the repository, whether it can be followed.
    pub outcome: OutcomeOfPassWord,
    /// The host that gw runs on.
    pub host: String,
    /// When the pass ended, or the repository was asked (RFC 3339, UTC).
    pub time: String,
    /// The number of the pass, from 1 for each run of gw; of the last one before the repository was
    /// asked.
    pub pass: u64,
    /// The revision of the manifests; null where they could not be read.
    pub revision: Option<String>,
    /// How the pass ended.
    pub result: PassResultWord,
    /// Why it is not done; null where it is.
    pub message: Option<String>,
    /// What was planned.
    pub plan: SummaryDocument,
    /// How many commands changed something on HAProxy's runtime socket.
    pub commands_sent: usize,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// Why it was reloaded; null where it was not to be.
    pub reload_reason: Option<String>,
    /// The generation on disk after it; null where it did not come to that.
    pub generation: Option<u64>,
}

impl NotificationDocument {
    pub(super) fn of(pass: &PassRecord, host: &str, now: Duration) -> Self {
        let report = pass.report.as_ref();
        let reason = pass.plan.as_ref().and_then(Plan::reload_reason);
        Self {
            version: VERSION,
            about: NewsWord::Pass,
            outcome: match pass.result {
                PassResult::Done => OutcomeOfPassWord::Success,
                _ => OutcomeOfPassWord::Failure,
            },
            host: host.to_owned(),
            time: time(now),
            pass: pass.number,
            revision: pass.revision.clone(),
            result: PassResultWord::from(&pass.result),
            message: pass.result.message().map(str::to_owned),
            plan: SummaryDocument::of(pass.plan.as_ref().map(Plan::summary).unwrap_or_default()),
            commands_sent: report.map_or(0, |report| report.commands_sent),
            reloads: report.map_or(0, |report| report.reloads),
            reload_reason: reason.map(Reason::to_string),
            generation: report.and_then(|report| report.generation),
        }
    }

    pub(super) fn of_source(why: Option<&str>, pass: u64, host: &str, now: Duration) -> Self {
        let result = why.map_or(PassResult::Done, |why| PassResult::Failed(why.to_owned()));
        let asked = PassRecord { number: pass, result, ..PassRecord::default() };
        Self { about: NewsWord::Source, ..Self::of(&asked, host, now) }
    }
}
