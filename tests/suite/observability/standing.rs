//! What a running gw tells of others' acts: drift that is only reported, what people do by hand, and
//! another gw that holds the lock.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{SOON, Watch, manifests};
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::ports::free_port;
use crate::support::versions::{newest, oldest};

#[test]
fn drift_that_is_only_reported_is_told_and_left_alone() {
    for version in [oldest(), newest()] {
        let watch = Watch::start(version, &[], |rig| {
            let config = rig.path().join("gw.yaml");
            fs::write(&config, "drift: report\nwatch: {resync: 1s}\n").unwrap();
            rig.gw = rig.gw.clone().env("GW_CONFIG", config);
        });
        watch.eventually("in sync", || watch.condition("Drifted") == "False/InSync");
        let reply = watch.rig.haproxy().command("set server web/s addr 127.0.0.1 port 11");
        assert!(reply.contains("changed from"), "{reply}");
        watch.eventually("told", || watch.condition("Drifted") == "True/NotCorrected");
        let left = "gw_drift_objects{kind=\"server\",class=\"reported\"}";
        assert_eq!(watch.metric(left), Some(1.0));
        // The same, seen again and again, is one.
        let pass = || watch.json("/v1/status")["pass"].as_u64();
        let passes = pass().map(|number| number + 2);
        watch.eventually("again", || pass() >= passes);
        assert_eq!(watch.metric("gw_drift_found_total"), Some(1.0));
        assert_eq!(watch.condition("Drifted"), "True/NotCorrected");
        let state = watch.rig.haproxy().command("show servers state web");
        assert!(state.contains(" 11 "), "it was changed: {state}");
        assert!(!watch.get("/metrics").1.contains("gw_changes_total{"));
        // What commits ask for is done nevertheless.
        watch.write(12, "60s");
        let state = || watch.rig.haproxy().command("show servers state web");
        watch.eventually("changed", || state().contains(" 12 "));
        watch.eventually("in sync again", || watch.condition("Drifted").starts_with("False/"));
        assert_eq!(watch.metric(left), Some(0.0));
    }
}

#[test]
fn what_people_do_is_noticed_without_being_asked() {
    /// Much less than the time between two looks at everything.
    const NOTICED: Duration = Duration::from_secs(10);
    let watch = Watch::start(newest(), &[], |_| {});
    let does = |arguments: &[&str], about: &str, expected: &str| {
        let _ = watch.rig.gw.run(arguments).ok();
        let begun = Instant::now();
        watch.eventually(&arguments.join(" "), || watch.condition(about).starts_with(expected));
        assert!(begun.elapsed() < NOTICED, "{arguments:?}: {:?}", begun.elapsed());
    };
    does(&["suspend", "--reason", "INC-42"], "Suspended", "True/");
    // Whoever does so again has the last word.
    let _ = watch.rig.gw.run(&["suspend", "--reason", "INC-43", "--for", "1h"]).ok();
    watch.eventually("for another reason", || watch.message("Suspended").contains("INC-43"));
    does(&["resume"], "Suspended", "False/");
    let hold = ["hold", "web/s", "--drain", "--for", "1h", "--reason", "INC-42"];
    does(&hold, "Held", "True/");
    does(&["release", "web/s"], "Held", "False/");
    watch.write(10, "60s");
    let state = || watch.rig.haproxy().command("show servers state web");
    // While gw applies, it holds the lock.
    let applied = "gw_apply_total{mechanism=\"runtime\",result=\"done\"}";
    watch.eventually("changed", || watch.metric(applied) == Some(1.0));
    assert!(state().contains(" 10 "), "{}", state());
    does(&["rollback", "--yes"], "Suspended", "True/");
    watch.eventually("is as before", || state().contains(" 9 "));
    does(&["resume"], "Suspended", "False/");
    watch.eventually("follows again", || state().contains(" 10 "));
    // What ends by itself ends as soon as its time is over.
    let brief = ["--for", "3s", "--reason", "INC-42"];
    for (what, about) in [(&["hold", "web/s", "--maint"][..], "Held"), (&["suspend"], "Suspended")]
    {
        does(&[what, &brief].concat(), about, "True/");
        let begun = Instant::now();
        watch.eventually("over", || watch.condition(about).starts_with("False/"));
        assert!(begun.elapsed() < NOTICED, "{what:?}: {:?}", begun.elapsed());
    }
}

