//! What differs, told apart by whose doing it is.

use std::fmt::Write as _;

use crate::{
    plan::Step,
    report::{
        drift::{Drift, Proxy},
        snippet::printable,
    },
};

use super::{
    Detail, counted, held,
    plan::write_step,
    style::{DIM, GOOD, HEADING, WARN},
    suspended,
};

/// Drift as text.
pub fn drift(drift: &Drift, detail: Detail) -> String {
    let mut out = String::new();
    steps(&mut out, "Drift: somebody changed it; the next apply repairs it", &drift.drift, detail);
    if let Some(pending) = &drift.pending_commit {
        let means = if pending.reload { "by a reload" } else { "at runtime" };
        let title = format!("Pending commit {}: {means}", printable(&pending.revision));
        steps(&mut out, &title, &pending.steps, detail);
    }
    if !drift.under_way.is_empty() {
        let _ = writeln!(out, "\n{HEADING}Under way: the next apply finishes it{HEADING:#}");
        for one in &drift.under_way {
            let object = one.object.to_string();
            let _ = writeln!(out, "  {}: {}", printable(&object), printable(&one.why));
        }
    }
    held::write(&mut out, &drift.held);
    if !drift.unmanaged.is_empty() {
        let _ = writeln!(out, "\n{HEADING}Unmanaged: not gw's, left alone{HEADING:#}");
        for one in &drift.unmanaged {
            let _ = write!(out, "  {} {}", one.kind.as_str(), printable(&one.name));
            let _ = match one.kind {
                Proxy::Frontend => writeln!(out),
                Proxy::Backend | Proxy::Listen => {
                    writeln!(out, "  {DIM}{}{DIM:#}", counted(one.servers, "server"))
                }
            };
        }
    }
    if let Some(since) = &drift.suspended {
        let _ = writeln!(out, "\n{WARN}note{WARN:#}: {}", suspended(since));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", conclusion(drift));
    out.trim_start_matches('\n').to_owned()
}

fn steps(out: &mut String, title: &str, steps: &[Step], detail: Detail) {
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADING}{title}{HEADING:#}");
    for step in steps {
        write_step(out, step, detail);
    }
}

/// The line that says it all.
fn conclusion(drift: &Drift) -> String {
    let of = match &drift.generation {
        Some(generation) => format!("generation {}", generation.number),
        None => "no generation yet".to_owned(),
    };
    let waiting = drift.pending_commit.as_ref().map_or(0, |pending| pending.steps.len());
    let waiting = match waiting {
        0 => String::new(),
        number => format!("; {} to commit", counted(number, "change")),
    };
    match drift.drift.len() {
        0 => format!("{GOOD}No drift from {of}{waiting}.{GOOD:#}"),
        number => {
            format!("{WARN}{} drifted from {of}{waiting}.{WARN:#}", counted(number, "object"))
        }
    }
}
