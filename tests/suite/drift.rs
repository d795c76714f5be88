//! `gw drift` tells apart who made what differ, and touches nothing while it looks.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::rig::{Rig, census};
use crate::support::git::Upstream;
use crate::support::ports::free_port;
use crate::support::versions::{Version, newest, oldest};

/// Two backends of two servers each; `fields` of every server of `web`.
fn manifests(port: u16, fields: &str, more: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n---\n\
         apiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
         spec: {{hosts: [a.test], backend: web}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: api}}\nspec:\n  servers:\n    \
         - {{name: s1, address: 127.0.0.1, port: 3}}\n    \
         - {{name: s2, address: 127.0.0.1, port: 4}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\nspec:\n  servers:\n    \
         - {{name: s1, address: 127.0.0.1, port: 1{fields}}}\n    \
         - {{name: s2, address: 127.0.0.1, port: 2{fields}}}\n{more}"
    )
}

struct Site {
    rig: Rig,
    port: u16,
}

impl Site {
    fn new(version: &Version) -> Self {
        let (port, own) = (free_port(), free_port());
        let mut rig = Rig::with_base(
            version,
            &format!(
                "defaults by-hand\n    mode http\n    timeout connect 1s\n    timeout client 9s\n    \
                 timeout server 9s\nbackend handmade from by-hand\n    server h1 127.0.0.1:1\n    \
                 server h2 127.0.0.1:2\nlisten both from by-hand\n    bind 127.0.0.1:{own}\n    \
                 server h1 127.0.0.1:1\n"
            ),
        );
        rig.write(&manifests(port, "", ""));
        let _ = rig.apply().ok();
        rig.start();
        Self { rig, port }
    }

    fn by_hand(&self, command: &str) {
        let reply = self.rig.haproxy().command(command);
        let good = reply.trim().is_empty() || reply.contains("changed from");
        assert!(good, "{command}: {reply}");
    }

    /// What `gw drift` says, which must end with `code`.
    fn drift(&self, arguments: &[&str], code: i32) -> Value {
        let text = self.rig.gw.run(&[&["drift"], arguments].concat()).expect(code);
        assert_eq!(text.stderr, "", "{}", text.transcript());
        let json = [&["drift", "--output", "json"], arguments].concat();
        self.rig.gw.run(&json).expect(code).json()
    }
}

/// The objects of a list of steps.
fn objects(steps: &Value) -> Vec<&str> {
    let steps = steps.as_array().expect("a list of steps");
    steps.iter().map(|step| step["object"].as_str().expect("a name")).collect()
}

#[test]
fn drift_is_told_apart_from_commits_holds_and_others_sections() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let calm = site.drift(&["manifests"], 0);
        assert_eq!(calm["drifted"], false, "{calm}");
        for empty in ["drift", "held", "under_way"] {
            assert_eq!(calm[empty], json!([]), "{calm}");
        }
        assert_eq!(calm["pending_commit"]["steps"], json!([]), "{calm}");
        let unmanaged = json!([
            {"name": "both", "kind": "listen", "servers": 1},
            {"name": "handmade", "kind": "backend", "servers": 2},
        ]);
        assert_eq!(calm["unmanaged"], unmanaged, "{calm}");

        // Somebody drains a server, moves another one, and a third change waits in Git.
        site.by_hand("set server api/s1 state drain");
        site.by_hand("set server web/s1 addr 127.0.0.2 port 9");
        site.rig.write(&manifests(site.port, ", weight: 7", ""));
        let told = site.drift(&["manifests"], 2);
        assert_eq!(objects(&told["drift"]), ["server web/s1"], "{told}");
        assert_eq!(told["drift"][0]["cause"], "drift", "{told}");
        assert_eq!(told["drift"][0]["fields"][0]["from"], "127.0.0.2:9", "{told}");
        let pending = &told["pending_commit"];
        // The manifest changes both; one of them drifted besides.
        assert_eq!(objects(&pending["steps"]), ["server web/s1", "server web/s2"], "{told}");
        assert_eq!(told["held"][0]["server"], "s1", "{told}");
        assert_eq!(told["unmanaged"], unmanaged, "{told}");

        // Without manifests it is only about what gw had made.
        let told = site.drift(&[], 2);
        assert_eq!(objects(&told["drift"]), ["server web/s1"], "{told}");
        assert_eq!(told["pending_commit"], Value::Null, "{told}");

        // A plan says the same of each step.
        site.rig.write(&manifests(site.port, "", ""));
        let plan = site.rig.plan().expect(2).json();
        assert_eq!(objects(&plan["steps"]), ["server web/s1"], "{plan}");
        assert_eq!(plan["steps"][0]["cause"], "drift", "{plan}");
        let route = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: c}\n\
                     spec: {hosts: [c.test], backend: web}\n";
        site.rig.write(&manifests(site.port, "", route));
        let plan = site.rig.plan().expect(2).json();
        let causes: Vec<&Value> =
            plan["steps"].as_array().unwrap().iter().map(|step| &step["cause"]).collect();
        assert_eq!(causes, ["drift", "commit"], "{plan}");

        // A hold alone is no drift.
        let _ = site.rig.apply().ok();
        let told = site.drift(&["manifests"], 0);
        assert_eq!(told["held"][0]["state"], "drain", "{told}");
    }
}

#[test]
fn a_named_state_that_a_hand_changed_is_drift() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let _ = site.rig.must_apply(&manifests(site.port, ", state: ready", ""));
        site.by_hand("set server web/s2 state maint");
        let told = site.drift(&[], 2);
        assert_eq!(objects(&told["drift"]), ["server web/s2"], "HAProxy {version}: {told}");
        assert_eq!(told["held"], json!([]), "HAProxy {version}: {told}");
    }
}

