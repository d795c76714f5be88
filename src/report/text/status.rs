//! What runs, on one screen.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    model::{Unread, Wanted},
    report::{
        snippet::{one_line, printable},
        status::{BackendStatus, ServerCounts, Status},
    },
};

use super::{
    counted, held, quarantined,
    style::{BAD, DIM, GOOD, HEADING, WARN, sign},
    suspended,
};

/// How many lines a list has at most. JSON has them all.
const SHOWN: usize = 20;

/// The status as text.
pub fn status(status: &Status) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{HEADING}{name:<11}{HEADING:#} {value}");
    };
    line("Revision", revision(status));
    if let Some(since) = &status.suspended {
        line("Following", format!("{WARN}{}{WARN:#}", suspended(since)));
    }
    if let Some(bad) = &status.quarantine {
        line("Not tried", format!("{BAD}{}{BAD:#} (`gw retry`)", quarantined(bad)));
    }
    // What is not tried again is told already.
    let is_told = |wanted: &&Wanted| {
        status.quarantine.as_ref().is_some_and(|bad| bad.revision == wanted.revision)
    };
    let wanted = status.wanted.as_ref().filter(|wanted| !is_told(wanted));
    if let Some(unmet) = wanted.and_then(unmet) {
        line("Asked for", format!("{WARN}{unmet}{WARN:#}"));
    }
    if let Some(unread) = &status.unread {
        line("Manifests", format!("{WARN}{}{WARN:#}", self::unread(unread)));
    }
    line("Generation", generation(status));
    line("HAProxy", haproxy(status));
    line("Structure", structure(status));
    line("Objects", objects(status));
    line("Servers", servers(status.servers()));
    write_list(&mut out, "Drift: what the next apply repairs", &status.drift, |step| {
        format!("{} {}", sign(step.action), printable(&step.object.to_string()))
    });
    write_list(&mut out, "Pending: the next apply finishes it", &status.pending, |pending| {
        format!("{}: {}", printable(&pending.object.to_string()), printable(&pending.why))
    });
    held::write(&mut out, &status.held);
    let troubled = |backend: &&BackendStatus| backend.servers.up < backend.servers.total();
    let troubled: Vec<&BackendStatus> = status.backends.iter().filter(troubled).collect();
    write_list(&mut out, "Backends with servers that are not up", &troubled, |backend| {
        format!("{}: {}", backend.name, servers(backend.servers))
    });
    out
}

fn revision(status: &Status) -> String {
    match &status.revision {
        Some(revision) => printable(revision).into_owned(),
        None if status.haproxy.is_none() => "none, since HAProxy does not run".to_owned(),
        None => format!("{WARN}none: HAProxy runs no configuration of gw{WARN:#}"),
    }
}

fn generation(status: &Status) -> String {
    match &status.generation {
        Some(generation) => format!(
            "{} of {} {DIM}({}){DIM:#}",
            generation.number,
            utc(generation.time),
            printable(&generation.cause)
        ),
        None => format!("{WARN}none yet: `gw init` prepares the state directory{WARN:#}"),
    }
}

fn haproxy(status: &Status) -> String {
    match &status.haproxy {
        Some(worker) => format!(
            "{}, worker {}, up for {}",
            printable(&worker.version),
            worker.pid,
            rough(worker.uptime)
        ),
        None => format!("{BAD}not running{BAD:#}"),
    }
}

fn structure(status: &Status) -> String {
    match (&status.haproxy, status.structure_in_sync) {
        (None, _) => "loaded when HAProxy starts".to_owned(),
        (Some(_), true) => format!("{GOOD}in sync{GOOD:#}"),
        (Some(_), false) => {
            format!("{WARN}HAProxy loaded another one: the next apply reloads it{WARN:#}")
        }
    }
}

fn objects(status: &Status) -> String {
    if status.haproxy.is_none() {
        return format!("{}: loaded when HAProxy starts", status.objects);
    }
    let drifted = status.drifted();
    let in_sync = status.objects - drifted;
    let style = if drifted == 0 { GOOD } else { WARN };
    format!("{}: {style}{in_sync} in sync, {drifted} drifted{style:#}", status.objects)
}

fn servers(counts: ServerCounts) -> String {
    let ServerCounts { up, down, maintenance, drain } = counts;
    let style = if down == 0 { GOOD } else { BAD };
    let mut text = format!("{}: {style}{up} up, {down} down{style:#}", counts.total());
    for (number, words) in [(maintenance, "in maintenance"), (drain, "draining")] {
        if number > 0 {
            let _ = write!(text, ", {WARN}{number} {words}{WARN:#}");
        }
    }
    text
}

fn write_list<T>(out: &mut String, title: &str, items: &[T], show: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADING}{title}{HEADING:#}");
    for item in items.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}", show(item));
    }
    if let Some(rest) = items.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        let _ = writeln!(out, "  {DIM}… and {rest} more (--output json has all){DIM:#}");
    }
}

/// What is asked for, and why HAProxy is not that; `None` where that is a matter of time.
pub fn unmet(wanted: &Wanted) -> Option<String> {
    let why = one_line(wanted.why.as_deref()?);
    let revision = printable(&wanted.revision);
    Some(if wanted.runs_in_part {
        format!("revision {revision} runs but for what is wrong in it: {why}")
    } else {
        format!("revision {revision} is not what runs: {why}")
    })
}

/// Why the manifests can't be read.
pub fn unread(unread: &Unread) -> String {
    format!("can't be read since {}: {}", utc(unread.since), one_line(&unread.why))
}

/// A duration in its two greatest units.
fn rough(duration: Duration) -> String {
    let seconds = usize::try_from(duration.as_secs()).unwrap_or(usize::MAX);
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let first = units.iter().position(|(_, length)| seconds >= *length).unwrap_or(3);
    let (name, length) = units[first];
    let mut text = counted(seconds / length, name);
    if let Some((name, smaller)) = units.get(first + 1) {
        let rest = seconds % length / smaller;
        if rest > 0 {
            let _ = write!(text, " {}", counted(rest, name));
        }
    }
    text
}

/// A time, in seconds since the epoch, in the form of RFC 3339, in UTC.
pub fn utc(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn durations_are_rough() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (61, "1 minute 1 second"),
            (7_200, "2 hours"),
            (90_061, "1 day 1 hour"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
    }
}