#[test]
fn another_gw_that_holds_the_lock_is_told() {
    let watch = Watch::start(newest(), &[], |_| {});
    assert_eq!(watch.metric("gw_lock_wait_seconds"), Some(0.0));
    let lock = File::options().write(true).open(watch.rig.state_dir().join("lock")).unwrap();
    lock.try_lock().expect("no pass is under way");
    watch.write(10, "60s");
    watch.eventually("waits", || watch.metric("gw_lock_wait_seconds") > Some(0.5));
    drop(lock);
    let state = || watch.rig.haproxy().command("show servers state web");
    watch.eventually("goes on", || state().contains(" 10 "));
    watch.eventually("waits no more", || watch.metric("gw_lock_wait_seconds") == Some(0.0));
}

#[test]
fn old_workers_are_counted_with_a_master_socket_and_without() {
    for named in [true, false] {
        let watch = Watch::start(newest(), &[], |rig| {
            if !named {
                rig.gw = rig.gw.clone().without("GW_MASTER");
            }
        });
        let count = |number: f64| watch.metric("gw_old_workers") == Some(number);
        watch.eventually("counts none", || count(0.0));
        // A worker lives for as long as somebody is connected to it.
        let guest = UnixStream::connect(&watch.rig.socket).unwrap();
        (&guest).write_all(b"prompt\n").unwrap();
        watch.write(9, "50s");
        watch.eventually("counts one", || count(1.0));
        drop(guest);
        watch.eventually("counts none again", || count(0.0));
    }
}

#[test]
fn a_refusal_of_a_guard_waits_for_a_person() {
    let watch = Watch::start(newest(), &[], |rig| {
        let config = rig.path().join("gw.yaml");
        fs::write(&config, "reload: forbid\n").unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
    });
    watch.write(9, "50s");
    let refused = "gw_guard_refusals_total{guard=\"reload\"}";
    watch.eventually("refused", || watch.metric(refused) >= Some(1.0));
    assert!(clock::eventually(SOON, || watch.get("/readyz").0 == 503));
    assert_eq!(watch.condition("Stalled"), "True/GuardRefused");
    // What gw says is what helps.
    watch.gw.wait_for_log("`gw apply … --allow-reload` lets it pass once", SOON);
    let _ = watch.rig.gw.run(&["apply", "manifests", "--yes", "--allow-reload"]).ok();
    watch.eventually("goes on", || watch.get("/readyz").0 == 200);
    assert_eq!(watch.condition("Stalled"), "False/Progressing");
}

#[test]
fn what_an_object_was_when_it_was_good_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::new(folder.path());
    let (url, port) = (upstream.url(), free_port());
    let push = |server: u16, more: &str| {
        upstream.write("all.yaml", manifests(port, server, "60s"));
        upstream.write("more.yaml", more).push("Another one")
    };
    push(10, "");
    let mut watch = Watch::start_on(&[], newest(), &[], |rig| {
        let config = rig.path().join("gw.yaml");
        let text =
            format!("source: {{git: '{url}'}}\nwatch: {{poll: 1s}}\nhealthGate: {{period: off}}\n");
        fs::write(&config, text).unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
    });
    let backend = |name: &str| {
        format!(
            "apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: {name}}}\n\
             spec: {{servers: [{{name: s, address: 127.0.0.1, port: 9}}]}}\n"
        )
    };
    let runs = |watch: &Watch, name: &str| {
        watch.rig.haproxy().command("show backend").lines().any(|line| line == name)
    };
    // The port of `web` is none, and the rest goes on.
    upstream.write("all.yaml", manifests(port, 10, "60s").replace("port: 10}", "port: 99999}"));
    upstream.write("more.yaml", backend("one")).push("A slip");
    watch.eventually("partial", || runs(&watch, "one"));
    watch.gw.signal(Signal::TERM);
    let status = watch.gw.wait(SOON);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", watch.gw.log());
    let address = format!("127.0.0.1:{}", watch.http);
    watch.gw = watch.rig.gw.start(&["watch", "--http", &address]);
    watch.gw.wait_for_log("Watching", SOON);
    upstream.write("more.yaml", backend("two")).push("More");
    watch.eventually("partial again", || runs(&watch, "two"));
    let state = watch.rig.haproxy().command("show servers state web");
    assert!(state.contains(" 10 "), "{state}");
}
