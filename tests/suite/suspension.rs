//! While following is suspended nothing is applied, and everybody is told why.

use serde_json::Value;

use crate::rig::Rig;
use crate::support::clock;
use crate::support::ports::free_port;
use crate::support::versions::newest;

fn manifests(port: u16, server: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
         spec: {{servers: [{{name: s1, address: 127.0.0.1, port: {server}}}]}}\n"
    )
}

#[test]
fn nothing_is_applied_while_following_is_suspended() {
    let port = free_port();
    let rig = Rig::serving(newest(), &manifests(port, 1));
    let run = |arguments: &[&str]| rig.gw.run(arguments);
    let said = run(&["suspend", "--reason", "INC-42: by hand", "--for", "2h"]).ok().stdout;
    assert!(said.starts_with("Suspended until "), "{said}");
    rig.write(&manifests(port, 2));
    let before = rig.state();

    let plan = rig.plan().expect(2);
    let remarks = plan.json()["remarks"].to_string();
    assert!(remarks.contains("suspended by") && remarks.contains("INC-42"), "{remarks}");
    for command in [&["status"][..], &["drift"], &["drift", "manifests"]] {
        let told = run(&[command, &["--output", "json"]].concat()).ok().json();
        assert_eq!(told["suspended"]["reason"], "INC-42: by hand", "{told}");
        assert!(told["suspended"]["by"].as_str().unwrap().contains('@'), "{told}");
        assert!(told["suspended"]["until"].is_string(), "{told}");
        let text = run(command).ok().stdout;
        assert!(text.contains("INC-42: by hand"), "{text}");
    }
    let apply = rig.apply().expect(18);
    assert!(apply.stderr.contains("INC-42: by hand"), "{}", apply.transcript());
    assert!(apply.stderr.contains("gw resume"), "{}", apply.transcript());
    assert_eq!(before, rig.state(), "something was changed");

    // This one time; it stays suspended.
    let _ = run(&["apply", "manifests", "--yes", "--even-if-suspended"]).ok();
    assert_eq!(rig.state().of("server web/s1 127.0.0.1:2 ").count(), 1);
    rig.write(&manifests(port, 3));
    let _ = rig.apply().expect(18);
    let said = run(&["resume"]).ok().stdout;
    assert!(said.starts_with("Resumed"), "{said}");
    let _ = rig.apply().ok();
    assert_eq!(run(&["resume"]).ok().stdout, "Nothing was suspended.\n");
    let status = run(&["status", "--output", "json"]).ok().json();
    assert_eq!(status["suspended"], Value::Null, "{status}");
}

#[test]
fn a_suspension_ends_in_time() {
    let port = free_port();
    let rig = Rig::serving(newest(), &manifests(port, 1));
    let _ = rig.gw.run(&["suspend", "--reason", "a moment", "--for", "2s"]).ok();
    rig.write(&manifests(port, 2));
    let _ = rig.apply().expect(18);
    let applied =
        clock::eventually(std::time::Duration::from_secs(10), || rig.apply().code == Some(0));
    assert!(applied, "{}", rig.apply().transcript());
    let outcome = rig.gw.run(&["suspend", "--reason", "too long", "--for", "1y"]).expect(64);
    assert!(outcome.stderr.contains("is no span of time"), "{}", outcome.transcript());
}
