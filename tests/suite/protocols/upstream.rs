//! The protocols to servers: of those from the file, and alike of those that came at runtime.

use std::time::Duration;

use serde_json::{Value, json};

use super::manifest::{backend, check, checked, route, with};
use super::site::{Site, at_once};
use crate::support::client::Client;
use crate::support::clock;
use crate::support::connection::Answer;
use crate::support::origin::Origin;
use crate::support::tls::{Authority, H2_FIRST, HTTP1_ONLY, Identity};
use crate::support::versions::versions;

/// A way to speak to servers, and what servers then see.
struct Way {
    name: &'static str,
    settings: Value,
    start: fn(&str, &Identity) -> Origin,
    protocol: &'static str,
    sni: Value,
    check_sni: Value,
}

/// All of them, each with a quick check over the same protocol.
fn ways() -> [Way; 6] {
    let check = |more: Value| json!({"healthCheck": with(check(), more)});
    let plain = |settings: Value| with(check(json!({})), settings);
    let back = || json!("back.test");
    let only_h2: fn(&str, &Identity) -> Origin =
        |name, identity| Origin::tls(name, identity.server(&["h2"]));
    let only_http1: fn(&str, &Identity) -> Origin =
        |name, identity| Origin::tls(name, identity.server(HTTP1_ONLY));
    let sni_and_ca = json!({"sni": "back.test", "caFile": "ca.pem"});
    [
        Way {
            name: "http1",
            settings: plain(json!({})),
            start: |name, _| Origin::http1(name),
            protocol: "HTTP/1.1",
            sni: json!(null),
            check_sni: json!(null),
        },
        Way {
            name: "h2c",
            settings: plain(json!({"protocol": "h2c"})),
            start: |name, _| Origin::h2c(name),
            protocol: "HTTP/2.0",
            sni: json!(null),
            check_sni: json!(null),
        },
        Way {
            name: "http1-tls",
            settings: plain(json!({"tls": sni_and_ca})),
            start: only_http1,
            protocol: "HTTP/1.1",
            sni: back(),
            check_sni: back(),
        },
        Way {
            name: "h2-tls",
            settings: plain(json!({"protocol": "h2", "tls": sni_and_ca})),
            start: only_h2,
            protocol: "HTTP/2.0",
            sni: back(),
            check_sni: back(),
        },
        // The name that is verified is sent as well.
        Way {
            name: "h2-verified",
            settings: plain(json!({
                "protocol": "h2",
                "tls": {"caFile": "ca.pem", "verifyHost": "back.test"},
            })),
            start: only_h2,
            protocol: "HTTP/2.0",
            sni: back(),
            check_sni: back(),
        },
        // The name that the client asked for is sent. Checks may offer another protocol.
        Way {
            name: "h2-insecure",
            settings: with(
                check(json!({"alpn": ["http/1.1"], "host": "check.test"})),
                json!({"protocol": "h2", "tls": {"insecure": true, "alpn": ["h2", "http/1.1"]}}),
            ),
            start: |name, identity| Origin::tls(name, identity.server(H2_FIRST)),
            protocol: "HTTP/2.0",
            sni: json!("h2-insecure.test"),
            check_sni: json!("check.test"),
        },
    ]
}

