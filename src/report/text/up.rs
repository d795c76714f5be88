//! What `gw up` tells while it runs.

use std::fmt::Write as _;

use crate::report::{
    snippet::{self, printable},
    up::UpEvent,
};

use super::{
    Detail, Diff, plan, report,
    style::{BAD, DIM, GOOD, HEADING},
};

/// One event, as lines that follow those of the events before.
pub fn up(event: UpEvent<'_>, detail: Detail) -> String {
    match event {
        UpEvent::Started { version, pid, state } => format!(
            "{GOOD}HAProxy {} runs{GOOD:#}, process {pid}; its state is in {}.\n",
            printable(version),
            printable(&state.display().to_string())
        ),
        UpEvent::Problems { problems, files } => snippet::problems(problems, files, true),
        UpEvent::Planned(view) => format!("\n{}", plan(view, detail, Diff::InFull)),
        UpEvent::Applied { revision, plan, report: outcome } => {
            report(revision, plan, outcome, detail)
        }
        UpEvent::Unchanged { revision } => {
            format!("{DIM}Revision {}: nothing to do.{DIM:#}\n", printable(revision))
        }
        UpEvent::Failed { message, hint } => {
            let mut text = format!("{BAD}error{BAD:#}: {}\n", printable(message));
            if let Some(hint) = hint {
                let _ = writeln!(text, "{HEADING}hint{HEADING:#}: {}", printable(hint));
            }
            text
        }
        UpEvent::Watching => format!("{DIM}Watching for changes. Ctrl-C ends both.{DIM:#}\n"),
        UpEvent::Stopping => "Stopping.\n".to_owned(),
    }
}
