//! `gw hold`: an operator's act goes before the manifests, over reloads and restarts, until its end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::Rig;
use crate::support::clock;
use crate::support::ports::free_port;
use crate::support::run::Outcome;
use crate::support::versions::{Version, newest, oldest};

/// `fields` of all servers but the last, and `more` of the backend.
fn manifests(port: u16, fields: &str, more: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n---\n\
         apiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
         spec: {{hosts: [a.test], backend: web}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\nspec:\n  servers:\n    \
         - {{name: s1, address: 127.0.0.1, port: 1{fields}}}\n    \
         - {{name: s2, address: 127.0.0.1, port: 2{fields}}}\n    \
         - {{name: s3, address: 127.0.0.1, port: 3{fields}}}\n    \
         - {{name: s4, address: 127.0.0.1, port: 4}}\n{more}"
    )
}

struct Site {
    rig: Rig,
    port: u16,
}

const NAMED: &str = ", state: ready, weight: 5";

impl Site {
    /// Manifests that name state and weight of what will be held.
    fn new(version: &Version) -> Self {
        let port = free_port();
        let rig = Rig::serving(version, &manifests(port, NAMED, ""));
        Self { rig, port }
    }

    fn want(&self, more: &str) {
        self.rig.write(&manifests(self.port, NAMED, more));
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.rig.gw.run(arguments)
    }

    fn hold(&self, server: &str, state: &[&str], span: &str) -> Outcome {
        let rest = ["--for", span, "--reason", "INC-42: memory"];
        self.run(&[&["hold", server], state, &rest].concat())
    }

    /// What HAProxy itself says of a server: weight, maintenance, drain.
    fn says(&self, server: &str, what: &str) -> bool {
        let state = self.rig.state();
        let line = state.of("server web/").find(|line| line.starts_with(server));
        line.expect("it is there").contains(what)
    }

    fn all_held(&self) -> bool {
        self.says("s1 ", " weight=5 maint=false drain=true ")
            && self.says("s2 ", " weight=5 maint=true drain=false ")
            && self.says("s3 ", " weight=9 maint=false drain=false ")
    }

    fn none_held(&self) -> bool {
        ["s1 ", "s2 ", "s3 "]
            .iter()
            .all(|server| self.says(server, " weight=5 maint=false drain=false "))
    }

    /// What plan, status and drift say is held, which must be the same.
    fn held(&self) -> Vec<Value> {
        let held = |arguments: &[&str]| {
            let outcome = self.run(&[arguments, &["--output", "json"]].concat()).ok();
            outcome.json()["held"].as_array().expect("a list").clone()
        };
        let status = held(&["status"]);
        assert_eq!(status, held(&["plan", "manifests"]));
        assert_eq!(status, held(&["drift"]));
        status
    }
}

#[test]
fn a_hold_goes_before_the_manifests_over_reloads_and_restarts() {
    for version in [oldest(), newest()] {
        let mut site = Site::new(version);
        let said = site.hold("web/s1", &["--drain"], "2h").ok().stdout;
        assert!(said.starts_with("Held until "), "{said}");
        let _ = site.hold("web/s2", &["--maint"], "3d").ok();
        let _ = site.hold("web/s3", &["--weight", "9"], "30m").ok();
        assert!(site.all_held(), "HAProxy {version}: {}", site.rig.state());
        let held = site.held();
        let states: Vec<&Value> = held.iter().map(|one| &one["state"]).collect();
        assert_eq!(states, ["drain", "maintenance", "weight"]);
        assert!(held.iter().all(|one| one["reason"] == "INC-42: memory"), "{held:?}");
        assert!(held.iter().all(|one| one["owner"].as_str().unwrap().contains('@')), "{held:?}");
        let text = site.run(&["plan", "manifests"]).ok().stdout;
        assert!(text.contains("server web/s1: draining, by "), "{text}");
        // Nothing is to be done, and nothing drifted.
        site.rig.assert_converged();
        assert_eq!(site.run(&["drift"]).ok().code, Some(0));

        // gw's own reload, and a reload that somebody else asks for.
        site.want("  timeouts: {server: 7s}\n");
        let report = site.rig.apply().ok().json();
        assert_eq!(report["reloads"], 1, "{report}");
        assert!(site.all_held(), "HAProxy {version}: {}", site.rig.state());
        site.rig.assert_converged();

        // A new process knows of nothing; the next pass tells it.
        site.rig.stop();
        site.rig.start();
        assert!(site.none_held(), "HAProxy {version}: {}", site.rig.state());
        let plan = site.rig.plan().expect(2).json();
        let steps = plan["steps"].as_array().expect("a list");
        assert_eq!(steps.len(), 3, "{plan}");
        assert!(steps.iter().all(|step| step["cause"] == "hold"), "{plan}");
        let report = site.rig.apply().ok().json();
        assert_eq!((&report["reloads"], &report["commands_sent"]), (&json!(0), &json!(3)));
        assert!(site.all_held(), "HAProxy {version}: {}", site.rig.state());
        site.rig.assert_converged();

        // Released, each is the manifest's at once.
        for server in ["web/s1", "web/s2", "web/s3"] {
            let said = site.run(&["release", server]).ok().stdout;
            assert!(said.contains("is as its manifest says"), "{said}");
        }
        assert!(site.none_held(), "HAProxy {version}: {}", site.rig.state());
        assert_eq!(site.held(), Vec::<Value>::new());
        site.rig.assert_converged();
        assert!(!site.rig.state_dir().join("holds.json").exists());
    }
}