#[test]
fn servers_are_spoken_to_and_checked_alike_however_they_came() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let identity = authority.issue("back", &["back.test"]);
        let ways = ways();
        let hosts = ways.each_ref().map(|way| format!("{}.test", way.name));
        let start = |suffix: &str| {
            ways.each_ref().map(|way| (way.start)(&format!("{}-{suffix}", way.name), &identity))
        };
        let (old, new) = (start("old"), start("new"));
        let manifests = |sets: &[&[Origin; 6]]| {
            let mut documents = vec![site.gateway()];
            for (at, way) in ways.iter().enumerate() {
                let (name, hosts) = (way.name, [hosts[at].as_str()]);
                let servers: Vec<&Origin> = sets.iter().map(|set| &set[at]).collect();
                documents.push(backend(name, &servers, way.settings.clone()));
                documents.push(route(name, &hosts, name));
            }
            documents
        };
        site.converge(&manifests(&[&old]));
        for (at, way) in ways.iter().enumerate() {
            let seen = clock::eventually(Duration::from_secs(5), || old[at].last_check().is_some());
            assert!(seen, "{version}: {} is checked", way.name);
            arrives(&site, way, &old[at]);
        }

        // Added beside the old ones, then alone.
        site.converge_live(&manifests(&[&old, &new]));
        site.converge_live(&manifests(&[&new]));
        for (at, way) in ways.iter().enumerate() {
            arrives(&site, way, &new[at]);
            let (from_file, at_runtime) = (last_check(&old[at]), last_check(&new[at]));
            assert_eq!(from_file, at_runtime, "{version}: {}", way.name);
            assert_eq!(from_file["sni"], way.check_sni, "{version}: {}", way.name);
            let alpn = &way.settings["healthCheck"]["alpn"];
            let checked_by = match way.protocol {
                "HTTP/2.0" if alpn.is_null() => "HTTP/2.0",
                _ => "HTTP/1",
            };
            let protocol = from_file["protocol"].as_str().unwrap();
            assert!(protocol.starts_with(checked_by), "{version}: {} by {protocol}", way.name);
            down_and_up(&site, &hosts[at], &new[at]);
        }
    });
}

/// Requests reach `origin` in the protocol and with the server name of the way.
fn arrives(site: &Site, way: &Way, origin: &Origin) {
    let host = format!("{}.test", way.name);
    for client in [Client::http1(site.http), Client::h2c(site.http)] {
        let answer = client.get(&host, "/x").unwrap();
        let what = format!("{} by {}: {answer:?}", way.name, site.haproxy.version);
        assert_eq!(answer.origin(), Some(origin.name()), "{what}");
        assert_eq!(answer.origin_protocol(), Some(way.protocol), "{what}");
        let body = body(&answer);
        assert_eq!((&body["sni"], &body["host"]), (&way.sni, &json!(host)), "{what}");
    }
}

/// What an origin's last check looked like, without what differs from origin to origin.
fn last_check(origin: &Origin) -> Value {
    let mut check = origin.last_check().expect("it was checked");
    check["origin"].take();
    check
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// The checks matter: an ill server gets no requests, and a well one gets them again.
fn down_and_up(site: &Site, host: &str, origin: &Origin) {
    let version = &site.haproxy.version;
    let answers = |status: u16| {
        clock::eventually(Duration::from_secs(5), || site.get(host, "/").status == status)
    };
    origin.set_healthy(false);
    assert!(answers(503), "{version}: {host} is not seen to be ill");
    origin.set_healthy(true);
    assert!(answers(200), "{version}: {host} is not seen to be well");
}

/// From 3.0 to 3.2 `del server` kills the worker while such a check is under way.
#[test]
fn servers_that_are_being_checked_can_be_removed() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let identity = authority.issue("back", &["back.test"]);
        let [old, new] = ["old", "new"].map(|name| Origin::tls(name, identity.server(&["h2"])));
        let tls = json!({"sni": "back.test", "caFile": "ca.pem"});
        let settings = || with(checked(), json!({"protocol": "h2", "tls": tls}));
        let manifests = |origin: &Origin| [site.gateway(), backend("web", &[origin], settings())];
        site.converge(&manifests(&old));
        let worker = site.haproxy.worker();
        let seen = old.health_checks();
        old.set_delay(Duration::from_secs(1));
        let come = || clock::eventually(Duration::from_secs(5), || old.health_checks() > seen);
        assert!(come(), "{version}: a check is under way");
        site.converge_live(&manifests(&new));
        assert_eq!(site.haproxy.worker(), worker, "{version}: the worker lives");
        assert!(!site.has_server("web", "old"), "{version}");
    });
}
