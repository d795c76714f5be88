//! What people do by hand: what manifests leave open is theirs and held, whatever gw does; all
//! else is drift and corrected, and nothing beside it is touched.

use serde_json::{Value, json};

use crate::rig::{Rig, State};
use crate::support::client::Client;
use crate::support::clock;
use crate::support::haproxy::Haproxy;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::versions::{Version, versions};

/// One backend with three servers, at two hosts, and sections that somebody wrote by hand.
struct Site {
    rig: Rig,
    port: u16,
    origins: Vec<Origin>,
}

impl Site {
    fn new(version: &Version) -> Self {
        let port = free_port();
        let origins: Vec<_> = ["s1", "s2", "s3", "spare"].map(Origin::http1).into();
        let spare = origins[3].port();
        let handmade = format!(
            "defaults by-hand\n    mode http\n    timeout connect 1s\n    timeout client 9s\n    \
             timeout server 9s\nbackend handmade from by-hand\n    server h1 127.0.0.1:{spare} weight 7\n    \
             server h2 127.0.0.1:{spare} disabled\n"
        );
        let rig = Rig::with_base(version, &handmade);
        let mut site = Self { rig, port, origins };
        site.rig.write(&site.manifests("{}", ""));
        let _ = site.rig.apply().ok();
        site.rig.start();
        site
    }

    /// The manifests: `fields` of every server, and `more` of the backend.
    fn manifests(&self, fields: &str, more: &str) -> String {
        let mut extra: Value = serde_json::from_str(fields).expect("a JSON object");
        let servers: Vec<Value> = (self.origins.iter().take(3).zip(1..))
            .map(|(origin, number)| {
                let mut server = json!({
                    "name": format!("s{number}"), "address": "127.0.0.1", "port": origin.port(),
                });
                let extra = extra.as_object_mut().expect("a JSON object");
                server.as_object_mut().expect("an object").extend(extra.clone());
                server
            })
            .collect();
        let servers = Value::from(servers);
        let port = self.port;
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n---\n\
             apiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
             spec: {{hosts: [a.test], backend: web}}\n---\n\
             apiVersion: gw/v1\nkind: Route\nmetadata: {{name: wild}}\n\
             spec: {{hosts: ['*.b.test'], path: /x, backends: [{{name: web, weight: 3}}, {{name: two}}]}}\n---\n\
             apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: two}}\n\
             spec: {{servers: {servers}}}\n---\n\
             apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
             spec:\n  servers: {servers}\n{more}"
        )
    }

    fn haproxy(&self) -> &Haproxy {
        self.rig.haproxy()
    }

    /// Sends a command that must succeed silently or by one of HAProxy's words of success.
    fn by_hand(&self, command: &str) {
        let reply = self.haproxy().command(command);
        let good = ["", "New server registered.", "Server deleted."];
        let said = |words: &str| reply.contains(words);
        let fine = said("changed from")
            || said("New backend registered")
            || reply.lines().all(|line| good.contains(&line.trim()));
        assert!(fine, "HAProxy {}: {command}: {reply}", self.rig.version);
    }

    /// What `plan` and `status` say is held, which must be the same.
    fn held(&self) -> Vec<String> {
        let says = |held: &Value| -> Vec<String> {
            let one = |held: &Value| {
                let text = |name: &str| held[name].as_str().unwrap_or("?").to_owned();
                let weight = held["weight"].as_u64().map_or(String::new(), |to| format!(" {to}"));
                format!("{}/{} {}{weight}", text("backend"), text("server"), text("state"))
            };
            held.as_array().expect("a list of what is held").iter().map(one).collect()
        };
        let plan = self.rig.plan().json();
        let status = self.rig.gw.run(&["status", "--output", "json"]).ok().json();
        assert_eq!(says(&plan["held"]), says(&status["held"]), "plan and status differ");
        says(&status["held"])
    }
}

