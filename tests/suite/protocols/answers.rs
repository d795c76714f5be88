//! What is answered by which path, method and backend: to odd requests, too.

use serde_json::{Value, json};

use super::manifest::{backend, http_route, route, rule};
use super::raw::{ask, exchange, summary};
use super::site::{Site, said};
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::ports::free_address;
use crate::support::versions::versions;

/// Three backends, one whose server is down, one that is not there, and routes to all of them.
fn manifests(site: &Site, origins: &[Origin; 4]) -> Vec<Value> {
    let [a, b, c, down] = origins;
    let path = |kind: &str, value: &str| json!({"path": {"type": kind, "value": value}});
    let method = |method: &str| json!({"method": method, "path": {"value": "/m"}});
    let rules = [
        rule(path("PathPrefix", "/api"), &[("a", 1)]),
        rule(path("PathPrefix", "/api/v2/"), &[("b", 1)]),
        rule(path("Exact", "/api/v2/only"), &[("c", 1)]),
        rule(path("Exact", "/exact"), &[("c", 1)]),
        rule(method("POST"), &[("b", 1)]),
        rule(method("DELETE"), &[("c", 1)]),
        rule(json!({"path": {"value": "/m/any"}}), &[("a", 1)]),
        rule(path("PathPrefix", "/down"), &[("down", 1)]),
        rule(path("PathPrefix", "/dangling"), &[("missing", 1)]),
        rule(path("PathPrefix", "/nowhere"), &[("a", 0), ("b", 0)]),
        rule(path("PathPrefix", "/nobody"), &[]),
        rule(path("PathPrefix", "/empty"), &[("empty", 1)]),
    ];
    vec![
        site.gateway(),
        backend("a", &[a], json!({})),
        backend("b", &[b], json!({})),
        backend("c", &[c], json!({})),
        backend("down", &[down], json!({"timeouts": {"connect": "100ms"}, "retries": 0})),
        backend("empty", &[], json!({})),
        http_route("paths", json!({"hostnames": ["paths.test"], "rules": rules})),
        route("all", &["all.test"], "a"),
    ]
}

#[test]
fn each_request_gets_the_answer_of_its_route() {
    for version in versions() {
        let site = Site::start(version);
        let origins = ["a", "b", "c", "down"].map(Origin::http1);
        origins[3].refuse();
        site.converge(&manifests(&site, &origins));
        for (line, expected) in [
            // Prefixes end where elements do.
            ("GET /api", "200 a"),
            ("GET /api/", "200 a"),
            ("GET /api/x/y", "200 a"),
            ("GET /apix", "404"),
            ("GET /ap", "404"),
            ("GET /", "404"),
            ("GET /API", "404"),
            ("GET /api/v2", "200 b"),
            ("GET /api/v2/x", "200 b"),
            ("GET /api/v20", "200 a"),
            ("GET /api/v2/only", "200 c"),
            ("GET /api/v2/only/", "200 b"),
            ("GET /exact", "200 c"),
            ("GET /exact/", "404"),
            ("GET /exact/x", "404"),
            // Queries are no part of the path, and nothing else is cut off.
            ("GET /api?x=/api/v2", "200 a"),
            ("GET /api/v2?", "200 b"),
            ("GET /exact?/x", "200 c"),
            ("GET /?/api", "404"),
            ("GET /api;v=2", "404"),
            ("GET /api/v2;v=2", "200 a"),
            // Paths are taken as they are.
            ("GET //api", "404"),
            ("GET /api//v2", "200 a"),
            ("GET /x/../api", "404"),
            ("GET /%61pi", "404"),
            ("GET /api/%2e%2e/exact", "200 a"),
            ("GET /api%2fv2", "404"),
            ("GET /api/v2%2fonly", "200 a"),
            ("GET http://paths.test/api/v2", "200 b"),
            // Methods.
            ("POST /m", "200 b"),
            ("POST /m/x?y", "200 b"),
            ("DELETE /m", "200 c"),
            ("GET /m", "404"),
            ("get /m", "404"),
            ("POSTS /m", "404"),
            ("POST /m/any", "200 a"),
            ("GET /m/any", "200 a"),
            ("PUT /api", "200 a"),
            ("PATCH /api", "200 a"),
            ("OPTIONS /api", "200 a"),
            ("PROPFIND /api", "200 a"),
            ("OPTIONS *", "404"),
            // Backends that can't answer.
            ("GET /down", "503"),
            ("GET /empty", "503"),
            ("GET /dangling", "500"),
            ("GET /nowhere", "500"),
            ("GET /nobody/x", "500"),
        ] {
            let answer = ask(site.http, &format!("{line} HTTP/1.1"), &["Host: paths.test"]);
            assert_eq!(answer, expected, "{version}: {line}");
        }
        // It is about the whole server, and so for the route of all paths.
        for (line, expected) in [("OPTIONS *", "200 a"), ("GET //", "200 a"), ("GET /%00", "200 a")]
        {
            let answer = ask(site.http, &format!("{line} HTTP/1.1"), &["Host: all.test"]);
            assert_eq!(answer, expected, "{version}: {line} of all.test");
        }
        let by_1_0 = |headers: &[&str]| ask(site.http, "GET /api HTTP/1.0", headers);
        assert_eq!(by_1_0(&["Host: paths.test"]), "200 a", "{version}");
        assert_eq!(by_1_0(&[]), "404", "{version}");
        heads(&site);
        assert_eq!(said(&Client::h2c(site.http).get("paths.test", "/nil").unwrap()), "404");
    }
}

