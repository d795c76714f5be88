//! gw is ended by SIGKILL wherever it may be, its disk is full or read-only, its clock jumps, and
//! HAProxy's processes die: requests are answered, the next pass converges, the journal is whole, and
//! nothing is lost.

mod clocks;
#[cfg(debug_assertions)]
mod follower;
mod haproxy;
// A build without debug assertions has no points to end it at.
#[cfg(debug_assertions)]
mod points;
mod random;
#[cfg(debug_assertions)]
mod scene;

use std::process::Command;

use crate::rig::Rig;

/// What is wrong with what gw leaves on disk, whoever ended it where: a cold start must work at any
/// moment, and the journal must be whole.
fn unfit(rig: &Rig) -> Option<String> {
    let checked = Command::new(&rig.version.binary)
        .args(["-c", "-f"])
        .arg(rig.path().join("base.cfg"))
        .arg("-f")
        .arg(rig.current())
        .output()
        .expect("HAProxy was started before");
    if !checked.status.success() {
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        return Some(format!("a cold start would fail:\n{said}"));
    }
    let verified = rig.gw.run(&["history", "--verify"]);
    (verified.code != Some(0)).then(|| format!("the journal: {}", verified.transcript()))
}