#[test]
fn a_server_that_comes_back_is_held_still() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let _ = site.hold("web/s1", &["--drain"], "1h").ok();
        let _ = site.hold("web/s2", &["--maint"], "1h").ok();
        let _ = site.hold("web/s3", &["--weight", "9"], "1h").ok();
        let all = manifests(site.port, NAMED, "");
        let is_left = |line: &&str| ["s1", "s2", "s3"].iter().all(|name| !line.contains(name));
        let without: String = all.lines().filter(is_left).flat_map(|line| [line, "\n"]).collect();
        // By commands, and by a reload that something else needs.
        for more in ["", "  timeouts: {server: 7s}\n"] {
            let _ = site.rig.must_apply(&without);
            site.want(more);
            let report = site.rig.apply().ok().json();
            assert_eq!(report["reloads"], u64::from(!more.is_empty()), "{report}");
            assert!(site.all_held(), "HAProxy {version}: {}", site.rig.state());
            site.rig.assert_converged();
        }
    }
}

#[test]
fn a_hold_ends_in_time() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        for (server, state) in
            [("web/s1", &["--drain"][..]), ("web/s2", &["--maint"]), ("web/s3", &["--weight", "9"])]
        {
            let _ = site.hold(server, state, "2s").ok();
        }
        // What the manifest leaves open is given back as well.
        let _ = site.hold("web/s4", &["--maint"], "2s").ok();
        let _ = site.rig.apply().ok();
        assert!(site.all_held(), "HAProxy {version}: {}", site.rig.state());
        let over = clock::eventually(Duration::from_secs(10), || site.rig.plan().code == Some(2));
        assert!(over, "HAProxy {version}: it does not end");
        // Until a pass it stays, and is told as a thing to do.
        let plan = site.rig.plan().expect(2).json();
        let causes: Vec<&Value> =
            plan["steps"].as_array().unwrap().iter().map(|step| &step["cause"]).collect();
        assert!(causes.iter().all(|cause| **cause == "hold"), "{plan}");
        let last = clock::eventually(Duration::from_secs(10), || {
            let _ = site.rig.apply().ok();
            site.none_held() && !site.rig.state_dir().join("holds.json").exists()
        });
        assert!(last, "HAProxy {version}: {}", site.rig.state());
        assert!(site.says("s4 ", " weight=1 maint=false "), "{}", site.rig.state());
        site.rig.assert_converged();
    }
}

#[test]
fn a_hold_that_a_commit_makes_good_leaves_nothing_behind() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let weight = |site: &Site, fields: &str| {
            site.rig.write(&manifests(site.port, fields, ""));
            let _ = site.rig.apply().ok();
        };
        // The weight is one that gw gave it.
        weight(&site, ", weight: 6");
        let _ = site.hold("web/s1", &["--weight", "7"], "1h").ok();
        weight(&site, ", weight: 7");
        let _ = site.run(&["release", "web/s1"]).ok();
        site.rig.assert_converged();
        // It was gw's: nobody holds it where the manifest names none any more.
        weight(&site, "");
        assert!(site.says("s1 ", " weight=1 "), "HAProxy {version}: {}", site.rig.state());
        site.rig.assert_converged();
    }
}

