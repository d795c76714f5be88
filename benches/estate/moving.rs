//! All ten servers of one backend move: how long until the first answer from the new place?

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    by_hand,
    estate::{Estate, SERVERS},
    probe::Probe,
    stage::{Ground, Stage},
    support::{clock, process::Process, versions::Version},
    table::{Goal, Table, median},
};

/// The service that gw moves.
const OURS: usize = 1;
/// The service that is moved by hand, and so that gw need not know.
const THEIRS: usize = 2;

/// The goal of a long-running gw.
const GOAL: Goal = Goal::times(2.0).plus(Duration::from_millis(5));
/// How long `gw up` may take to start.
const START: Duration = Duration::from_secs(120);

pub(crate) fn measure(version: &Version, size: usize, table: &mut Table, runs: usize) {
    let mut stage = Stage::new(version, size);
    let (mut one_shot, mut reload) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        one_shot.push(apply(&mut stage));
        reload.push(by_reload(&stage));
    }
    let Stage { ground, haproxy, .. } = stage;
    drop(haproxy);
    let (by_hand, up) = long_running(ground, version, runs);
    table.section("ten servers of one backend move, until the first answer from there");
    table.baseline("ten commands by hand, pipelined", by_hand);
    table.goal("gw up, from the write of the manifest", up, by_hand, GOAL);
    table.time("gw apply, from its start", median(one_shot), by_hand);
    table.time("a reload with the changed file, from the command", median(reload), by_hand);
}

/// One `gw apply`.
fn apply(stage: &mut Stage) -> Duration {
    let (probe, begin) = turn(&mut stage.ground);
    let outcome = stage.gw.run(&["apply", &stage.ground.manifests(), "--yes", "-o", "json"]);
    let report = outcome.ok().json();
    assert_eq!(report["reloads"], 0, "{report}");
    assert_eq!(report["summary"]["change"], SERVERS, "{report}");
    probe.since(begin)
}

/// Writes that our service is elsewhere. Returns the instant right before.
pub(crate) fn turn(ground: &mut Ground) -> (Probe, Instant) {
    let there = &ground.origins[ground.estate.place(OURS) ^ 1];
    let probe = Probe::start(ground.front, &Estate::host(OURS), there.name());
    let begin = Instant::now();
    ground.estate.turn([OURS]);
    (probe, begin)
}

/// Changes the file by hand and reloads, and puts everything back.
fn by_reload(stage: &Stage) -> Duration {
    let estate = &stage.ground.estate;
    let current = stage.ground.state().join("current");
    let section = format!("backend {} from", Estate::name(THEIRS));
    let (file, before) = shard_with(&current, &section);
    let mut after = before.clone();
    for server in 0..SERVERS {
        let [from, to] = [0, 1].map(|place| estate.address(THEIRS, server, place).to_string());
        after = after.replace(&format!(" {from}"), &format!(" {to}"));
    }
    assert_ne!(before, after, "the servers are written as addresses");
    let there = stage.ground.origins[1].name();
    let probe = Probe::start(stage.ground.front, &Estate::host(THEIRS), there);
    let begin = Instant::now();
    replace(&file, &after);
    let _ = stage.haproxy.master_command("reload");
    let time = probe.since(begin);
    // On 2.6 the master is busy for a moment after the new worker serves.
    let settled = || stage.haproxy.worker().is_some() && stage.haproxy.master_answers();
    assert!(clock::eventually(START, settled), "HAProxy answers after a reload");
    replace(&file, &before);
    stage.haproxy.reload();
    time
}

/// The file of a generation with this line in it.
fn shard_with(current: &Path, line: &str) -> (PathBuf, String) {
    let files = fs::read_dir(current).expect("a generation is there").flatten();
    let mut texts = files.filter_map(|file| {
        let text = fs::read_to_string(file.path()).ok()?;
        text.contains(line).then(|| (file.path(), text))
    });
    texts.next().unwrap_or_else(|| panic!("{line:?} is in {}", current.display()))
}

/// Generations share files by hard links, so a file is replaced, not written.
fn replace(file: &Path, text: &str) {
    let fresh = file.with_extension("new");
    fs::write(&fresh, text).expect("the state directory is writable");
    fs::rename(&fresh, file).expect("the state directory is writable");
}

/// In turns: the commands by hand, and `gw up` seeing the file change. Medians of both.
fn long_running(mut ground: Ground, version: &Version, runs: usize) -> (Duration, Duration) {
    let state = ground.state();
    let gw = ground.gw().env("GW_HAPROXY", &version.binary);
    let up = gw.start(&["up", &ground.manifests(), "--state", &state.to_string_lossy()]);
    up.wait_for_log("Watching", START);
    let socket = state.join("haproxy.sock");
    let (mut hand, mut ours) = (Vec::new(), Vec::new());
    // The first times of both are the caches'.
    for _ in 0..=runs * 3 {
        hand.push(send(&ground, &socket, 1));
        let _ = send(&ground, &socket, 0);
        let before = applied(&up);
        let (probe, begin) = turn(&mut ground);
        ours.push(probe.since(begin));
        // After the first answer it reads back, and HAProxy checks the files.
        let ended = || applied(&up) > before;
        assert!(clock::eventually(START, ended), "{}", up.log());
    }
    (median(hand.split_off(1)), median(ours.split_off(1)))
}

/// How many applies `gw up` told of.
fn applied(up: &Process) -> usize {
    up.log().matches("Applied revision").count()
}

/// Moves their service by hand.
pub(crate) fn send(ground: &Ground, socket: &Path, place: usize) -> Duration {
    let name = Estate::name(THEIRS);
    let command = |server: usize| {
        let address = ground.estate.address(THEIRS, server, place);
        format!("set server {name}/s{server} addr {} port {}", address.ip(), address.port())
    };
    let commands: Vec<String> = (0..SERVERS).map(command).collect();
    let there = ground.origins[place].name();
    let probe = Probe::start(ground.front, &Estate::host(THEIRS), there);
    let begin = Instant::now();
    by_hand::pipelined(socket, &commands);
    probe.since(begin)
}
