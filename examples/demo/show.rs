//! How the demo looks.

use std::io::IsTerminal;

use anstream::{eprintln, print, println};
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::report::{ApplyReport, Mechanism};
use crate::support::client::Table;
use crate::support::load::{Report, Running};
use crate::support::versions::Version;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const RELOAD: Style = AnsiColor::Yellow.on_default();

/// Lines are drawn to this width.
const WIDTH: usize = 78;

/// Whether colours reach the reader.
pub(crate) fn has_colors() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// What this is.
pub(crate) fn title(version: &Version) {
    println!("{BOLD}gw: GitOps for HAProxy{BOLD:#}");
    println!("{DIM}HAProxy {} ({}){DIM:#}", version.full, version.binary.display());
}

/// A part begins.
pub(crate) fn heading(heading: &str, explanation: &str) {
    let line = "─".repeat(WIDTH.saturating_sub(heading.chars().count() + 4));
    println!("\n{HEADING}── {heading} {line}{HEADING:#}");
    println!("{explanation}");
}

/// A whole file.
pub(crate) fn file(name: &str, text: &str) {
    println!("\n  {BOLD}{name}{BOLD:#}");
    for line in text.lines() {
        let style = if line.starts_with('#') { DIM } else { Style::new() };
        println!("    {style}{line}{style:#}");
    }
}

/// The lines of a file that change.
pub(crate) fn edit(name: &str, old: &str, new: &str) {
    println!("\n  {BOLD}{name}{BOLD:#}");
    let diff = TextDiff::from_lines(old, new);
    for group in diff.grouped_ops(1) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let style = match change.tag() {
                ChangeTag::Insert => GOOD,
                ChangeTag::Delete => BAD,
                ChangeTag::Equal => DIM,
            };
            let line = change.value().trim_end();
            println!("    {style}{} {line}{style:#}", change.tag());
        }
    }
}

/// What a command of gw said.
pub(crate) fn output(command: &str, text: &str) {
    prompt(command);
    for line in text.trim_end().lines() {
        println!("    {line}");
    }
}

/// What an apply did, and how or why.
pub(crate) fn report(command: &str, report: &ApplyReport) {
    prompt(command);
    println!("    {}", totals(report));
    for step in &report.steps {
        let style = mechanism_style(step.mechanism);
        print!("    {style}{:<7}{style:#}  {}", name(step.mechanism), step.what());
        match &step.because {
            Some(because) => println!("  {DIM}{because}{DIM:#}"),
            None => println!(),
        }
        for command in &step.commands {
            println!("             {DIM}>{DIM:#} {command}");
        }
    }
}

/// Requests and what answered them, before a change and after.
pub(crate) fn requests(before: Option<&Table>, after: &Table) {
    println!("\n  {BOLD}requests{BOLD:#}");
    for (label, table) in [("before", before), ("after", Some(after))] {
        for line in table.map(Table::to_string).unwrap_or_default().lines() {
            println!("    {DIM}{label:<6}{DIM:#}  {line}");
        }
    }
}

/// How the background client fares.
pub(crate) fn background(load: &Running) {
    let (total, failed) = load.so_far();
    let style = if failed == 0 { GOOD } else { BAD };
    println!("\n  {BOLD}meanwhile{BOLD:#} {total} requests, {style}{failed} failed{style:#}");
}

/// What all steps took, and what the background client saw.
pub(crate) fn summary(reports: &[(&str, ApplyReport)], load: &Report) {
    heading("Summary", "");
    for (heading, report) in reports {
        let mechanism = report.mechanism();
        let style = if report.steps.is_empty() { DIM } else { mechanism_style(mechanism) };
        let how = if report.steps.is_empty() { "nothing" } else { name(mechanism) };
        println!("  {heading:<18} {style}{how:<8}{style:#} {}", totals(report));
    }
    let style = if load.failed == 0 { GOOD } else { BAD };
    println!("\n  HTTP/1.1 keep-alive, HTTP/1.1 with new connections, and HTTP/2, all the while:");
    println!(
        "  {style}{} requests, {} failed{style:#}; half within {:.1?}, 99 % within {:.1?}",
        load.total, load.failed, load.p50, load.p99
    );
    let (idle, retried) = (load.keep_alive_closed, load.http2_retried);
    println!("  {DIM}asked again on a new connection, as clients do when the server closes one:");
    println!("  {idle} over HTTP/1.1, {retried} over HTTP/2{DIM:#}");
}

/// Why the demo did not succeed.
pub(crate) fn failure(what: &str) {
    eprintln!("\n{BAD}The demo failed:{BAD:#} {what}");
}

fn prompt(command: &str) {
    println!("\n  {DIM}${DIM:#} {BOLD}{command}{BOLD:#}");
}

fn totals(report: &ApplyReport) -> String {
    let ApplyReport { commands_sent, bytes_written, reloads, took, .. } = report;
    format!(
        "{}, {}, {} written, {:.0?}",
        counted(*commands_sent, "command"),
        counted(*reloads, "reload"),
        counted(*bytes_written, "byte"),
        took
    )
}

/// A number with its noun.
fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

fn name(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Runtime => "runtime",
        Mechanism::Reload => "reload",
    }
}

fn mechanism_style(mechanism: Mechanism) -> Style {
    match mechanism {
        Mechanism::Runtime => GOOD,
        Mechanism::Reload => RELOAD,
    }
}
