//! The clock of the machine is wrong, and jumps. libfaketime (Debian's package `faketime`) tells gw
//! another time; the clock that only goes forward, which waits go by, stays right as it does when
//! somebody sets the other one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::unfit;
use crate::rig::{Rig, web};
use crate::support::clock;
use crate::support::ports::free_port;
use crate::support::run::Gw;
use crate::support::versions::newest;

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A clock that is wrong by some hours.
pub(super) struct Clock {
    file: PathBuf,
    library: PathBuf,
    /// An HAProxy that goes by the right one: the library need not fit the one that is tested.
    haproxy: PathBuf,
}

impl Clock {
    pub(super) fn new(rig: &Rig, hours: i64) -> Self {
        // Where Debian keeps libraries of this machine's kind.
        let folders = fs::read_dir("/usr/lib").expect("every machine has it").flatten();
        let library = folders.map(|entry| entry.path().join(LIBRARY)).find(|path| path.exists());
        let library = library.expect("libfaketime is installed: tests/setup.sh test");
        let haproxy = rig.path().join("timely");
        let text =
            format!("#!/bin/sh\nunset LD_PRELOAD\nexec {} \"$@\"\n", rig.version.binary.display());
        fs::write(&haproxy, text).expect("the test's folder is writable");
        fs::set_permissions(&haproxy, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let file = rig.path().join("home").join("clock");
        let clock = Self { file, library, haproxy };
        clock.jump(hours);
        clock
    }

    /// The clock is wrong by so many hours from now on.
    pub(super) fn jump(&self, hours: i64) {
        let fresh = self.file.with_extension("fresh");
        fs::write(&fresh, format!("{hours:+}h\n")).expect("the test's folder is writable");
        fs::rename(&fresh, &self.file).expect("the test's folder is writable");
    }

    /// A gw that goes by it.
    pub(super) fn over(&self, gw: &Gw) -> Gw {
        gw.clone()
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("GW_HAPROXY", &self.haproxy)
    }
}

#[test]
fn who_follows_goes_on_while_the_clock_jumps() {
    let port = free_port();
    let rig = Rig::serving(newest(), &web(port, 1, ""));
    let wrong = Clock::new(&rig, 0);
    let watch = wrong.over(&rig.gw).start(&["watch", "manifests"]);
    watch.wait_for_log("Watching", Duration::from_secs(15));
    for (server, hours) in [(2, -24 * 400), (3, 24 * 800), (4, -1), (5, 0)] {
        wrong.jump(hours);
        rig.write(&web(port, server, ""));
        let is_there =
            || rig.state().of("server web/s ").any(|line| line.contains(&format!(":{server} ")));
        let soon = Duration::from_secs(10);
        assert!(clock::eventually(soon, is_there), "{hours} h: {}", watch.log());
        assert_eq!(unfit(&rig), None, "{hours} h");
    }
    let history = rig.gw.run(&["history", "--output", "json"]).ok().json();
    let times = history["records"].as_array().expect("records").iter();
    let years: Vec<&str> =
        times.map(|record| &record["begun"].as_str().expect("a time")[..4]).collect();
    assert!(years.windows(2).any(|pair| pair[0] < pair[1]), "the clock never jumped: {years:?}");
    watch.signal(Signal::TERM);
    rig.assert_converged();
}
