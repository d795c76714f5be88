//! A plan as a reviewer reads it: by kind of object, with old and new values and the reason for the
//! means once for all steps that share it. What is removed stands last, and is never folded.

use std::fmt::Write as _;

use crate::{
    plan::{Action, Cause, FieldChange, Plan, Reason, Step},
    report::{
        PlanView,
        diff::{self, Mark},
        kind::Kind,
        snippet::printable,
    },
};

use super::{
    Detail, Diff, held,
    style::{BAD, DIM, GOOD, HEADING, PLACE, WARN, sign, tag},
};

/// A plan with more steps is folded.
const UNFOLDED_MAX: usize = 200;
/// How many steps with the same reason a folded plan shows.
const FOLDED_SHOWN: usize = 10;
/// How many lines of the diff are shown without being asked.
const DIFF_SHOWN: usize = 100;

/// The whole plan.
pub fn plan(view: PlanView<'_>, detail: Detail, diff: Diff) -> String {
    let mut out = String::new();
    let plan = view.plan;
    let fold = detail == Detail::Brief && plan.steps.len() > UNFOLDED_MAX;
    for kind in Kind::ALL {
        let is_shown =
            |step: &&Step| Kind::of(&step.object) == kind && step.action != Action::Remove;
        let steps: Vec<&Step> = plan.steps.iter().filter(is_shown).collect();
        section(&mut out, kind.title(), &steps, detail, fold);
    }
    let is_diff_shown = match diff {
        Diff::OfReloads => plan.reload,
        Diff::Always => true,
        Diff::InFull => detail == Detail::Full,
    };
    if is_diff_shown {
        write_diff(&mut out, view, detail);
    }
    held::write(&mut out, &plan.held);
    let removed: Vec<&Step> =
        plan.steps.iter().filter(|step| step.action == Action::Remove).collect();
    section(&mut out, "To be removed", &removed, detail, false);
    for remark in view.remarks {
        let _ = writeln!(out, "\n{WARN}note{WARN:#}: {}", printable(remark));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{HEADING}{}{HEADING:#}", summary(view));
    out.trim_start_matches('\n').to_owned()
}

/// The line that says it all.
fn summary(view: PlanView<'_>) -> String {
    let revision = printable(view.revision);
    if view.plan.is_empty() {
        return if view.running {
            format!("Nothing to do: HAProxy runs revision {revision}.")
        } else {
            format!("Nothing to do: revision {revision} is in place; HAProxy is not running.")
        };
    }
    let summary = view.plan.summary();
    let (add, change, remove) = (summary.add, summary.change, summary.remove);
    let how = if !view.running {
        "HAProxy is not running and will load it at its start".to_owned()
    } else if view.plan.reload {
        format!("one reload, because {}", why_reload(view.plan))
    } else {
        format!("{} at runtime, no reload", summary.runtime)
    };
    format!("Plan: {add} to add, {change} to change, {remove} to remove: {how}.")
}

/// The first reason for the reload, and how many others there are.
fn why_reload(plan: &Plan) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for step in &plan.steps {
        let reason = step.because.to_string();
        let is_own = step.because.mechanism() == crate::plan::Mechanism::Reload
            && step.because != Reason::Carried;
        if is_own && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    match reasons.as_slice() {
        [] => "the files that HAProxy loaded are others".to_owned(),
        [only] => printable(only).into_owned(),
        [first, others @ ..] => {
            let reasons = if others.len() == 1 { "reason" } else { "reasons" };
            format!("{} (and {} more {reasons} above)", printable(first), others.len())
        }
    }
}

/// Steps below a heading, by what they have in common: means and reason.
fn section(out: &mut String, title: &str, steps: &[&Step], detail: Detail, fold: bool) {
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADING}{title}{HEADING:#}");
    let mut groups: Vec<(String, Vec<&Step>)> = Vec::new();
    for step in steps {
        let because = printable(&step.because.to_string()).into_owned();
        let head = format!("{} {DIM}{because}{DIM:#}", tag(step.mechanism));
        match groups.iter_mut().find(|(known, _)| *known == head) {
            Some((_, group)) => group.push(step),
            None => groups.push((head, vec![step])),
        }
    }
    for (head, group) in groups {
        let _ = writeln!(out, "  {head}");
        let shown = if fold { FOLDED_SHOWN.min(group.len()) } else { group.len() };
        for step in &group[..shown] {
            write_step(out, step, detail);
        }
        write_fold(out, &group[shown..]);
    }
}

/// What is not shown.
fn write_fold(out: &mut String, hidden: &[&Step]) {
    let count = |action| hidden.iter().filter(|step| step.action == action).count();
    let parts: Vec<String> = [(Action::Add, "to add"), (Action::Change, "to change")]
        .into_iter()
        .map(|(action, words)| (count(action), words))
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{number} more {words}"))
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(out, "  {DIM}… and {} (-v shows all){DIM:#}", parts.join(", "));
    }
}

pub(super) fn write_step(out: &mut String, step: &Step, detail: Detail) {
    let object = step.object.to_string();
    let _ = write!(out, "  {} {}", sign(step.action), printable(&object));
    if let [only] = step.fields.as_slice() {
        let _ = write!(out, ": {}", field(only, step.action));
    }
    if let Some(origin) = &step.origin {
        let place = format!("{}:{}", origin.at.file, origin.at.span.line);
        let _ = write!(out, "  {DIM}{}{DIM:#}", printable(&place));
    }
    match step.cause {
        Cause::Commit | Cause::Note => {}
        Cause::Drift => {
            let _ = write!(out, "  {WARN}(drift){WARN:#}");
        }
        Cause::Hold => {
            let _ = write!(out, "  {WARN}(hold){WARN:#}");
        }
    }
    out.push('\n');
    if step.fields.len() > 1 {
        for change in &step.fields {
            let _ = writeln!(out, "      {}", field(change, step.action));
        }
    }
    match detail {
        Detail::Brief => {}
        Detail::Full => write_commands(out, step),
    }
}

fn write_commands(out: &mut String, step: &Step) {
    for command in step.commands() {
        for line in command.to_string().lines() {
            let _ = writeln!(out, "      {DIM}{}{DIM:#}", printable(line));
        }
    }
}

/// A field with its values: both where it changes.
fn field(change: &FieldChange, action: Action) -> String {
    let FieldChange { name, from, to } = change;
    let name = printable(name);
    let shown = |value: &Option<String>| match value {
        Some(value) if value.is_empty() => "\"\"".to_owned(),
        Some(value) => printable(value).into_owned(),
        None => "none".to_owned(),
    };
    match action {
        Action::Add => format!("{name} {}", shown(to)),
        Action::Change => {
            format!("{name} {BAD}{}{BAD:#} → {GOOD}{}{GOOD:#}", shown(from), shown(to))
        }
        Action::Remove => format!("{name} {}", shown(from)),
    }
}

fn write_diff(out: &mut String, view: PlanView<'_>, detail: Detail) {
    let lines = diff::lines(view.config_diff);
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADING}What changes in the files{HEADING:#}");
    let shown = match detail {
        Detail::Brief => DIFF_SHOWN.min(lines.len()),
        Detail::Full => lines.len(),
    };
    for line in &lines[..shown] {
        let style = match line.mark {
            Mark::File => HEADING,
            Mark::Place => PLACE,
            Mark::Same => DIM,
            Mark::Added => GOOD,
            Mark::Removed => BAD,
        };
        let _ = writeln!(out, "{style}{}{}{style:#}", line.mark.sign(), printable(&line.text));
    }
    let rest = lines.len() - shown;
    if rest > 0 {
        let _ = writeln!(out, "{DIM}… and {rest} more lines (-v shows all){DIM:#}");
    }
}
