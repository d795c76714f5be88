//! A state directory that is locked, full, read-only or damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Site, assert_says};
use crate::rig::Rig;
use crate::support::clock;
use crate::support::run::Outcome;
use crate::support::versions::{newest, oldest};

#[test]
fn a_second_gw_says_who_is_at_work() {
    let site = Site::serving(newest());
    // A checked server that never comes up keeps the first one waiting.
    let nobody = crate::support::ports::free_port();
    let waiting = site.first().replace(
        "servers: [",
        &format!("healthCheck: {{type: tcp}}, servers: [{{\"name\":\"dead\",\"address\":\"127.0.0.1\",\"port\":{nobody}}},"),
    );
    let _ = site
        .rig
        .must_apply(&site.first().replace("servers:", "healthCheck: {type: tcp}, servers:"));
    site.rig.write(&waiting);
    let first = site.rig.gw.start(&["apply", "manifests", "--yes", "--ready-timeout", "5s"]);
    let lock = site.rig.state_dir().join("lock");
    let holder = first.pid().to_string();
    let held = || fs::read_to_string(&lock).is_ok_and(|text| text.contains(&holder));
    assert!(clock::eventually(Duration::from_secs(5), held), "{}", first.log());
    let second = site.rig.apply();
    assert_says(&second, 12, &[&holder, "apply"], "the lock is held");
    // Looking is allowed.
    let _ = site.rig.plan();
    let status = site.rig.gw.run(&["status"]);
    assert!(!status.stderr.contains("panicked"), "{}", status.transcript());
    drop(first);
    let _ = site.rig.must_apply(&site.first());
    site.rig.assert_converged();
}

/// Runs `gw apply` where no file may grow beyond so many KiB. Everything it says is
/// in its standard output, through a pipe: the limit holds for the test's own files as well.
pub(crate) fn apply_within(rig: &Rig, kib: u32) -> Outcome {
    let script =
        format!("set -o pipefail; (trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\") 2>&1 | cat");
    rig.gw.run_under(&["bash", "-c", &script], &["apply", "manifests", "--yes"])
}

/// One more backend.
fn backend(number: u32) -> String {
    format!(
        "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: b{number}}}\n\
         spec: {{servers: []}}\n"
    )
}

#[test]
fn a_full_disk_changes_nothing() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let (before, generation) = (site.rig.state(), site.rig.generation());
        let worker = site.rig.haproxy().worker();
        // The disk is full at once, or after the small files of a generation.
        let many: String = (0..50).map(backend).collect();
        for (kib, manifests) in
            [(0, site.moved()), (0, site.reloading()), (1, site.first() + &many)]
        {
            let told = format!("HAProxy {version}, {kib} KiB left");
            site.rig.write(&manifests);
            let outcome = apply_within(&site.rig, kib);
            assert_says(&outcome, 1, &["error", "File too large", "state/"], &told);
            assert_eq!(site.rig.generation(), generation, "{told}: `current` moved");
            assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
            assert_eq!(site.rig.haproxy().worker(), worker, "{told}: another worker");
            site.assert_served_by("one");
        }
        let all = fs::read_dir(site.rig.state_dir().join("generations")).unwrap().flatten();
        let complete = |path: PathBuf| path.join("generation.json").exists();
        assert!(all.map(|entry| entry.path()).all(complete), "half a generation was left");
        let _ = site.rig.must_apply(&site.moved());
        site.rig.assert_converged();
    }
}

/// Runs `gw apply` where the state directory can't be written.
pub(crate) fn apply_read_only(rig: &Rig) -> Outcome {
    let below = |mode: u32| {
        for path in ["", "generations"] {
            let path = rig.state_dir().join(path);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    below(0o555);
    // Root may write anywhere unless that right is taken away.
    let is_root = rustix::process::geteuid().is_root();
    let humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"];
    let prefix = if is_root { humble.as_slice() } else { &[] };
    let mut probe: Vec<&str> = prefix.to_vec();
    let file = rig.state_dir().join("probe").display().to_string();
    probe.extend(["touch", &file]);
    let probe = Command::new(probe[0]).args(&probe[1..]).output().unwrap();
    assert!(!probe.status.success(), "the directory is not read-only for this test");
    let outcome = rig.gw.run_under(prefix, &["apply", "manifests", "--yes", "--output", "json"]);
    below(0o755);
    outcome
}

#[test]
fn a_read_only_state_directory_changes_nothing() {
    let site = Site::serving(newest());
    site.rig.write(&site.moved());
    let outcome = apply_read_only(&site.rig);
    assert_says(&outcome, 1, &["error", "ermission", "--state"], "read-only");
    site.assert_served_by("one");
    let _ = site.rig.must_apply(&site.moved());
    site.rig.assert_converged();
}

/// What somebody did to the state directory.
type Damage = (&'static str, fn(&Rig));

const DAMAGE: [Damage; 5] = [
    ("the generation's metadata is gone", |rig| {
        fs::remove_file(rig.current().join("generation.json")).unwrap();
    }),
    ("the generation's metadata is garbage", |rig| {
        fs::write(rig.current().join("generation.json"), "{").unwrap();
    }),
    ("a map is gone", |rig| fs::remove_file(rig.current().join("maps/prefix.map")).unwrap()),
    ("a map is changed", |rig| {
        // A hard link may lead to other generations, so the file is replaced.
        let path = rig.current().join("maps/prefix.map");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "evil evil\n").unwrap();
    }),
    ("the server state file is garbage", |rig| {
        fs::write(rig.state_dir().join("servers.state"), "\0\u{1}garbage\n").unwrap();
    }),
];

#[test]
fn a_damaged_state_directory_is_mended_or_told() {
    let mut wrong = Vec::new();
    for (what, damage) in DAMAGE {
        let site = Site::serving(newest());
        damage(&site.rig);
        site.rig.write(&site.moved());
        let outcome = site.rig.apply();
        let told = format!("{what}: {}", outcome.transcript());
        assert!(!outcome.stderr.contains("panicked"), "{told}");
        site.assert_serves();
        if outcome.code == Some(0) {
            site.assert_served_by("two");
            wrong.extend(site.rig.contradiction().map(|why| format!("{told}\nand then {why}")));
            // What is on disk is whole again: a reload changes nothing.
            let before = site.rig.state();
            site.rig.haproxy().reload();
            let diff = before.diff(&site.rig.state(), "before", "after");
            if !diff.is_empty() {
                wrong.push(format!("{told}\na reload changes\n{diff}"));
            }
        } else if outcome.code != Some(1) || !outcome.stderr.contains("hint") {
            wrong.push(format!("neither mended nor told what to do: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_its_state_directory_nothing_is_tried() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let worker = site.rig.haproxy().worker();
        let gw = site.rig.gw.clone().env("GW_STATE", site.rig.path().join("nowhere"));
        site.rig.write(&site.reloading());
        let outcome = gw.run(&["apply", "manifests", "--yes"]);
        let told = format!("HAProxy {version}: {}", outcome.transcript());
        // HAProxy would load what it was started with, so a reload can't bring these files in.
        assert!(matches!(outcome.code, Some(1 | 17)), "{told}");
        assert!(outcome.stderr.contains("nowhere"), "{told}");
        assert!(outcome.stderr.contains("gw init"), "{told}");
        assert_eq!(site.rig.haproxy().worker(), worker, "reloaded for nothing: {told}");
        site.assert_served_by("one");
    }
}