#[test]
fn drift_that_is_only_reported_is_left_alone() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let report = ["apply", "manifests", "--yes", "--drift", "report", "--output", "json"];
        let apply = || site.rig.gw.run(&report).ok().json();
        site.by_hand("set server web/s1 addr 127.0.0.2 port 9");
        let told = apply();
        assert_eq!((&told["steps"], &told["commands_sent"]), (&json!([]), &json!(0)), "{told}");
        assert!(told["remarks"].to_string().contains("left alone: server web/s1"), "{told}");
        let plan = ["plan", "manifests", "--drift", "report", "--output", "json", "--exit-code"];
        let plan = site.rig.gw.run(&plan).ok().json();
        assert_eq!(objects(&plan["drift_left_alone"]), ["server web/s1"], "{plan}");

        // A commit elsewhere is applied, and a hold is set.
        let _ = site
            .rig
            .gw
            .run(&["hold", "api/s1", "--drain", "--for", "1h", "--reason", "INC-42"])
            .ok();
        let route = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: c}\n\
                     spec: {hosts: [c.test], backend: web}\n";
        site.rig.write(&manifests(site.port, "", route));
        let told = apply();
        assert_eq!(
            told["summary"],
            json!({
                "add": 1, "change": 0, "remove": 0, "runtime": 1, "reload": 0,
            })
        );
        assert_eq!(objects(&site.drift(&[], 2)["drift"]), ["server web/s1"]);

        // What the commit itself changes is no drift any more.
        site.rig.write(&manifests(site.port, ", weight: 7", route));
        let told = apply();
        assert_eq!(objects(&told["steps"]), ["server web/s1", "server web/s2"], "{told}");
        let _ = site.drift(&[], 0);

        // A reload takes everything along.
        site.by_hand("set server web/s1 addr 127.0.0.2 port 9");
        let slower = format!("  timeouts: {{server: 7s}}\n{route}");
        site.rig.write(&manifests(site.port, ", weight: 7", &slower));
        let told = apply();
        assert_eq!(told["reloads"], 1, "{told}");
        assert!(told["remarks"].to_string().contains("corrects what drifted"), "{told}");
        site.rig.assert_converged();
    }
}

#[test]
fn looking_for_drift_writes_nothing_and_waits_for_nobody() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        site.by_hand("set server web/s1 addr 127.0.0.2 port 9");
        site.by_hand("set server api/s1 state drain");
        let state = site.rig.state_dir();
        // Somebody else is at work.
        let lock = File::create(state.join("lock")).expect("a writable folder");
        lock.lock().expect("nobody else has it");
        let apply = site.rig.apply();
        assert_eq!(apply.code, Some(12), "{}", apply.transcript());
        let writable = fs::metadata(&state).unwrap().permissions();
        fs::set_permissions(&state, Permissions::from_mode(0o555)).expect("it is ours");
        let before = (census(&state), site.rig.state());
        let told = site.drift(&["manifests"], 2);
        assert_eq!(objects(&told["drift"]), ["server web/s1"], "{told}");
        let after = (census(&state), site.rig.state());
        fs::set_permissions(&state, writable).expect("it is ours");
        assert_eq!(before, after, "HAProxy {version}");
    }
}

#[test]
fn of_a_repository_the_last_commit_that_gw_read_is_compared() {
    for version in [oldest(), newest()] {
        let site = Site::new(version);
        let upstream = Upstream::new(site.rig.path());
        let weighing = |weight: &str| manifests(site.port, &format!(", weight: {weight}"), "");
        upstream.write("all.yaml", weighing("7")).push("The first one");
        let config = site.rig.path().join("source.yaml");
        fs::write(&config, json!({"source": {"git": upstream.url()}}).to_string()).unwrap();
        let gw = site.rig.gw.clone().env("GW_CONFIG", config);
        let drift = |more: &[&str]| gw.run(&[&["drift", "--output", "json"], more].concat());
        let git = ["--git", &upstream.url()];

        // Nothing is fetched for it.
        let outcome = drift(&git).expect(13);
        assert!(outcome.stderr.contains("was fetched yet"), "{}", outcome.transcript());
        let outcome = drift(&[]).ok();
        assert!(outcome.stderr.contains("was fetched yet"), "{}", outcome.transcript());
        assert!(outcome.json()["pending_commit"].is_null(), "{}", outcome.transcript());

        let first = upstream.run(&["rev-parse", "HEAD"]);
        let _ = gw.run(&["plan"]).ok();
        upstream.write("all.yaml", weighing("8")).push("Another one");
        site.by_hand("set server web/s1 addr 127.0.0.2 port 9");
        let state = site.rig.state_dir();
        let before = (census(&state), site.rig.state());
        for more in [&git[..], &[]] {
            let told = drift(more).expect(2).json();
            assert_eq!(objects(&told["drift"]), ["server web/s1"], "{told}");
            let revision = told["pending_commit"]["revision"].as_str().expect("there is one");
            assert!(first.starts_with(revision), "{told}");
        }
        assert_eq!(before, (census(&state), site.rig.state()), "HAProxy {version}");
    }
}

#[test]
fn what_does_not_run_has_not_drifted() {
    let mut site = Site::new(newest());
    site.rig.stop();
    let outcome = site.rig.gw.run(&["drift"]).expect(17);
    assert!(outcome.stderr.contains("HAProxy does not answer at"), "{}", outcome.transcript());
}
