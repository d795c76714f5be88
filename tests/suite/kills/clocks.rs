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
use crate::support::versions::{newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(15);

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
    watch.wait_for_log("Watching", SOON);
    for (server, hours) in [(2, -24 * 400), (3, 24 * 800), (4, -1), (5, 0)] {
        wrong.jump(hours);
        rig.write(&web(port, server, ""));
        let is_there =
            || rig.state().of("server web/s ").any(|line| line.contains(&format!(":{server} ")));
        assert!(clock::eventually(SOON, is_there), "{hours} h: {}", watch.log());
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

#[test]
fn what_ends_in_time_ends_by_the_clock_that_people_see() {
    for version in [oldest(), newest()] {
        let rig = Rig::serving(version, &web(free_port(), 1, ""));
        let wrong = Clock::new(&rig, 0);
        let gw = wrong.over(&rig.gw);
        let watch = gw.start(&["watch", "manifests"]);
        watch.wait_for_log("Watching", SOON);
        let is_drained = || rig.state().of("server web/s ").any(|line| line.contains("drain=true"));
        let for_two_hours = ["--for", "2h", "--reason", "INC-42"];
        let _ = gw.run(&[&["hold", "web/s", "--drain"], &for_two_hours[..]].concat()).ok();
        let _ = gw.run(&[&["suspend"], &for_two_hours[..]].concat()).ok();
        watch.wait_for_log("INC-42", SOON);
        assert!(is_drained(), "HAProxy {version}: {}", rig.state());
        // Set back, it lasts; nothing ends, and nothing lasts for ever.
        wrong.jump(-1);
        clock::pause(Duration::from_secs(3));
        assert!(is_drained(), "HAProxy {version}: {}", watch.log());
        wrong.jump(3);
        let is_over = clock::eventually(SOON, || !is_drained());
        assert!(is_over, "HAProxy {version}: {}", watch.log());
        // Over is over, whatever the clock says later.
        wrong.jump(0);
        rig.write(&web(free_port(), 2, ""));
        let follows = || rig.state().of("server web/s ").any(|line| line.contains(":2 "));
        assert!(clock::eventually(SOON, follows), "HAProxy {version}: {}", watch.log());
        assert!(!is_drained(), "HAProxy {version}: {}", watch.log());
        watch.signal(Signal::TERM);
    }
}
