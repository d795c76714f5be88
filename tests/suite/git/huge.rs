//! Ten thousand files, of which one changes.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use gw::source::git::BareClone;

use super::{Follower, backend, settings};
use crate::support::git::{Upstream, daemon::Daemon};

const FILES: usize = 10_000;

#[test]
fn a_commit_of_one_file_costs_one_file() {
    let root = tempfile::tempdir().unwrap();
    let upstream = Upstream::new(root.path());
    let mut stream =
        "commit refs/heads/main\ncommitter A <a@example.org> 0 +0000\ndata 3\nall\n".to_owned();
    for number in 0..FILES {
        let text = backend(&format!("b{number}"), 80);
        let folder = number / 100;
        let length = text.len();
        let _ = write!(
            stream,
            "M 100644 inline sites/s{folder}/b{number}.yaml\ndata {length}\n{text}\n"
        );
    }
    upstream.feed(&["fast-import", "--quiet"], &stream);
    upstream.run(&["push", "--quiet", "origin", "main"]);
    upstream.run(&["reset", "--quiet", "--hard", "main"]);
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
