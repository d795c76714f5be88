//! What `gw up` and `gw watch` tell while it runs.

use std::fmt::Write as _;

use crate::{
    model::{Commit, Kept},
    report::{
        snippet::{self, printable},
        watch::WatchEvent,
    },
};

use super::{
    Detail, Diff, plan, report,
    style::{BAD, DIM, GOOD, HEADING, WARN},
    utc,
};

/// A commit, as people know it.
fn named(commit: &Commit) -> String {
    format!(
        "{HEADING}commit {}{HEADING:#} {DIM}by{DIM:#} {}: {}",
        commit.short(),
        printable(&commit.author),
        printable(&commit.subject)
    )
}

/// Which objects stay what they were.
fn kept(objects: &[Kept]) -> String {
    let named: Vec<String> =
        objects.iter().map(|Kept { kind, name, .. }| format!("{kind} {name}")).collect();
    match named.as_slice() {
        [] => format!("{WARN}What is wrong is left out; the rest goes on.{WARN:#}\n"),
        named => format!(
            "{WARN}What is wrong stays as it was, and the rest goes on{WARN:#}: {}\n",
            printable(&named.join(", "))
        ),
    }
}

/// One event, as lines that follow those of the events before.
pub fn watch(event: WatchEvent<'_>, detail: Detail) -> String {
    match event {
        WatchEvent::Started { version, pid, state } => format!(
            "{GOOD}HAProxy {} runs{GOOD:#}, process {pid}; its state is in {}.\n",
            printable(version),
            printable(&state.display().to_string())
        ),
        WatchEvent::PassBegun { .. }
        | WatchEvent::PassEnded(_)
        | WatchEvent::SourceFetched(_)
        | WatchEvent::Judged { .. } => String::new(),
        WatchEvent::SourceAnswers => format!("{GOOD}The repository answers again.{GOOD:#}\n"),
        WatchEvent::Haproxy { is_running: true } => format!("{GOOD}HAProxy runs again.{GOOD:#}\n"),
        WatchEvent::Haproxy { is_running: false } => {
            format!(
                "{BAD}HAProxy does not run any more{BAD:#}: what it starts with is kept ready.\n"
            )
        }
        WatchEvent::Others { generation, revision } => format!(
            "{WARN}Another gw applied{WARN:#} revision {}, as generation {generation}.\n",
            printable(revision)
        ),
        WatchEvent::Remark(remark) => {
            format!("{WARN}warning{WARN:#}: {}\n", printable(remark))
        }
        WatchEvent::Worse { revision, message, back_to } => {
            let to = back_to.map_or_else(String::new, |number| format!(" to generation {number}"));
            let (revision, message) = (printable(revision), printable(message));
            format!(
                "{BAD}HAProxy serves worse with revision {revision}{BAD:#}: {message}. Going back{to}.\n"
            )
        }
        WatchEvent::RolledBack { revision, message, is_good } => {
            let revision = printable(revision.unwrap_or("unknown"));
            let first = printable(message.lines().next().unwrap_or_default());
            if is_good {
                format!("{WARN}Revision {revision} was taken back{WARN:#}: {first}\n")
            } else {
                format!(
                    "{BAD}The way back from revision {revision} failed: act now{BAD:#}: {first}\n"
                )
            }
        }
        WatchEvent::Suspended { reason, by, since: _, until } => {
            let end = until.map_or_else(String::new, |until| format!(" until {}", utc(until)));
            let (reason, by) = (printable(reason), printable(by));
            format!("{WARN}Suspended{WARN:#} by {by}{end}: {reason}\n")
        }
        WatchEvent::Resumed => format!("{GOOD}Following again.{GOOD:#}\n"),
        WatchEvent::Problems { problems, files } => snippet::problems(problems, files, true),
        WatchEvent::Kept { objects } => kept(objects),
        WatchEvent::Fetched { commit, signer, took: _ } => {
            let signed = signer.map_or(String::new(), |signer| {
                format!("{DIM}, signed by{DIM:#} {}", printable(signer))
            });
            format!("\n{}{signed}\n", named(commit))
        }
        WatchEvent::Staying { generation, revision, is_good: _ } => format!(
            "{WARN}Staying at what was applied last{WARN:#}: generation {generation}, revision {}.\n",
            printable(revision)
        ),
        WatchEvent::Planned(view) => format!("\n{}", plan(view, detail, Diff::InFull)),
        WatchEvent::Applied { revision, plan, report: outcome } => {
            report(revision, plan, outcome, detail)
        }
        WatchEvent::Unchanged { revision } => {
            format!("{DIM}Revision {}: nothing to do.{DIM:#}\n", printable(revision))
        }
        WatchEvent::Failed { message, hint } => {
            let mut text = format!("{BAD}error{BAD:#}: {}\n", printable(message));
            if let Some(hint) = hint {
                let _ = writeln!(text, "{HEADING}hint{HEADING:#}: {}", printable(hint));
            }
            text
        }
        WatchEvent::Watching => format!("{DIM}Watching for changes, until Ctrl-C.{DIM:#}\n"),
        WatchEvent::Stopping => "Stopping.\n".to_owned(),
    }
}