#[test]
fn what_operators_set_is_held_until_the_manifest_names_it() {
    for version in versions() {
        let site = Site::new(version);
        site.by_hand("set server web/s1 state drain");
        site.by_hand("set server web/s2 state maint");
        site.by_hand("set server web/s3 weight 50");
        let held = ["web/s1 drain", "web/s2 maintenance", "web/s3 weight 50"];
        assert_eq!(site.held(), held, "HAProxy {version}");
        site.rig.assert_converged();
        let by_hand = site.rig.state();

        // A change at runtime touches other things.
        let route = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: c}\n\
                     spec: {hosts: [c.test], backend: web}\n";
        let report = site.rig.must_apply(&(site.manifests("{}", "") + route));
        assert_eq!(report["reloads"], 0, "{report}");
        assert_eq!(site.held(), held, "HAProxy {version}, after an apply");

        // gw's own reload carries it over.
        let report = site.rig.must_apply(&site.manifests("{}", "  timeouts: {server: 7s}\n"));
        assert_eq!(report["reloads"], 1, "{report}");
        assert_eq!(site.held(), held, "HAProxy {version}, after a reload");
        let servers =
            |state: &State| -> Vec<String> { state.of("server ").map(str::to_owned).collect() };
        assert_eq!(servers(&site.rig.state()), servers(&by_hand), "HAProxy {version}");
        site.rig.assert_converged();

        // Whatever the manifest names is the manifest's again.
        let named = site.manifests(r#"{"state": "ready", "weight": 4}"#, "");
        let _ = site.rig.must_apply(&named);
        assert_eq!(site.held(), Vec::<String>::new(), "HAProxy {version}, all named");
        let state = site.rig.state();
        let free = state
            .of("server web/")
            .filter(|server| server.contains(" weight=4 maint=false drain=false "));
        assert_eq!(free.count(), 3, "HAProxy {version}:\n{state}");
        site.rig.assert_converged();
    }
}

#[test]
fn a_hold_that_the_hand_releases_is_gone() {
    for version in versions() {
        let site = Site::new(version);
        let before = site.rig.state();
        site.by_hand("set server web/s1 state maint");
        let _ = site.rig.must_apply(&site.manifests("{}", "  retries: 2\n"));
        assert_eq!(site.held(), ["web/s1 maintenance"], "HAProxy {version}");
        site.by_hand("set server web/s1 state ready");
        assert_eq!(site.held(), Vec::<String>::new(), "HAProxy {version}");
        site.rig.assert_converged();
        let _ = site.rig.must_apply(&site.manifests("{}", ""));
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "HAProxy {version}");
    }
}

