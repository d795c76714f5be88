//! What became of a plan.

use std::fmt::Write as _;

use crate::{
    plan::{Loading, Outcome, Plan, Report, Step},
    report::snippet::printable,
};

use super::{
    Detail, counted, reloads,
    style::{ALARM, BAD, DIM, GOOD, HEADING, WARN, sign},
};

/// How many objects with the same outcome and reason are shown without being asked.
const SHOWN: usize = 20;

/// The outcome of a plan: what is not done and why, and what it took.
pub fn report(revision: &str, plan: &Plan, report: &Report, detail: Detail) -> String {
    let mut out = String::new();
    write_loading(&mut out, report);
    // What HAProxy said about all of it was just said.
    let said = match &report.loading {
        Loading::Refused { message, .. } | Loading::Broken { message } => Some(message.as_str()),
        Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => None,
    };
    for (title, words, pick) in PARTS {
        let left: Vec<(&Step, &str)> = plan
            .steps
            .iter()
            .zip(&report.outcomes)
            .filter_map(|(step, outcome)| pick(outcome).map(|why| (step, why)))
            .filter(|(_, why)| Some(*why) != said)
            .collect();
        write_part(&mut out, title, words, &left, detail);
    }
    for remark in &report.remarks {
        let _ = writeln!(out, "{WARN}note{WARN:#}: {}", printable(remark));
    }
    let _ = writeln!(out, "{HEADING}{}{HEADING:#}", conclusion(revision, report));
    let _ = writeln!(out, "{}", totals(report));
    out
}

/// The outcomes that need words, in the order of how much an operator must know of them.
type Part = (&'static str, &'static str, fn(&Outcome) -> Option<&str>);
const PARTS: [Part; 3] = [
    ("Pending", "a later pass finishes it", |outcome| match outcome {
        Outcome::Pending(why) => Some(why),
        Outcome::Done | Outcome::Skipped(_) | Outcome::Failed(_) => None,
    }),
    ("Skipped", "not begun", |outcome| match outcome {
        Outcome::Skipped(why) => Some(why),
        Outcome::Done | Outcome::Pending(_) | Outcome::Failed(_) => None,
    }),
    ("Failed", "in HAProxy's words", |outcome| match outcome {
        Outcome::Failed(why) => Some(why),
        Outcome::Done | Outcome::Pending(_) | Outcome::Skipped(_) => None,
    }),
];

/// Objects with the same outcome, those with the same reason together.
fn write_part(out: &mut String, title: &str, words: &str, left: &[(&Step, &str)], detail: Detail) {
    if left.is_empty() {
        return;
    }
    let _ = writeln!(out, "{HEADING}{title}{HEADING:#} {DIM}({words}){DIM:#}");
    let mut groups: Vec<(&str, Vec<&Step>)> = Vec::new();
    for (step, why) in left {
        match groups.iter_mut().find(|(known, _)| known == why) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((why, vec![step])),
        }
    }
    for (why, steps) in groups {
        let shown = match detail {
            Detail::Brief => SHOWN.min(steps.len()),
            Detail::Full => steps.len(),
        };
        for step in &steps[..shown] {
            let object = step.object.to_string();
            let _ = writeln!(out, "  {} {}", sign(step.action), printable(&object));
        }
        let rest = steps.len() - shown;
        if rest > 0 {
            let _ = writeln!(out, "  {DIM}… and {rest} more (-v shows all){DIM:#}");
        }
        for line in why.lines() {
            let _ = writeln!(out, "      {}", printable(line));
        }
    }
    out.push('\n');
}

/// How the configuration came into the process, where that needs words.
fn write_loading(out: &mut String, report: &Report) {
    match &report.loading {
        Loading::Running => {}
        Loading::Reloaded { pid } => {
            let _ = writeln!(out, "HAProxy was reloaded; worker {pid} serves.");
        }
        Loading::AtStart => {
            let _ = writeln!(
                out,
                "HAProxy is not running. The configuration is checked and in place; HAProxy loads it when it starts."
            );
        }
        Loading::Refused { message, generation } => {
            let _ = writeln!(
                out,
                "{BAD}HAProxy refused the configuration.{BAD:#} The old one serves on, and its files are back in place."
            );
            write_words(out, message);
            let _ =
                writeln!(out, "The refused files stay in {} for reading.", printable(generation));
        }
        Loading::Broken { message } => {
            let _ = writeln!(
                out,
                "{ALARM}Act now: the new configuration failed, and so did the way back.{ALARM:#} Look whether HAProxy serves."
            );
            write_words(out, message);
        }
    }
}

fn write_words(out: &mut String, message: &str) {
    for line in message.lines() {
        let _ = writeln!(out, "    {}", printable(line));
    }
}

/// The line that says it all.
fn conclusion(revision: &str, report: &Report) -> String {
    let revision = printable(revision);
    let count = |is: fn(&Outcome) -> bool| report.outcomes.iter().filter(|one| is(one)).count();
    let all = report.outcomes.len();
    if report.is_complete() {
        return match all {
            0 => format!("Revision {revision}: nothing was to be done."),
            1 => format!("Applied revision {revision}: the change is done."),
            _ => format!("Applied revision {revision}: all {all} changes are done."),
        };
    }
    let done = count(|outcome| *outcome == Outcome::Done);
    let mut text = format!("Revision {revision}: {done} of {} done", counted(all, "change"));
    for (number, word) in [
        (count(|outcome| matches!(outcome, Outcome::Pending(_))), "pending"),
        (count(|outcome| matches!(outcome, Outcome::Skipped(_))), "skipped"),
        (count(|outcome| matches!(outcome, Outcome::Failed(_))), "failed"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    }
    text + "."
}

fn totals(report: &Report) -> String {
    let sent = counted(report.commands_sent, "command");
    let written = counted(usize::try_from(report.bytes_written).unwrap_or(usize::MAX), "byte");
    let reloads = reloads(report.reloads);
    let generation = match report.generation {
        Some(number) => format!("generation {number}"),
        None => "no generation yet".to_owned(),
    };
    let style = if report.is_complete() { GOOD } else { WARN };
    format!("{style}{sent} sent, {written} written, {reloads}, {generation}.{style:#}")
}
