//! A plan that was saved is applied as it is, or not at all.

use std::fs;

use serde_json::json;

use crate::rig::Rig;
use crate::support::ports::free_port;
use crate::support::run::Outcome;
use crate::support::versions::{newest, oldest};

fn manifests(port: u16, servers: &[u16], more: &str) -> String {
    let servers: Vec<_> = servers
        .iter()
        .map(|server| json!({"name": format!("s{server}"), "address": "127.0.0.1", "port": server}))
        .collect();
    let servers = json!(servers);
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
         spec:\n  servers: {servers}\n{more}"
    )
}

fn save(rig: &Rig) {
    let _ = rig.gw.run(&["plan", "manifests", "--out", "plan.json"]).ok();
}

fn apply(rig: &Rig) -> Outcome {
    rig.gw.run(&["apply", "manifests", "--plan", "plan.json", "--output", "json"])
}

/// The plan is refused for these reasons, and nothing happens.
fn assert_stale(rig: &Rig, reasons: &[&str]) {
    let before = (rig.state(), rig.generation());
    let outcome = apply(rig).expect(11);
    assert!(outcome.stderr.contains("is stale; nothing was changed"), "{}", outcome.transcript());
    for reason in reasons {
        assert!(outcome.stderr.contains(reason), "{reason}: {}", outcome.transcript());
    }
    assert_eq!(before, (rig.state(), rig.generation()), "{}", outcome.transcript());
}

#[test]
fn what_was_approved_is_applied_and_nothing_else() {
    for version in [oldest(), newest()] {
        let port = free_port();
        let rig = Rig::serving(version, &manifests(port, &[1, 2, 3], ""));
        // What removes something needs no further word: it was approved.
        rig.write(&manifests(port, &[1, 3], ""));
        save(&rig);
        let saved: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(rig.path().join("plan.json")).unwrap())
                .unwrap();
        assert_eq!(saved["plan"]["summary"]["remove"], 1, "{saved}");
        let report = apply(&rig).ok().json();
        assert_eq!(report["summary"]["remove"], 1, "{report}");
        rig.assert_converged();
        // Once.
        assert_stale(&rig, &["another plan was applied", "HAProxy's live state changed"]);

        // With a reload.
        rig.write(&manifests(port, &[1, 3], "  timeouts: {server: 7s}\n"));
        save(&rig);
        assert_eq!(apply(&rig).ok().json()["reloads"], 1);
    }
}

#[test]
fn what_moved_since_makes_it_stale() {
    let port = free_port();
    let rig = Rig::serving(newest(), &manifests(port, &[1, 2, 3], ""));
    rig.write(&manifests(port, &[1, 2, 4], ""));
    save(&rig);
    // An operator, elsewhere.
    let reply = rig.haproxy().command("set server web/s1 state maint");
    assert_eq!(reply.trim(), "");
    assert_stale(&rig, &["HAProxy's live state changed"]);
    let reply = rig.haproxy().command("set server web/s1 state ready");
    assert_eq!(reply.trim(), "");
    // A committer.
    rig.write(&manifests(port, &[1, 2, 4, 5], ""));
    assert_stale(&rig, &["the manifests are at another revision", "other steps are to be done"]);
    rig.write(&manifests(port, &[1, 2, 4], ""));
    let _ = apply(&rig).ok();
    rig.assert_converged();
}

#[test]
fn what_is_no_plan_is_told() {
    let port = free_port();
    let rig = Rig::serving(newest(), &manifests(port, &[1], ""));
    let missing = apply(&rig).expect(1);
    assert!(
        missing.stderr.contains("cannot read the plan in plan.json"),
        "{}",
        missing.transcript()
    );
    fs::write(rig.path().join("plan.json"), "{}").unwrap();
    let broken = apply(&rig).expect(1);
    assert!(broken.stderr.contains("cannot read the plan in plan.json"), "{}", broken.transcript());
}
