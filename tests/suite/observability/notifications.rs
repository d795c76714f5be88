//! Others are told how passes end.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::receiver::Receiver;
use super::{SOON, Watch, manifests};
use crate::rig::web;
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::tls::{Authority, HTTP1_ONLY};
use crate::support::versions::{newest, oldest};

#[test]
fn others_are_notified_once_for_each_revision_and_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let identity = authority.issue("hook", &["localhost"]);
    let all = Receiver::plain();
    let bad = Receiver::tls(identity.server(HTTP1_ONLY));
    let nobody = free_port();
    // The second one fails twice before it takes anything.
    bad.fail_next(2);
    let settings = format!(
        "healthGate: {{period: off}}\nnotify:\n- url: http://127.0.0.1:{}/all?key=k\n- url: https://localhost:{}/bad\n  \
         on: [failure]\n- url: http://127.0.0.1:{nobody}/secret\n",
        all.port(),
        bad.port()
    );
    let watch = Watch::start(newest(), &[], |rig| {
        let config = rig.path().join("gw.yaml");
        std::fs::write(&config, settings).unwrap();
        let gw = rig.gw.clone().env("GW_CONFIG", config);
        rig.gw = gw.env("SSL_CERT_FILE", &authority.file);
    });
    let outcomes = || {
        let word = |document: &Value| document["outcome"].as_str().unwrap().to_owned();
        all.documents().iter().map(word).collect::<Vec<_>>()
    };
    watch.write(14, "60s");
    watch.eventually("told of success", || outcomes() == ["success"]);
    watch.rig.write("kind: Gatewy\n");
    watch.eventually("told of failure", || outcomes() == ["success", "failure"]);
    // The same again is no news.
    for _ in 0..3 {
        let passes = watch.json("/v1/status")["pass"].as_u64();
        watch.gw.signal(Signal::HUP);
        watch.eventually("again", || watch.json("/v1/status")["pass"].as_u64() > passes);
    }
    watch.write(14, "60s");
    let expected = ["success", "failure", "success"];
    watch.eventually("told of the end", || outcomes() == expected);
    let failure = &all.documents()[1];
    assert_eq!((&failure["version"], &failure["result"]), (&1.into(), &"partial".into()));
    assert!(failure["message"].as_str().unwrap().contains("Gatewy"), "{failure}");
    assert_eq!(all.paths(), ["/all?key=k", "/all?key=k", "/all?key=k"]);
    watch.eventually("told over TLS", || bad.documents().len() == 1);
    assert_eq!(bad.documents()[0]["outcome"], "failure");
    // Nobody is waited for, and who can't be reached is counted, but not named in full.
    let failures = || watch.metric("gw_notification_failures_total");
    watch.eventually("counted", || failures() >= Some(1.0));
    watch.gw.wait_for_log("could not be delivered", SOON);
    assert!(!watch.gw.log().contains("secret"), "{}", watch.gw.log());
}

#[test]
fn a_repository_that_can_not_be_followed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, all, port) = (Upstream::new(folder.path()), Receiver::plain(), free_port());
    let push = |server: u16| {
        upstream.write("all.yaml", manifests(port, server, "60s")).push("Another server")
    };
    push(10);
    let settings = format!(
        "source: {{git: '{}', forcedPush: refuse}}\nwatch: {{poll: 1s}}\nhealthGate: {{period: off}}\n\
         notify: [url: \"http://127.0.0.1:{}/\"]\n",
        upstream.url(),
        all.port()
    );
    let watch = Watch::start_on(&[], newest(), &[], |rig| {
        let config = rig.path().join("gw.yaml");
        std::fs::write(&config, settings).unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
    });
    let news = || {
        let word = |document: &Value, key: &str| document[key].as_str().unwrap().to_owned();
        let line = |one: &Value| format!("{} {}", word(one, "about"), word(one, "outcome"));
        all.documents().iter().map(line).collect::<Vec<_>>()
    };
    watch.eventually("told of success", || news() == ["pass success"]);
    let good = push(11);
    watch.eventually("told of success", || news() == ["pass success"; 2]);
    upstream.run(&["reset", "--quiet", "--hard", "HEAD~1"]);
    push(12);
    let refused = "gw_source_fetch_total{result=\"refused\"}";
    watch.eventually("asked again and again", || watch.metric(refused) >= Some(3.0));
    assert_eq!(news(), ["pass success", "pass success", "source failure"]);
    let why = all.documents()[2]["message"].as_str().unwrap().to_owned();
    assert!(why.contains("history was rewritten"), "{why}");
    assert!(watch.gw.log().contains("history was rewritten"), "{}", watch.gw.log());
    // What is seen is that the server answers.
    assert!(watch.metric("gw_source_age_seconds") < Some(10.0));
    upstream.run(&["push", "--quiet", "--force", "origin", &format!("{good}:main")]);
    watch.eventually("told of the end", || news().last().unwrap() == "source success");
    assert_eq!(news().len(), 4);
}

#[test]
fn success_is_told_once_the_health_gate_has_judged() {
    for version in [oldest(), newest()] {
        let (all, good) = (Receiver::plain(), Origin::http1("good"));
        let watch = Watch::start(version, &[], |rig| {
            let settings = format!(
                "healthGate: {{period: 3s, errors: 100%}}\nreloadInterval: 0s\n\
                 notify: [url: \"http://127.0.0.1:{}/\"]\n",
                all.port()
            );
            let config = rig.path().join("gw.yaml");
            std::fs::write(&config, settings).unwrap();
            rig.gw = rig.gw.clone().env("GW_CONFIG", config);
        });
        let want = |server: u16| {
            let checked = "  healthCheck: {type: tcp, interval: 100ms}\n";
            watch.rig.write(&web(watch.port, server, checked));
        };
        let results = || {
            let word = |document: &Value| document["result"].as_str().unwrap().to_owned();
            all.documents().iter().map(word).collect::<Vec<_>>()
        };
        let (applied, mut expected) =
            ("gw_apply_total{mechanism=\"reload\",result=\"done\"}", vec![]);
        want(good.port());
        watch.eventually("applied", || watch.metric(applied) == Some(1.0));
        let begun = Instant::now();
        // A look at everything says nothing new of it.
        watch.gw.signal(Signal::HUP);
        assert_eq!(results(), expected);
        expected.push("done");
        watch.eventually("told of success", || results() == expected);
        assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
        let success = &all.documents()[0];
        assert_eq!(success["reloads"], 1, "it is of the pass that made the change: {success}");
        // What is taken back was never told as good.
        want(free_port());
        expected.push("taken_back");
        watch.eventually("told of the way back", || results() == expected);
        want(good.port());
        expected.push("done");
        watch.eventually("told of the end", || results() == expected);
        // Nor is what somebody takes back by hand meanwhile.
        let other = Origin::http1("other");
        want(other.port());
        let runs = || watch.rig.haproxy().command("show servers state web");
        watch.eventually("applied", || runs().contains(&format!(" {} ", other.port())));
        let _ = watch.rig.gw.run(&["rollback", "--yes"]).ok();
        watch.eventually("suspended", || watch.condition("Suspended").starts_with("True/"));
        clock::pause(Duration::from_secs(4));
        assert_eq!(results(), expected);
    }
}
