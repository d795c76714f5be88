//! Clients that stay on their server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::manifest::{backend, backend_of, route, server, with};
use super::site::{Site, said, step};
use crate::support::connection::Ask;
use crate::support::origin::Origin;
use crate::support::versions::versions;

fn affine() -> Value {
    json!({"sessionAffinity": {"cookie": {"name": "SRV", "httpOnly": true}}})
}

fn manifests(site: &Site, origins: &[&Origin]) -> Vec<Value> {
    let backend = backend("web", origins, affine());
    vec![site.gateway(), backend, route("web", &["web.test"], "web")]
}

/// Asks as a client without cookie. Returns who answered, and the cookie that came.
fn newcomer(site: &Site) -> (String, String) {
    let answer = site.get("web.test", "/");
    let set = answer.header("set-cookie").expect("a new client gets a cookie");
    assert!(set.starts_with("SRV=") && set.contains("HttpOnly"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    (answer.origin().unwrap().to_owned(), cookie)
}

/// Asks as a client with this cookie.
fn known(site: &Site, cookie: &str) -> String {
    said(&site.client().send(Ask::get("web.test", "/").header("cookie", cookie)).unwrap())
}

#[test]
fn a_client_stays_on_its_server_also_on_one_that_came_at_runtime() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b, c] = ["a", "b", "c"].map(Origin::http1);
        site.converge(&manifests(&site, &[&a, &b]));
        let clients: Vec<_> = (0..4).map(|_| newcomer(&site)).collect();
        let stay = |expected: &[(String, String)]| {
            for (origin, cookie) in expected {
                for _ in 0..4 {
                    assert_eq!(known(&site, cookie), format!("200 {origin}"), "{version}");
                }
            }
        };
        stay(&clients);
        assert_eq!(clients.iter().collect::<BTreeSet<_>>().len(), 2, "both get clients");

        let report = site.converge(&manifests(&site, &[&a, &b, &c]));
        let added = step(&report, "server web/c");
        if version.is_at_least(2, 8) {
            assert_eq!(report["reloads"], 0, "{version}: {report:#}");
            assert_eq!(added["mechanism"], "runtime");
        } else {
            assert_eq!(report["reloads"], 1, "{version}: {report:#}");
            let because = added["because"].as_str().unwrap();
            assert!(because.contains("affinity cookie"), "{version}: {because}");
        }
        stay(&clients);
        let more: Vec<_> = (0..6).map(|_| newcomer(&site)).collect();
        assert!(more.iter().any(|(origin, _)| origin == "c"), "{version}: {more:?}");
        stay(&more);
        site.haproxy.reload();
        stay(&more);

        // The clients of one that goes find another one.
        site.converge_live(&manifests(&site, &[&b, &c]));
        for (origin, cookie) in &more {
            let answer = known(&site, cookie);
            assert!(answer == format!("200 {origin}") || origin == "a", "{version}: {answer}");
            assert!(answer == "200 b" || answer == "200 c", "{version}: {answer}");
        }
    }
}

/// A drained server keeps its clients and gets no others; one in maintenance has none.
#[test]
fn drained_servers_keep_their_clients() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b] = ["a", "b"].map(Origin::http1);
        let in_state = |state: &str| {
            let first = with(server(&a), json!({"state": state}));
            let backend = backend_of("web", &[first, server(&b)], affine());
            vec![site.gateway(), backend, route("web", &["web.test"], "web")]
        };
        let newcomers = || (0..6).map(|_| newcomer(&site).0).collect::<BTreeSet<_>>();
        let both: BTreeSet<String> = ["a", "b"].map(String::from).into();
        let only_b: BTreeSet<String> = [String::from("b")].into();
        for (state, new, old) in [
            ("ready", &both, "200 a"),
            ("drain", &only_b, "200 a"),
            ("ready", &both, "200 a"),
            ("maint", &only_b, "200 b"),
            ("drain", &only_b, "200 a"),
            ("maint", &only_b, "200 b"),
            ("ready", &both, "200 a"),
        ] {
            // The first one makes the backend.
            let report = site.converge(&in_state(state));
            let is_new = report["summary"]["add"] != 0;
            assert!(is_new || report["reloads"] == 0, "{version} {state}: {report:#}");
            assert_eq!(newcomers(), *new, "{version} {state}");
            assert_eq!(known(&site, "SRV=a"), old, "{version} {state}");
        }
        let _ = site.converge_live(&in_state("drain"));
        site.haproxy.reload();
        assert_eq!(newcomers(), only_b, "{version}: after a reload");
        assert_eq!(known(&site, "SRV=a"), "200 a", "{version}: after a reload");
    }
}
