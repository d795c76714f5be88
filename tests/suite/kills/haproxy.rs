//! HAProxy's processes are killed while `gw watch` follows.

use std::time::Duration;

use rustix::process::Signal;

use super::unfit;
use crate::rig::{Rig, web};
use crate::support::clock;
use crate::support::ports::free_port;
use crate::support::versions::{newest, oldest};

/// How soon gw has HAProxy where it should be, once that answers again.
const SOON: Duration = Duration::from_secs(10);
/// When after a change HAProxy is killed, in milliseconds: before gw has seen it, meanwhile, and after.
const MOMENTS: [u64; 3] = [0, 60, 700];

#[test]
fn whichever_process_dies_gw_has_the_next_one_where_it_should_be() {
    for version in [oldest(), newest()] {
        let (port, origin) = (free_port(), free_port());
        let manifests = |turn: u64| {
            // Every second change takes a reload.
            web(port, origin, &format!("  timeouts: {{server: {}s}}\n", 5 + turn / 2))
                .replace("name: s,", &format!("name: s, weight: {},", 1 + turn))
        };
        let mut rig = Rig::serving(version, &manifests(0));
        let gw = rig.gw.start(&["watch", "manifests"]);
        gw.wait_for_log("Watching", SOON);
        let mut turn = 0;
        for is_master in [false, true] {
            for moment in MOMENTS {
                turn += 1;
                let told = format!("HAProxy {version}, master: {is_master}, after {moment} ms");
                rig.write(&manifests(turn));
                clock::pause(Duration::from_millis(moment));
                if is_master {
                    rig.haproxy().signal(Signal::KILL);
                } else {
                    rig.haproxy().signal_worker(Signal::KILL);
                }
                // A master ends when a worker fails, and a worker when its master is gone. Both are
                // started again as systemd does.
                rig.stop();
                if let Some(why) = unfit(&rig) {
                    panic!("{told}: {why}");
                }
                rig.start();
                let is_there = || rig.plan().code == Some(0);
                assert!(clock::eventually(SOON, is_there), "{told}: {}", gw.log());
                let wrong = rig.contradiction().or_else(|| unfit(&rig));
                assert_eq!(wrong, None, "{told}: {}", gw.log());
            }
        }
        assert!(!gw.has_ended() && !gw.log().contains("panicked"), "{}", gw.log());
    }
}
