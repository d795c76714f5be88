//! All ten servers of one backend move by a commit: how long from the end of the push, when the forge
//! sends its webhook, until the first answer from the new place?

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    moving::{send, turn},
    stage::{Ground, Stage},
    support::{
        clock,
        git::{
            Upstream,
            http::{Http, Manner},
        },
        ports,
        versions::Version,
        webhook,
    },
    table::{Table, median},
};

/// How long `gw watch` may take to start, and to end a pass.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two pushes: webhooks are taken so often.
const REST: Duration = Duration::from_secs(1);
const SECRET: &str = "a secret of the forge and of gw";

/// What gw tells of the time that its parts took, as the names of sums among its metrics.
const PARTS: [(&str, &str); 4] = [
    ("    fetching", "gw_source_fetch_duration_seconds_sum"),
    ("    reading and compiling", "gw_reconcile_duration_seconds_sum{phase=\"compile\"}"),
    ("    planning", "gw_reconcile_duration_seconds_sum{phase=\"plan\"}"),
    (
        "    applying, which goes on after the first answer",
        "gw_reconcile_duration_seconds_sum{phase=\"apply\"}",
    ),
];

pub(crate) fn measure(version: &Version, size: usize, table: &mut Table, runs: usize) {
    let Stage { mut ground, haproxy, gw } = Stage::new(version, size);
    let upstream = Upstream::with_work_tree(ground.dir.path(), ground.estate.root.clone());
    upstream.push("All");
    let server = Http::start(&upstream.root, Manner::Open, None);
    let port = ports::free_port();
    let config = configure(&ground, &server);
    let gw = gw.env("GW_CONFIG", config);
    let watch = gw.start(&["watch", "--http", &format!("127.0.0.1:{port}")]);
    watch.wait_for_log("Watching", PATIENCE);
    let passes = || metric(port, "gw_reconcile_total{result=\"done\"}");
    let (mut hand, mut ours) = (Vec::new(), Vec::new());
    let mut parts = PARTS.map(|_| Vec::new());
    // The first times are the caches'.
    for run in 0..=runs * 3 {
        clock::pause(REST);
        let times = [1, 0].map(|place| send(&ground, &haproxy.socket, place));
        let before = PARTS.map(|(_, sum)| metric(port, sum));
        let ended = passes();
        // What is seen while the commit is made is the old place.
        let (probe, _) = turn(&mut ground);
        upstream.push("Another place");
        let begin = Instant::now();
        assert_eq!(webhook::push(port, SECRET).expect("gw answers"), 202);
        let time = probe.since(begin);
        assert!(clock::eventually(PATIENCE, || passes() > ended), "{}", watch.log());
        if run > 0 {
            hand.extend(times.first());
            ours.push(time);
            for ((part, (_, sum)), before) in parts.iter_mut().zip(PARTS).zip(before) {
                part.push(Duration::from_secs_f64((metric(port, sum) - before).max(0.0)));
            }
        }
    }
    let by_hand = median(hand);
    table.section("ten servers of one backend move by a push, until the first answer from there");
    table.baseline("ten commands by hand, pipelined", by_hand);
    table.time("gw watch --git, from the end of the push", median(ours), by_hand);
    for ((what, _), times) in PARTS.into_iter().zip(parts) {
        table.time(what, median(times), by_hand);
    }
}

/// Writes the settings of a gw that follows the repository, and refuses nothing.
fn configure(ground: &Ground, server: &Http) -> std::path::PathBuf {
    let folder = ground.dir.path();
    let (config, secret) = (folder.join("gw.yaml"), folder.join("secret"));
    let settings = json!({
        "source": {"git": server.url("site.git"), "ref": "main"},
        "webhook": {"secretFile": secret, "providers": ["github"]},
    });
    fs::write(&secret, SECRET).expect("the bench's folder is writable");
    fs::write(&config, settings.to_string()).expect("the bench's folder is writable");
    config
}

/// A sample of gw's metrics; 0 while there is none.
fn metric(port: u16, name: &str) -> f64 {
    let text = webhook::get(port, "/metrics").expect("gw answers");
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().expect("a number"))
}
