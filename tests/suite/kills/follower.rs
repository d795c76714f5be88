//! `gw watch`, ended at the steps of a pass by SIGKILL or SIGTERM, and without room on its disk at them.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::points::struck;
use super::scene::{Kind, Scene};
use super::unfit;
use crate::support::clock;
use crate::support::process::Process;
use crate::support::versions::{Version, newest, oldest};

/// How long anything may take that should take a moment; a second try waits a little before.
const SOON: Duration = Duration::from_secs(20);
/// More steps than any pass has.
const STEPS_MAX: usize = 200;

fn watch(scene: &Scene, fault: &str) -> Process {
    let watch = scene.rig.gw.clone().env("GW_FAULT", fault).start(&["watch", "manifests"]);
    watch.wait_for_log("Watching", SOON);
    watch
}

/// Lets it make one side of the other one. Returns whether gw met the fault.
fn strike(scene: &Scene, side: usize, fault: &str) -> Result<bool, String> {
    let mut gw = watch(scene, fault);
    scene.want(side);
    let is_over = || gw.has_ended() || gw.log().contains("Applied revision");
    if !clock::eventually(SOON, is_over) {
        return Err(format!("it stands still: {}", gw.log()));
    }
    let has_struck = struck(&gw.log()).is_some();
    if gw.has_ended() {
        if !has_struck {
            return Err(gw.log());
        }
        unfit(&scene.rig).map_or(Ok(()), Err)?;
        scene.answers()?;
        if fault.starts_with("term") {
            ends_in_order(scene, &mut gw)?;
        }
        // As systemd does.
        gw = watch(scene, "none");
    }
    scene.is_at(side).map_err(|why| format!("{why}\n{}", gw.log()))?;
    gw.signal(Signal::TERM);
    if gw.wait(SOON).is_none() || gw.log().contains("panicked") {
        return Err(format!("it does not end well: {}", gw.log()));
    }
    let _ = scene.rig.apply().ok();
    scene.rig.contradiction().or_else(|| unfit(&scene.rig)).map_or(Ok(()), Err)?;
    scene.answers()?;
    Ok(has_struck)
}

/// Who is asked to end finishes what is under way.
fn ends_in_order(scene: &Scene, gw: &mut Process) -> Result<(), String> {
    let code = gw.wait(SOON).and_then(|status| status.code());
    let history = scene.rig.gw.run(&["history", "--output", "json"]).ok().json();
    let last = &history["records"][0];
    let is_whole = code == Some(0) && last["result"] != "interrupted";
    if is_whole { Ok(()) } else { Err(format!("{code:?}, {last:#}\n{}", gw.log())) }
}

/// From the step `first` on, each `stride` steps.
fn end_everywhere(kind: Kind, version: &Version, fault: &str, (first, stride): (usize, usize)) {
    let scene = Scene::new(kind, version);
    let (mut turn, mut whole) = (0, 0);
    // One side may take fewer steps than the other one.
    while whole < 2 && turn * stride < STEPS_MAX {
        let fault = format!("{fault}:#{}", first + turn * stride);
        turn += 1;
        match strike(&scene, turn % 2, &fault) {
            Ok(true) => {}
            Ok(false) => whole += 1,
            Err(why) => panic!("HAProxy {version}, {kind:?}, GW_FAULT={fault}: {why}"),
        }
    }
    assert!(turn > 5, "HAProxy {version}, {kind:?}: it met {turn} faults only");
    println!("HAProxy {version}, {kind:?}, {fault}: {turn} passes of gw watch");
    scene.end();
}

#[test]
fn who_follows_may_end_anywhere() {
    // The steps are much the same on both, so each takes half of them.
    thread::scope(|scope| {
        for kind in [Kind::Commands, Kind::Reload] {
            scope.spawn(move || end_everywhere(kind, newest(), "kill", (1, 2)));
            scope.spawn(move || end_everywhere(kind, oldest(), "kill", (2, 2)));
        }
    });
}

#[test]
fn who_follows_ends_in_order_wherever_it_is_asked_to() {
    thread::scope(|scope| {
        for (version, kind) in [(oldest(), Kind::Reload), (newest(), Kind::Commands)] {
            scope.spawn(move || end_everywhere(kind, version, "term", (1, 2)));
        }
    });
}

#[test]
fn who_follows_tries_again_when_there_is_room() {
    thread::scope(|scope| {
        scope.spawn(|| end_everywhere(Kind::Commands, oldest(), "full", (1, 1)));
        scope.spawn(|| end_everywhere(Kind::Reload, newest(), "full", (1, 1)));
    });
}