#[test]
fn what_ends_while_haproxy_is_reloaded_is_not_carried_over() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let _ = site.hold("web/s1", &["--maint"], "1s").ok();
        site.want("  timeouts: {server: 7s}\n");
        let over = clock::eventually(Duration::from_secs(10), || {
            let status = site.run(&["status", "--output", "json"]).ok().json();
            status["held"] == json!([])
        });
        assert!(over, "HAProxy {version}: it does not end");
        let told = site.run(&["drift", "--output", "json"]).ok().json();
        assert_eq!(told["under_way"][0]["object"], "server web/s1", "{told}");
        let report = site.rig.apply().ok().json();
        assert_eq!(report["reloads"], 1, "{report}");
        assert!(site.none_held(), "HAProxy {version}: {}", site.rig.state());
        site.rig.assert_converged();
    }
}

#[test]
fn what_cannot_be_held_is_told() {
    for version in [oldest(), newest()] {
        let mut site = Site::new(version);
        let unknown = site.hold("web/s11", &["--drain"], "1h").expect(1);
        assert!(unknown.stderr.contains("gw runs no server web/s11"), "{}", unknown.transcript());
        assert!(unknown.stderr.contains("did you mean `web/s1`?"), "{}", unknown.transcript());
        let _ = site.hold("web/s1", &["--drain"], "1h").ok();
        let again = site.hold("web/s1", &["--maint"], "1h").expect(1);
        assert!(again.stderr.contains("is held already: draining, by "), "{}", again.transcript());
        assert!(again.stderr.contains("gw release web/s1"), "{}", again.transcript());
        let free = site.run(&["release", "web/s2"]).expect(1);
        assert!(free.stderr.contains("nobody holds web/s2"), "{}", free.transcript());
        for usage in [
            &["web", "--drain"][..],
            &["web/s1"],
            &["web/s1", "--drain", "--maint"],
            &["web/s1", "--weight", "257"],
        ] {
            let _ = site.hold(usage[0], &usage[1..], "1h").expect(64);
        }
        site.rig.stop();
        let down = site.hold("web/s2", &["--drain"], "1h").expect(17);
        assert!(down.stderr.contains("does not answer"), "{}", down.transcript());
        let said = site.run(&["release", "web/s1"]).ok().stdout;
        assert!(said.contains("starts as its manifest says"), "{said}");
    }
}

#[test]
fn what_haproxy_refuses_is_not_held() {
    let port = free_port();
    let static_rr = manifests(port, "", "  balance: static-rr\n");
    let site = Site { rig: Rig::serving(newest(), &static_rr), port };
    let refused = site.hold("web/s1", &["--weight", "9"], "1h").expect(1);
    assert!(refused.stderr.contains("HAProxy did not do it"), "{}", refused.transcript());
    assert!(!site.rig.state_dir().join("holds.json").exists());
    site.rig.assert_converged();
}

#[test]
fn a_weight_rests_while_the_balance_takes_none() {
    for version in [oldest(), newest()] {
        let port = free_port();
        let balance = |name: &str| manifests(port, "", &format!("  balance: {name}\n"));
        let site = Site { rig: Rig::serving(version, &balance("roundrobin")), port };
        let _ = site.rig.haproxy().command("set server web/s1 weight 200");
        let _ = site.rig.haproxy().command("set server web/s4 weight 0");
        let _ = site.hold("web/s2", &["--weight", "250"], "1h").ok();
        // HAProxy 2.6 and 2.8 die where the file with the state of servers has a weight for these that
        // is greater than the configured one.
        for algorithm in ["static-rr", "{algorithm: source, hashType: map-based}"] {
            let _ = site.rig.must_apply(&balance(algorithm));
            let at = |server: &str, weight: &str| site.says(server, &format!(" weight={weight} "));
            assert!(at("s1 ", "1") && at("s2 ", "1") && at("s4 ", "0"), "{}", site.rig.state());
            site.rig.assert_converged();
        }
        // The hold goes on, and what was set by hand is forgotten.
        let _ = site.rig.must_apply(&balance("roundrobin"));
        assert!(site.says("s1 ", " weight=1 ") && site.says("s2 ", " weight=250 "));
        site.rig.assert_converged();
    }
}
