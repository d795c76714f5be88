//! Every step of a pass as the last one.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use gw::fault::Point;

use super::scene::{Kind, Scene};
use crate::support::versions::{Version, newest, oldest};

/// So many scenes run at the same time. Some mostly wait for HAProxy.
const THREADS: usize = 3;
/// More steps than any act has.
const STEPS_MAX: usize = 200;

/// What is done in every scene: on the oldest and the newest HAProxy, or on the newest only.
const KINDS: [(Kind, bool); 11] = [
    (Kind::Commands, true),
    (Kind::Reload, true),
    (Kind::Refused, true),
    (Kind::Undone, true),
    (Kind::Rollback, true),
    (Kind::Start, false),
    (Kind::Git, false),
    (Kind::Hold, false),
    (Kind::Release, false),
    (Kind::Suspend, false),
    (Kind::Resume, false),
];

/// The step to begin with.
fn first(kind: Kind) -> usize {
    match kind {
        // Each takes HAProxy seconds, and up to here it is a reload as any other.
        Kind::Refused => 9,
        _ => 1,
    }
}

/// The point at which gw met its fault; `None` where it came to its end without.
pub(super) fn struck(log: &str) -> Option<String> {
    let line = log.lines().find_map(|line| line.strip_prefix("fault: "));
    line.map(str::to_owned)
}

/// Ends gw at its first step, then at its second one, and so on, until it ends by itself. Returns
/// the points where it was ended, or what was wrong after the first one that it did not recover from.
fn end_everywhere(kind: Kind, version: &Version) -> Result<Vec<String>, String> {
    let mut scene = Scene::new(kind, version);
    let mut points = Vec::new();
    let begin = Instant::now();
    let (mut turn, mut step, mut whole) = (0, first(kind), 0);
    // One side may take fewer steps than the other one.
    while whole < 2 && step < STEPS_MAX {
        turn += 1;
        scene.prepare(turn);
        let outcome = scene.act(&format!("kill:#{step}"));
        let point = struck(&outcome.stderr);
        let told = format!("HAProxy {version}, {kind:?}, GW_FAULT=kill:#{step} ({point:?})");
        let expected = point.is_none().then(|| scene.code(scene.side(turn)));
        assert_eq!(outcome.code, expected, "{told}: {}", outcome.transcript());
        let recovered = scene.recover(turn, point.as_deref().unwrap_or_default());
        recovered.map_err(|wrong| format!("=== {told}: {wrong}"))?;
        if point.is_some() {
            (step, whole) = (step + 1, 0);
        } else {
            whole += 1;
        }
        points.extend(point);
    }
    scene.end();
    println!("HAProxy {version}, {kind:?}: {} kills in {:.1?}", points.len(), begin.elapsed());
    Ok(points)
}

#[test]
fn what_nobody_checked_is_not_what_haproxy_starts_with() {
    for version in [oldest(), newest()] {
        let mut scene = Scene::new(Kind::Undone, version);
        scene.want(1);
        let outcome = scene.act("kill:CommandsDone");
        assert_eq!(struck(&outcome.stderr).as_deref(), Some("CommandsDone"));
        let left = scene.rig.generation();
        scene.restart(|scene| {
            let outcome = scene.rig.apply();
            assert_eq!(outcome.code, Some(14), "{}", outcome.transcript());
            assert_ne!(scene.rig.generation(), left, "HAProxy would not start");
        });
        scene.want(0);
        let _ = scene.rig.apply().ok();
        assert_eq!(scene.is_at(0), Ok(()), "HAProxy {version}");
    }
}

#[test]
fn every_step_may_be_the_last_one() {
    let all = KINDS.iter().flat_map(|(kind, on_both)| {
        let versions = if *on_both { vec![newest(), oldest()] } else { vec![newest()] };
        versions.into_iter().map(move |version| (*kind, version))
    });
    let (queue, reached) = (Mutex::new(all), Mutex::new(BTreeSet::new()));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nobody panics with it").next();
                    let Some((kind, version)) = next else { return };
                    match end_everywhere(kind, version) {
                        Ok(points) => {
                            reached.lock().expect("nobody panics with it").extend(points);
                        }
                        Err(why) => failures.lock().expect("nobody panics with it").push(why),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let reached = reached.into_inner().expect("nobody panics with it");
    let missing: Vec<&Point> =
        Point::ALL.iter().filter(|point| !reached.contains(&format!("{point:?}"))).collect();
    assert!(missing.is_empty(), "nothing ever ended at {missing:?}");
}
