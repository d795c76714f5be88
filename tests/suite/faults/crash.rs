//! HAProxy's worker dies or is replaced in the middle. See `kills` for gw itself.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Site, assert_says};
use crate::support::clock;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::versions::versions;

#[test]
fn a_worker_that_dies_in_the_middle_is_told() {
    for version in versions() {
        let mut site = Site::new(version);
        site.begin();
        let told = format!("HAProxy {version}, worker killed");
        let checked = site.first().replace("servers:", "healthCheck: {type: tcp}, servers:");
        let _ = site.rig.must_apply(&checked);
        // A server that never comes up keeps gw waiting.
        let nobody = free_port();
        let dead = format!("{{\"name\":\"dead\",\"address\":\"127.0.0.1\",\"port\":{nobody}}}");
        site.rig.write(&checked.replace("servers: [", &format!("servers: [{dead},")));
        let mut process = site.rig.gw.start(&["apply", "manifests", "--yes"]);
        let added = || site.rig.haproxy().command("show servers state").contains(" dead ");
        assert!(clock::eventually(Duration::from_secs(5), added), "{told}: {}", process.log());
        site.rig.haproxy().signal_worker(Signal::KILL);
        let status = process.wait(Duration::from_secs(30));
        let log = process.log();
        let code = status.and_then(|status| status.code());
        assert!(matches!(code, Some(1 | 17)), "{told}: {code:?} {log}");
        assert!(log.contains("error") && !log.contains("panicked"), "{told}: {log}");

        // Started again, HAProxy serves, and the next apply finishes what was begun.
        site.rig.stop();
        site.rig.start();
        let _ = site.rig.must_apply(&checked);
        site.rig.assert_converged();
        site.assert_serves();
    }
}

#[test]
fn a_server_that_never_comes_up_is_pending_and_holds_nobody_back() {
    for version in versions() {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}, dead server");
        let checked =
            site.first().replace("servers:", "healthCheck: {type: tcp, interval: 200ms}, servers:");
        let _ = site.rig.must_apply(&checked);
        let nobody = free_port();
        let dead = format!("{{\"name\":\"dead\",\"address\":\"127.0.0.1\",\"port\":{nobody}}}");
        let route = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: b}\n\
                     spec: {hosts: [b.test], backend: web}\n";
        site.rig.write(&(checked.replace("servers: [", &format!("servers: [{dead},")) + route));
        let start = Instant::now();
        let arguments =
            ["apply", "manifests", "--yes", "--output", "json", "--ready-timeout", "1s"];
        let outcome = site.rig.gw.run(&arguments);
        assert!(start.elapsed() < Duration::from_secs(5), "{told}: {}", outcome.transcript());
        assert_says(&outcome, 3, &["dead", "pending"], &told);
        assert_eq!(site.client().get("b.test", "/").expect("an answer").status, 200, "{told}");
        for _ in 0..10 {
            site.assert_served_by("one");
        }
        let status = site.rig.gw.run(&["status", "--output", "json"]).json();
        assert!(status["pending"].to_string().contains("dead"), "{told}: {status}");
        // The server wakes up, and a later pass finishes.
        let alive = std::net::TcpListener::bind(("127.0.0.1", nobody)).expect("reserved");
        let outcome = site.rig.apply();
        assert_eq!(outcome.code, Some(0), "{told}: {}", outcome.transcript());
        drop(alive);
        site.rig.assert_converged();
    }
}

#[test]
fn a_reload_by_somebody_else_in_the_middle_does_no_harm() {
    for version in versions() {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}, reload in the middle");
        let checked =
            site.first().replace("servers:", "healthCheck: {type: tcp, interval: 200ms}, servers:");
        let _ = site.rig.must_apply(&checked);
        let late = Origin::http1("late");
        late.refuse();
        let port = late.port();
        let server = format!("{{\"name\":\"late\",\"address\":\"127.0.0.1\",\"port\":{port}}}");
        site.rig.write(&checked.replace("servers: [", &format!("servers: [{server},")));
        // The old worker checks nobody any more, so gw waits in vain.
        let arguments = ["apply", "manifests", "--yes", "--ready-timeout", "2s"];
        let mut process = site.rig.gw.start(&arguments);
        let added = || site.rig.haproxy().command("show servers state").contains(" late ");
        assert!(clock::eventually(Duration::from_secs(5), added), "{told}: {}", process.log());
        site.rig.haproxy().reload();
        site.assert_served_by("one");
        // The server wakes up; whoever waits for it may see that.
        late.accept();
        let status = process.wait(Duration::from_secs(30));
        let log = process.log();
        let code = status.and_then(|status| status.code());
        assert!(matches!(code, Some(0 | 1 | 3 | 17)), "{told}: {code:?} {log}");
        assert!(!log.contains("panicked"), "{told}: {log}");
        let outcome = site.rig.apply();
        assert_eq!(outcome.code, Some(0), "{told}: {log}\nand then {}", outcome.transcript());
        site.rig.assert_converged();
        let up = || site.rig.state().of("server web/late ").any(|line| line.ends_with("status=UP"));
        assert!(
            clock::eventually(Duration::from_secs(5), up),
            "{told}: {log}\n{}",
            site.rig.state()
        );
    }
}
