//! Events as log lines: one line each, with values as fields. What comes from manifests or from
//! HAProxy is a field, too, and thereby quoted.

use crate::{
    model::Severity,
    plan::{Outcome, Plan, Reason, Report},
    report::{PassRecord, SourceAnswer, WatchEvent, pass::PassResult},
};

/// Logs an event. The pass and its revision come from the span that it is in.
pub fn log(event: &WatchEvent<'_>) {
    match *event {
        WatchEvent::Started { version, pid, state } => {
            tracing::info!(version, pid, state = %state.display(), "HAProxy runs");
        }
        WatchEvent::PassBegun { causes, .. } => {
            let causes: Vec<&str> = causes.iter().map(|cause| cause.as_str()).collect();
            tracing::debug!(causes = causes.join(","), "a pass begins");
        }
        WatchEvent::Problems { problems, .. } => {
            for problem in problems {
                let (at, why) = (problem.at.to_string(), problem.message.as_str());
                match problem.severity {
                    Severity::Error => tracing::error!(at, why, "an error in the manifests"),
                    Severity::Warning => tracing::warn!(at, why, "a warning about the manifests"),
                    Severity::Note => tracing::info!(at, why, "a note about the manifests"),
                }
            }
        }
        WatchEvent::Kept { objects } => {
            let named: Vec<String> =
                objects.iter().map(|kept| format!("{} {}", kept.kind, kept.name)).collect();
            tracing::warn!(objects = named.join(", "), "what is wrong stays as it was");
        }
        WatchEvent::Fetched { commit, took, signer } => {
            let (commit, author, subject) = (commit.short(), &*commit.author, &*commit.subject);
            let seconds = took.as_secs_f64();
            tracing::info!(commit, author, subject, signer, seconds, "another commit");
        }
        WatchEvent::Staying { generation, revision, is_good: _ } => {
            tracing::warn!(generation, revision, "staying at what was applied last");
        }
        WatchEvent::Planned(view) => {
            let summary = view.plan.summary();
            let (add, change, remove) = (summary.add, summary.change, summary.remove);
            let reload = view.reloads().then(|| reload_reason(view.plan)).flatten();
            tracing::info!(add, change, remove, reload, "planned");
        }
        WatchEvent::Applied { plan, report, .. } => left_undone(plan, report),
        WatchEvent::PassEnded(pass) => ended(pass),
        WatchEvent::Unchanged { .. } => tracing::info!("nothing to do"),
        WatchEvent::Failed { message, hint } => tracing::error!(why = message, hint, "failed"),
        WatchEvent::SourceFetched(fetch) => {
            let seconds = fetch.took.as_secs_f64();
            match fetch.answer {
                SourceAnswer::Revision { name, .. } => {
                    tracing::debug!(found = name, seconds, "asked the repository");
                }
                SourceAnswer::Rewritten(why) => tracing::warn!(why, "history was rewritten"),
                SourceAnswer::Unverified(why) => tracing::warn!(why, "not to be trusted"),
                SourceAnswer::Nothing(why) => {
                    tracing::warn!(why, seconds, "the repository can't be read");
                }
            }
        }
        WatchEvent::SourceAnswers => tracing::info!("the repository answers again"),
        WatchEvent::Haproxy { is_running: true } => tracing::info!("HAProxy runs again"),
        WatchEvent::Haproxy { is_running: false } => {
            tracing::error!("HAProxy does not run any more");
        }
        WatchEvent::Others { generation, revision } => {
            tracing::warn!(generation, applied = revision, "another gw applied something");
        }
        WatchEvent::Remark(why) => tracing::warn!(why, "a remark"),
        WatchEvent::Worse { revision, message, back_to } => {
            tracing::error!(worse = revision, why = message, back_to, "HAProxy serves worse");
        }
        WatchEvent::RolledBack { revision, message, is_good: true } => {
            tracing::error!(taken_back = revision, why = message, "a change was taken back");
        }
        WatchEvent::RolledBack { revision, message, is_good: false } => {
            tracing::error!(revision, why = message, "the way back failed, too: act now");
        }
        WatchEvent::Judged { generation, is_proven: true } => {
            tracing::info!(generation, "HAProxy serves as well as before");
        }
        WatchEvent::Judged { generation, is_proven: false } => {
            tracing::info!(generation, "the last change is no longer looked at");
        }
        WatchEvent::Suspended { reason, by, until, .. } => {
            tracing::warn!(reason, by, until, "suspended");
        }
        WatchEvent::Resumed => tracing::info!("following again"),
        WatchEvent::Watching => tracing::info!("Watching for changes"),
        WatchEvent::Stopping => tracing::info!("stopping"),
    }
}

fn reload_reason(plan: &Plan) -> Option<String> {
    plan.reload_reason().map(Reason::to_string)
}

/// Each step that was not done, and why.
fn left_undone(plan: &Plan, report: &Report) {
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        let object = step.object.to_string();
        match outcome {
            Outcome::Done => {}
            Outcome::Pending(why) => tracing::warn!(object, why, "pending"),
            Outcome::Skipped(why) => tracing::warn!(object, why, "skipped"),
            Outcome::Failed(why) => tracing::error!(object, why, "not done"),
        }
    }
    for remark in &report.remarks {
        tracing::warn!(remark, "a remark");
    }
}

fn ended(pass: &PassRecord) {
    let causes: Vec<&str> = pass.causes.iter().map(|cause| cause.as_str()).collect();
    let causes = causes.join(",");
    let (result, why) = (pass.result.as_str(), pass.result.message());
    let seconds = pass.duration().as_secs_f64();
    let report = pass.report.as_ref();
    let commands = report.map_or(0, |report| report.commands_sent);
    let reloads = report.map_or(0, |report| report.reloads);
    let generation = report.and_then(|report| report.generation);
    let reload = pass.plan.as_ref().filter(|_| reloads > 0).and_then(reload_reason);
    let did_nothing = pass.plan.as_ref().is_none_or(Plan::is_empty);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                result,
                why,
                causes,
                commands,
                reloads,
                reload,
                generation,
                seconds,
                "a pass ended"
            )
        };
    }
    match &pass.result {
        PassResult::Done if did_nothing && !pass.is_news() => line!(debug),
        PassResult::Done | PassResult::Ended => line!(info),
        PassResult::Pending(_) | PassResult::Incomplete(_) => line!(warn),
        PassResult::Refused(_)
        | PassResult::Broken(_)
        | PassResult::TakenBack(_)
        | PassResult::Partial(_)
        | PassResult::Invalid(_)
        | PassResult::Failed(_) => line!(error),
    }
}
