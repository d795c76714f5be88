//! A plan with nothing to do: everything is read, nothing differs.

use std::time::{Duration, Instant};

use crate::{
    by_hand,
    stage::Stage,
    support::process::Process,
    table::{Goal, Table, median},
};

/// All that HAProxy tells about itself: what a plan must know.
const DUMPS: [&str; 10] = [
    "show servers state",
    "show stat -1 6 -1",
    "show backend",
    "show map maps/splits.map",
    "show map maps/methods.map",
    "show map maps/exact.map",
    "show map maps/prefix.map",
    "show map maps/hosts.map",
    "show map maps/gw.map",
    "show map maps/revision.map",
];
/// The most memory that gw should ever need, in KiB.
const MEMORY: u64 = 150 * 1024;

pub(crate) fn measure(stage: &mut Stage, table: &mut Table, runs: usize) {
    let (mut dumps, mut plans, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..runs {
        dumps.push(time(|| {
            for command in DUMPS {
                by_hand::dump(&stage.haproxy.socket, command);
            }
            stage.ground.estate.read();
        }));
        plans.push(time(|| stage.plan_nothing()));
    }
    let arguments = ["plan", &stage.ground.manifests()];
    let process = stage.gw.start(&arguments);
    while !process.has_ended() {
        memory = peak(&process).unwrap_or(memory);
    }
    let dumps = median(dumps);
    table.section("a plan with nothing to do");
    table.baseline("HAProxy's dumps, and reading the manifests", dumps);
    table.goal("gw plan", median(plans), dumps, Goal::times(1.5));
    memory_row(table, "gw plan, peak of memory", memory);
}

fn time(what: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    what();
    begin.elapsed()
}

/// A peak of memory beside its goal.
pub(crate) fn memory_row(table: &mut Table, what: &str, kib: u64) {
    let met = if kib <= MEMORY { "met" } else { "missed" };
    let goal = format!("≤ {} MiB  {met}", MEMORY / 1024);
    table.row(what, format!("{} MiB", kib / 1024), String::new(), goal);
}

/// The most memory that a process ever had, in KiB; `None` where it is gone.
pub(crate) fn peak(process: &Process) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
