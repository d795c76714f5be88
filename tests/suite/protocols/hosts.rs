//! Hosts: as clients write them, wildcards, and what is no host at all.

use serde_json::{Value, json};

use super::manifest::{backend, gateway, http, http_route, rule};
use super::raw::ask;
use super::site::Site;
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::ports::free_address;
use crate::support::versions::versions;

/// The names of the origins.
const NAMES: [&str; 6] = ["exact", "wild", "deep", "deeper", "paths", "any"];

/// Routes for exact hosts and nested wildcards on one listener, the same and one for all hosts on
/// another.
fn manifests(site: &Site, origins: &[Origin; 6], catch_all: &Value) -> Vec<Value> {
    let route = |name: &str, hosts: &[&str], section: &str, path: &str| {
        let parents = json!([{"name": "public", "sectionName": section}]);
        let rules = [rule(json!({"path": {"value": path}}), &[(name, 1)])];
        let spec = json!({"parentRefs": parents, "hostnames": hosts, "rules": rules});
        http_route(&format!("{name}-{section}"), spec)
    };
    let mut documents = vec![gateway("public", &[http("some", site.http), catch_all.clone()])];
    documents.extend(origins.iter().map(|origin| backend(origin.name(), &[origin], json!({}))));
    for section in ["some", "all"] {
        documents.extend([
            route("exact", &["www.example.com", "example.net"], section, "/"),
            route("wild", &["*.example.com"], section, "/"),
            route("deep", &["*.deep.example.com"], section, "/"),
            route("deeper", &["*.x.y.deep.example.com"], section, "/"),
            // Takes some paths of a host away from the wildcard above it, and leaves the others.
            route("paths", &["*.paths.example.com", "p.example.com"], section, "/p"),
        ]);
    }
    documents.push(route("any", &[], "all", "/"));
    documents
}

#[test]
fn the_most_specific_host_wins_however_it_is_written() {
    for version in versions() {
        let site = Site::start(version);
        let all = free_address();
        let origins = NAMES.map(Origin::http1);
        site.converge(&manifests(&site, &origins, &http("all", all)));
        let labels = |count: usize| (0..count).map(|at| format!("l{at}.")).collect::<String>();
        let (twenty, forty) = (labels(20), labels(40));
        let long = format!("{}.example.com", vec!["x".repeat(63); 3].join("."));
        let cases = [
            ("www.example.com".to_owned(), "/", "exact"),
            ("WWW.Example.COM".to_owned(), "/", "exact"),
            ("www.example.com:8080".to_owned(), "/", "exact"),
            ("www.example.com.".to_owned(), "/", "exact"),
            ("www.example.com.:80".to_owned(), "/", "exact"),
            ("example.net".to_owned(), "/", "exact"),
            ("a.example.net".to_owned(), "/", "any"),
            // A wildcard stands for one label or more, never for none.
            ("example.com".to_owned(), "/", "any"),
            ("a.example.com".to_owned(), "/", "wild"),
            ("a.b.example.com".to_owned(), "/", "wild"),
            ("x.www.example.com".to_owned(), "/", "wild"),
            ("wwwexample.com".to_owned(), "/", "any"),
            ("a.wwwexample.com".to_owned(), "/", "any"),
            ("example.com.evil.test".to_owned(), "/", "any"),
            ("deep.example.com".to_owned(), "/", "wild"),
            ("a.deep.example.com".to_owned(), "/", "deep"),
            ("a.b.c.deep.example.com".to_owned(), "/", "deep"),
            ("A.Deep.example.com:1".to_owned(), "/", "deep"),
            ("adeep.example.com".to_owned(), "/", "wild"),
            ("x.y.deep.example.com".to_owned(), "/", "deep"),
            ("w.x.y.deep.example.com".to_owned(), "/", "deeper"),
            ("v.w.x.y.deep.example.com".to_owned(), "/", "deeper"),
            // What a host's own routes leave open falls to the wildcards that cover it.
            ("p.example.com".to_owned(), "/p/x", "paths"),
            ("p.example.com".to_owned(), "/q", "wild"),
            ("a.paths.example.com".to_owned(), "/p", "paths"),
            ("a.paths.example.com".to_owned(), "/pp", "wild"),
            // Many labels.
            (format!("{twenty}example.com"), "/", "wild"),
            (format!("{twenty}deep.example.com"), "/", "deep"),
            (format!("{twenty}x.y.deep.example.com"), "/", "deeper"),
            (format!("{forty}example.com"), "/", "wild"),
            (format!("{twenty}example.org"), "/", "any"),
            (format!("www.example.com.{twenty}test"), "/", "any"),
            (long, "/", "wild"),
        ];
        for (host, path, name) in &cases {
            let line = format!("GET {path} HTTP/1.1");
            let header = format!("Host: {host}");
            let served = format!("200 {name}");
            let what = format!("{version}: {host}{path}");
            assert_eq!(ask(all, &line, &[&header]), served, "{what}");
            let elsewhere = if *name == "any" { "404" } else { &served };
            assert_eq!(ask(site.http, &line, &[&header]), elsewhere, "{what}");
        }
        for (host, path, name) in cases.iter().take(20) {
            let answer = Client::h2c(all).get(host, path).unwrap();
            assert_eq!(answer.origin(), Some(*name), "{version}: {host}{path} by HTTP/2");
        }
    }
}

#[test]
fn odd_hosts_are_nobody_elses() {
    for version in versions() {
        let site = Site::start(version);
        let all = free_address();
        let origins = NAMES.map(Origin::http1);
        site.converge(&manifests(&site, &origins, &http("all", all)));
        // The answer where a route for all hosts is there, and where none is.
        for (host, with_any, without) in [
            ("[::1]", "200 any", "404"),
            ("[::1]:8080", "200 any", "404"),
            ("[2001:db8::1]:80", "200 any", "404"),
            ("127.0.0.1", "200 any", "404"),
            ("127.0.0.1:8080", "200 any", "404"),
            ("localhost", "200 any", "404"),
            ("*", "200 any", "404"),
            ("com", "200 any", "404"),
            (".", "200 any", "404"),
            (".example.com", "200 any", "404"),
            ("..example.com", "200 any", "404"),
            ("www.example.com/x", "400", "400"),
            ("a/b", "400", "400"),
            ("/", "400", "400"),
        ] {
            let header = format!("Host: {host}");
            for (address, expected) in [(all, with_any), (site.http, without)] {
                let answer = ask(address, "GET / HTTP/1.1", &[&header]);
                assert_eq!(answer, expected, "{version}: {host:?}");
            }
        }
        // An empty one and none.
        for headers in [&["Host:"][..], &[]] {
            for protocol in ["HTTP/1.0", "HTTP/1.1"] {
                let answer = ask(all, &format!("GET / {protocol}"), headers);
                assert_eq!(answer, "200 any", "{version}: {headers:?} {protocol}");
                for path in ["/", "/www.example.com", "//www.example.com/"] {
                    let answer = ask(site.http, &format!("GET {path} {protocol}"), headers);
                    assert_eq!(answer, "404", "{version}: {headers:?} {protocol} {path}");
                }
            }
        }
        // The line of the request goes before the header.
        let line = "GET http://www.example.com/ HTTP/1.1";
        let answer = ask(site.http, line, &["Host: www.example.com"]);
        assert_eq!(answer, "200 exact", "{version}");
        let answer = ask(site.http, "GET / HTTP/1.1", &["Host: a.test", "Host: www.example.com"]);
        assert!(["400", "404"].contains(&&*answer), "{version}: two hosts: {answer}");
    }
}
