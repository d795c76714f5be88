//! Ten thousand files, of which one changes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gw::source::git::BareClone;

use serde_json::{Value, json};

use super::{Follower, backend, settings};
use crate::rig::{Rig, gateway};
use crate::support::clock;
use crate::support::git::{Upstream, daemon::Daemon};
use crate::support::ports::free_port;
use crate::support::versions::newest;
use crate::support::webhook;

const FILES: usize = 10_000;

/// A repository with so many manifests.
fn huge(folder: &Path) -> Upstream {
    let upstream = Upstream::new(folder);
    let mut stream =
        "commit refs/heads/main\ncommitter A <a@example.org> 0 +0000\ndata 3\nall\n".to_owned();
    for number in 0..FILES {
        let text = backend(&format!("b{number}"), 80);
        let group = number / 100;
        let length = text.len();
        let _ = write!(
            stream,
            "M 100644 inline sites/s{group}/b{number}.yaml\ndata {length}\n{text}\n"
        );
    }
    upstream.feed(&["fast-import", "--quiet"], &stream);
    upstream.run(&["push", "--quiet", "origin", "main"]);
    upstream.run(&["reset", "--quiet", "--hard", "main"]);
    upstream
}

#[test]
fn a_commit_of_one_file_costs_one_file() {
    let root = tempfile::tempdir().unwrap();
    let upstream = huge(root.path());
    let daemon = Daemon::start(&upstream.root);
    let settings = settings(&daemon.url("site.git"));
    let mut follower = Follower::new(settings.clone(), root.path());
    let before = follower.read().unwrap();
    assert_eq!(before.files.len(), FILES);
    let packs = BareClone::new(&settings, root.path()).path().join("objects/pack");
    let size = || -> u64 {
        let entries = fs::read_dir(&packs).unwrap().flatten();
        entries.map(|entry| entry.metadata().unwrap().len()).sum()
    };
    let first = size();
    upstream.write("sites/s42/b4242.yaml", backend("b4242", 81)).push("One");
    let after = follower.read().unwrap();
    let changed: Vec<&str> = before
        .files
        .iter()
        .zip(&after.files)
        .filter(|(old, new)| !Arc::ptr_eq(old, new))
        .map(|(_, new)| &*new.path)
        .collect();
    assert_eq!(changed, ["sites/s42/b4242.yaml"]);
    assert_ne!(before.revision, after.revision);
    // One blob and the trees above it came over the wire, not ten thousand.
    assert!((size() - first) * 20 < first, "{} after {first}", size());
}

#[test]
fn gw_watch_parses_one_file_for_a_commit_of_one_file() {
    const SECRET: &str = "a secret of the forge and of gw";
    const PATIENCE: Duration = Duration::from_secs(240);
    let root = tempfile::tempdir().unwrap();
    let upstream = huge(root.path());
    upstream.write("sites/gateway.yaml", gateway(free_port())).push("A gateway");
    let daemon = Daemon::start(&upstream.root);
    let mut rig = Rig::new(newest());
    rig.start();
    let (config, secret) = (rig.path().join("gw.yaml"), rig.path().join("secret"));
    fs::write(&secret, SECRET).unwrap();
    let settings = json!({
        "source": {"git": daemon.url("site.git"), "path": "sites"},
        "webhook": {"secretFile": secret},
    });
    fs::write(&config, settings.to_string()).unwrap();
    let port = free_port();
    let gw = rig.gw.clone().env("GW_CONFIG", config).env("GW_LOG", "gw=debug");
    let watch =
        gw.start(&["watch", "--http", &format!("127.0.0.1:{port}"), "--log-format", "json"]);
    let metric = |name: &str| -> f64 {
        let text = webhook::get(port, "/metrics").unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(0.0, |value| value.parse().expect("a number"))
    };
    let compiled = || metric("gw_reconcile_duration_seconds_sum{phase=\"compile\"}");
    let done = || metric("gw_reconcile_total{result=\"done\"}");
    assert!(clock::eventually(PATIENCE, || done() >= 1.0), "{}", watch.log());
    let all = compiled();
    let before = done();
    upstream.write("sites/s42/b4242.yaml", backend("b4242", 81)).push("One");
    assert_eq!(webhook::push(port, SECRET).unwrap(), 202);
    let change = "gw_changes_total{action=\"change\",mechanism=\"runtime\"}";
    let followed = || metric(change) >= 1.0 && done() > before;
    assert!(clock::eventually(PATIENCE, followed), "{}", watch.log());
    let one = (compiled() - all) / (done() - before);
    let log = watch.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let parsed: Vec<(u64, u64)> = lines
        .filter(|line| line["message"] == "read the manifests")
        .filter_map(|line| Some((line["files"].as_u64()?, line["parsed"].as_u64()?)))
        .filter(|(_, parsed)| *parsed > 0)
        .collect();
    let files = FILES as u64 + 1;
    assert_eq!(parsed, [(files, files), (files, 1)]);
    // What is left in proportion to the repository is a walk over the names in its trees.
    println!("all files {all:.3} s, one of them {one:.3} s");
    assert!(one * 4.0 < all, "{one} s for one file, {all} s for all");
}