/// HEAD is answered without body, by HAProxy itself as well: the connection stays in step.
fn heads(site: &Site) {
    for (path, status) in
        [("/api", "200 a"), ("/none", "404"), ("/dangling", "500"), ("/empty", "503")]
    {
        let head = format!("HEAD {path} HTTP/1.1\nHost: paths.test\n\n");
        let get = "GET /api/v2 HTTP/1.1\nHost: paths.test\nConnection: close\n\n";
        let reply = exchange(site.http, &(head.clone() + &head + get));
        let answers: Vec<String> = reply
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|answer| summary(&format!("HTTP/1.1 {answer}")))
            .collect();
        let version = &site.haproxy.version;
        // An error of HAProxy's own may end the connection, but never before its answer.
        assert_eq!(answers[0], status, "{version}: {path}: {reply}");
        if answers.len() > 1 {
            assert_eq!(answers, [status, status, "200 b"], "{version}: {path}: {reply}");
        } else {
            assert!(status.starts_with('5'), "{version}: {path}: {reply}");
        }
        let body = reply.split("\r\n\r\n").nth(1).unwrap();
        assert!(body.is_empty() || body.starts_with("HTTP/1.1"), "{version}: {path}: {reply}");
    }
}

/// A path that none but a catch-all matches, and what it must not be taken for.
#[test]
fn one_hosts_routes_are_not_met_by_anothers_paths() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b] = ["a", "b"].map(Origin::http1);
        let second = free_address();
        let gateway = super::manifest::gateway(
            "public",
            &[super::manifest::http("one", site.http), super::manifest::http("two", second)],
        );
        let at = |name: &str, section: &str, host: &str, path: &str| {
            let parents = json!([{"name": "public", "sectionName": section}]);
            let rules = [rule(json!({"path": {"value": path}}), &[(name, 1)])];
            let spec = json!({"parentRefs": parents, "hostnames": [host], "rules": rules});
            http_route(&format!("{name}-{section}"), spec)
        };
        site.converge(&[
            gateway,
            backend("a", &[&a], json!({})),
            backend("b", &[&b], json!({})),
            at("a", "one", "a.test", "/b.test"),
            at("b", "one", "b.test", "/"),
            at("b", "two", "a.test", "/"),
        ]);
        for (host, path, expected) in [
            ("a.test", "/b.test", "200 a"),
            ("a.test", "/", "404"),
            ("a.test", "/b.test2", "404"),
            ("b.test", "/", "200 b"),
            ("test", "/b.test", "404"),
            ("a", "/test/b.test", "404"),
        ] {
            assert_eq!(site.answer(host, path), expected, "{version}: {host}{path}");
        }
        assert_eq!(said(&Client::http1(second).get("a.test", "/").unwrap()), "200 b");
    }
}
