//! File systems that turn read-only or full under gw: real ones, which gw alone sees, in a mount
//! namespace of its own.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::{Site, assert_says};
use crate::support::clock;
use crate::support::process::Process;
use crate::support::versions::{newest, oldest};

/// How long anything may take that should take a moment; gw tries again after some seconds.
const SOON: Duration = Duration::from_secs(30);

/// What a file system that met an error is, to all that is opened anew: the lock is open already.
const READ_ONLY: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\"";
const WRITABLE: &str = "umount \"$0\"";

/// Puts a copy of the state directory on a small file system in memory in its place.
const SMALL: &str = "mkdir -p \"$0.small\" && mount -t tmpfs -o size=2m tmpfs \"$0.small\" && \
                     cp -a \"$0/.\" \"$0.small\" && mount --move \"$0.small\" \"$0\"";
/// Fills it to the last byte. That `cat` fails is the point of it.
const FULL: &str = "cat /dev/zero >\"$0/fill\" 2>/dev/null; test -s \"$0/fill\"";
const EMPTY: &str = "rm \"$0/fill\"";

/// What makes the disk of a gw that follows bad, what gw says of it, and what mends it.
struct Trouble {
    mount: &'static str,
    harm: &'static str,
    says: &'static str,
    mend: &'static str,
}

const TROUBLES: [Trouble; 2] = [
    Trouble { mount: "true", harm: READ_ONLY, says: "Read-only file system", mend: WRITABLE },
    Trouble { mount: SMALL, harm: FULL, says: "No space left on device", mend: EMPTY },
];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs what follows in a mount namespace in which the shell did that to the state directory.
fn prefix(site: &Site, script: &str) -> Vec<String> {
    // Others than root may mount in a user namespace only.
    let unshare: &[&str] = if is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    let state = site.rig.state_dir().display().to_string();
    let script = format!("{script} && exec \"$@\"");
    ["unshare"]
        .iter()
        .chain(unshare)
        .map(|word| (*word).to_owned())
        .chain(["--".to_owned(), "sh".to_owned(), "-c".to_owned(), script, state])
        .collect()
}

/// Does that to the state directory as this gw sees it.
fn within(gw: &Process, site: &Site, script: &str) {
    let mut command = Command::new("nsenter");
    command.args(["--mount", "--target", &gw.pid().to_string()]);
    if !is_root() {
        command.args(["--user", "--preserve-credentials"]);
    }
    let done = command.args(["--", "sh", "-c", script]).arg(site.rig.state_dir()).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}

#[test]
fn who_follows_survives_a_disk_that_turns_bad() {
    for version in [oldest(), newest()] {
        for trouble in TROUBLES {
            let site = Site::serving(version);
            let told = |gw: &Process| format!("HAProxy {version}, {}: {}", trouble.says, gw.log());
            let mut gw =
                site.rig.gw.start_under(&prefix(&site, trouble.mount), &["watch", "manifests"]);
            gw.wait_for_log("Watching", SOON);
            within(&gw, &site, trouble.harm);
            let before = site.rig.state();
            site.rig.write(&site.moved());
            gw.wait_for_log(trouble.says, SOON);
            assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{}", told(&gw));
            site.assert_served_by("one");
            within(&gw, &site, trouble.mend);
            let is_done = || {
                let answer = site.client().get("a.test", "/");
                answer.is_ok_and(|answer| answer.origin() == Some("two"))
            };
            assert!(clock::eventually(SOON, is_done), "{}", told(&gw));
            gw.signal(Signal::TERM);
            let code = gw.wait(SOON).and_then(|status| status.code());
            assert_eq!(code, Some(0), "{}", told(&gw));
        }
    }
}

#[test]
fn a_change_is_refused_where_the_disk_is_bad() {
    for version in [oldest(), newest()] {
        for trouble in TROUBLES {
            let site = Site::serving(version);
            let before = site.rig.state();
            let script = format!("{} && {{ {}; }}", trouble.mount, trouble.harm);
            for manifests in [site.moved(), site.reloading()] {
                site.rig.write(&manifests);
                let prefix = prefix(&site, &script);
                let outcome = site.rig.gw.run_under(&prefix, &["apply", "manifests", "--yes"]);
                let told = format!("HAProxy {version}");
                assert_says(&outcome, 1, &["error", trouble.says, "state/"], &told);
                assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
            }
            site.assert_served_by("one");
        }
    }
}
