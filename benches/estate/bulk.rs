//! Ten thousand servers move at once.

use std::time::{Duration, Instant};

use gw::{
    plan::Loading,
    reconcile::Reconciler,
    settings::Settings,
    source::{Source, git},
};
use tokio::runtime::Builder;

use crate::{
    by_hand,
    estate::{Estate, SERVERS},
    stage::Stage,
    table::{Goal, Table, grouped, median},
};

/// So many backends have all their servers moved, where there are as many.
pub(crate) const BACKENDS: usize = 1_000;

pub(crate) fn measure(stage: &mut Stage, table: &mut Table, runs: usize) {
    let services = BACKENDS.min(stage.ground.estate.size);
    let (mut raw, mut whole, mut phases) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let here = stage.ground.estate.place(0);
        for place in [here ^ 1, here] {
            let commands = commands(&stage.ground.estate, services, place);
            let begin = Instant::now();
            by_hand::pipelined(&stage.haproxy.socket, &commands);
            raw.push(begin.elapsed());
        }
        stage.ground.estate.turn(0..services);
        let begin = Instant::now();
        let report = stage.apply();
        whole.push(begin.elapsed());
        assert_eq!(report["summary"]["change"], services * SERVERS, "{report}");
        stage.ground.estate.turn(0..services);
        phases.push(in_process(stage));
    }
    let raw = median(raw);
    let phase = |which: fn(&Phases) -> Duration| median(phases.iter().map(which).collect());
    table.section(format!("{} servers move", grouped(services * SERVERS)));
    table.baseline("raw commands, pipelined, replies not understood", raw);
    table.goal(
        "gw's commands, every reply understood",
        phase(|p| p.sending),
        raw,
        Goal::times(1.3),
    );
    table.time("gw apply in one process: compiling", phase(|p| p.compiling), raw);
    table.time("    planning, which reads the estate", phase(|p| p.planning), raw);
    table.time("    files, commands, reading back, haproxy -c", phase(|p| p.applying), raw);
    table.time("gw apply from start to end", median(whole), raw);
}

/// The commands that move services to a place.
fn commands(estate: &Estate, services: usize, place: usize) -> Vec<String> {
    let command = |service: usize, server: usize| {
        let (name, address) = (Estate::name(service), estate.address(service, server, place));
        format!("set server {name}/s{server} addr {} port {}", address.ip(), address.port())
    };
    (0..services).flat_map(|service| (0..SERVERS).map(move |s| command(service, s))).collect()
}

/// What the parts of one apply took.
struct Phases {
    compiling: Duration,
    planning: Duration,
    applying: Duration,
    /// The part of `applying` that is spent on the commands.
    sending: Duration,
}

/// The same by the library, to see its parts.
fn in_process(stage: &Stage) -> Phases {
    let settings = Settings {
        socket: stage.haproxy.socket.to_str().map(|path| path.parse().expect("it is a path")),
        master: None,
        base: Some(stage.haproxy.base.clone()),
        state: stage.ground.state(),
        haproxy: Some(stage.haproxy.version.binary.clone()),
        ready_timeout: Duration::from_secs(10),
        removal_timeout: Duration::from_secs(10),
        http: None,
        notify: Vec::new(),
        webhook: None,
        source: git::Given::default(),
        watch: gw::settings::Intervals::default(),
        guards: gw::guard::Policy::lenient(),
        drift: gw::settings::DriftPolicy::default(),
        bad_manifests: gw::settings::BadManifests::default(),
        health: None,
        reload_interval: Duration::ZERO,
    };
    let manifests = Source::Paths(vec![stage.ground.estate.root.clone()]);
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let mut reconciler = Reconciler::new(&settings);
        let begin = Instant::now();
        let intent = reconciler.compile(&manifests).expect("the manifests are there");
        let compiled = Instant::now();
        let pass = reconciler.plan(&intent).await.expect("a plan can be made");
        let planned = Instant::now();
        let mut marks = Vec::new();
        let mut progress = |_| marks.push(Instant::now());
        let report = reconciler.apply(&intent, pass, &mut progress).await.expect("it is applied");
        let applied = Instant::now();
        assert!(report.is_complete() && report.loading == Loading::Running, "{report:?}");
        let sending = match marks.as_slice() {
            [first, .., last] => last.duration_since(*first),
            _ => panic!("an apply tells its progress"),
        };
        Phases {
            compiling: compiled - begin,
            planning: planned - compiled,
            applying: applied - planned,
            sending,
        }
    })
}
