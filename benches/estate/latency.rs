//! What requests feel of it: the same load undisturbed, and while gw is at work.

use std::time::{Duration, Instant};

use crate::{
    bulk::BACKENDS,
    estate::Estate,
    stage::Stage,
    support::{clock, connection::Ask, load::Load, versions::Version},
    table::{Goal, Table, grouped, median},
};

/// How long each kind of disturbance is measured, at least.
const WINDOW: Duration = Duration::from_secs(2);
/// So many services are asked for.
const HOSTS: usize = 20;

pub(crate) fn measure(version: &Version, size: usize, table: &mut Table, runs: usize) {
    let mut stage = Stage::new(version, size);
    let services = BACKENDS.min(size);
    let (mut quiet, mut render, mut plan, mut apply) = (vec![], vec![], vec![], vec![]);
    for _ in 0..runs {
        quiet.push(during(&mut stage, |_| clock::pause(WINDOW)));
        render.push(during(&mut stage, |stage| {
            let _ = stage.gw.run(&["validate", &stage.ground.manifests()]).ok();
        }));
        plan.push(during(&mut stage, |stage| stage.plan_nothing()));
        apply.push(during(&mut stage, |stage| {
            stage.ground.estate.turn(0..services);
            let _ = stage.apply();
        }));
    }
    let quiet = median(quiet);
    table.section("p99 of requests");
    table.baseline("undisturbed", quiet);
    table.time("while gw validate runs, without touching HAProxy", median(render), quiet);
    table.goal("while gw plan reads the estate", median(plan), quiet, Goal::times(1.5));
    let what = format!("while gw apply moves {} servers", grouped(services * 10));
    table.goal(&what, median(apply), quiet, Goal::times(1.5));
}

/// The p99 of a load while something is done again and again.
fn during(stage: &mut Stage, mut act: impl FnMut(&mut Stage)) -> Duration {
    let size = stage.ground.estate.size;
    let host = |index: usize| Ask::get(&Estate::host(index * size / HOSTS), "/");
    let asks = (0..HOSTS.min(size)).map(host).collect();
    let load = Load { longest: Duration::from_secs(300), ..Load::default().without_http2() };
    let load = load.start(stage.ground.front, asks);
    let begin = Instant::now();
    while begin.elapsed() < WINDOW {
        act(stage);
    }
    let report = load.stop();
    report.assert_no_failure();
    report.p99
}