/// Something that a hand does, and the objects of which the next plan must speak.
type Meddling = (&'static str, &'static [&'static str], &'static [&'static str]);

/// `{port}` is where the listener is, `{spare}` where nobody else's server is.
const DRIFT: [Meddling; 13] = [
    ("an address", &["set server web/s1 addr 127.0.0.2 port {spare}"], &["server web/s1"]),
    ("a port", &["set server two/s3 addr 127.0.0.1 port {spare}"], &["server two/s3"]),
    ("a limit", &["set maxconn server web/s2 3"], &["server web/s2"]),
    ("a route gone", &["del map maps/prefix.map http:{port}/a.test/"], &["route"]),
    ("a route added", &["add map maps/prefix.map http:{port}/evil.test/ web"], &["route"]),
    ("a route twice", &["add map maps/prefix.map http:{port}/a.test/ two"], &["route"]),
    ("a route turned", &["set map maps/prefix.map http:{port}/a.test/ two"], &["route"]),
    (
        "a route to nowhere, twice",
        &[
            "add map maps/exact.map http:{port}/a.test/x nowhere",
            "add map maps/exact.map http:{port}/a.test/x web",
        ],
        &["route"],
    ),
    ("a wildcard gone", &["del map maps/hosts.map http:{port}/test.b."], &["wildcard"]),
    ("all routes gone", &["clear map maps/prefix.map"], &["route"]),
    ("all shares gone", &["clear map maps/splits.map"], &["routing entry"]),
    (
        "a server added",
        &["add server web/evil 127.0.0.1:{spare}", "enable server web/evil"],
        &["server web/evil"],
    ),
    ("a server gone", &["set server web/s2 state maint", "del server web/s2"], &["server web/s2"]),
];

#[test]
fn drift_is_corrected_and_nothing_else_is_touched() {
    for version in versions() {
        let site = Site::new(version);
        site.by_hand("set server web/s3 state drain");
        let before = site.rig.state();
        for (what, commands, objects) in DRIFT {
            let told = format!("HAProxy {version}, {what}");
            for command in commands {
                let (port, spare) = (site.port.to_string(), site.origins[3].port().to_string());
                site.by_hand(&command.replace("{port}", &port).replace("{spare}", &spare));
            }
            // From 3.0 on an address changes a moment after the reply.
            let drifted =
                clock::eventually(std::time::Duration::from_secs(2), || site.rig.state() != before);
            assert!(drifted, "{told}: nothing changed");
            let status = site.rig.gw.run(&["status", "--output", "json"]).ok().json();
            assert_eq!(status["in_sync"], false, "{told}: {status}");
            let outcome = site.rig.apply();
            assert_eq!(outcome.code, Some(0), "{told}: {}", outcome.transcript());
            let report = outcome.json();
            assert_eq!(report["reloads"], 0, "{told}: {report}");
            let steps = report["steps"].as_array().expect("a list of steps");
            let is_about = |step: &Value| {
                let object = step["object"].as_str().unwrap_or_default();
                objects.iter().any(|expected| object.starts_with(expected))
            };
            assert!(!steps.is_empty() && steps.iter().all(is_about), "{told}: {report}");
            let mut after = site.rig.state();
            clock::eventually(std::time::Duration::from_secs(2), || {
                after = site.rig.state();
                after == before
            });
            assert_eq!(before.diff(&after, "before", "after"), "", "{told}");
            assert_eq!(site.held(), ["web/s3 drain"], "{told}");
            if let Some(contradiction) = site.rig.contradiction() {
                panic!("{told}: {contradiction}");
            }
        }
    }
}

#[test]
fn a_lost_notebook_is_written_again() {
    for version in versions() {
        let site = Site::new(version);
        let before = site.rig.state();
        site.by_hand("clear map maps/gw.map");
        let outcome = site.rig.apply().ok();
        let report = outcome.transcript();
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{version}: {report}");
        site.rig.assert_converged();
    }
}

#[test]
fn a_note_about_what_is_gone_is_no_drift_and_forgotten() {
    for version in versions() {
        let site = Site::new(version);
        let before = site.rig.state();
        site.by_hand("add map maps/gw.map server/gone/a removing");
        site.by_hand("add map maps/gw.map backend/gone profile:0123456789ab");
        // Nobody changed anything of gw's, and nothing waits for the last request to a server.
        let told = site.rig.gw.run(&["drift", "--output", "json"]).ok().json();
        assert_eq!(told["drift"], json!([]), "HAProxy {version}: {told}");
        let under_way = told["under_way"].as_array().expect("a list");
        let whys: Vec<&Value> = under_way.iter().map(|pending| &pending["why"]).collect();
        assert_eq!(whys.len(), 2, "{told}");
        assert!(
            whys.iter().all(|why| why.as_str().is_some_and(|why| why.contains("no longer so")))
        );
        let report = site.rig.apply().ok().transcript();
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{version}: {report}");
        site.rig.assert_converged();
    }
}

#[test]
fn sections_written_by_hand_are_nobodys_business() {
    for version in versions() {
        let site = Site::new(version);
        site.by_hand("set server handmade/h1 weight 3");
        site.by_hand("set server handmade/h2 state ready");
        site.by_hand("add server handmade/h3 127.0.0.1:1 weight 2");
        if version.is_at_least(3, 4) {
            site.by_hand("add backend handmade-2 from by-hand");
        }
        let before = site.rig.state();
        assert_eq!(before.of("server handmade/").count(), 3, "{before}");
        site.rig.assert_converged();
        assert_eq!(site.held(), Vec::<String>::new(), "HAProxy {version}");
        let _ = site.rig.must_apply(&site.manifests(r#"{"weight": 9}"#, ""));
        let _ = site.rig.must_apply(&site.manifests("{}", ""));
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "HAProxy {version}");
        // Requests go on, of course.
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], site.port));
        let answer = Client::http1(address).get("a.test", "/").expect("an answer");
        assert_eq!(answer.status, 200, "HAProxy {version}");
    }
}
