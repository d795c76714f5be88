//! Servers prove who they are, or get nothing.

use serde_json::{Value, json};

use super::manifest::{backend, route};
use super::site::Site;
use crate::support::origin::Origin;
use crate::support::tls::{Authority, HTTP1_ONLY};
use crate::support::versions::{newest, versions};

#[test]
fn a_server_that_does_not_prove_its_name_gets_no_request() {
    for version in versions() {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let foreign = site.manifests.join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        Authority::new(&foreign);
        let back = authority.issue("back", &["back.test"]);
        let origin = Origin::tls("back", back.server(HTTP1_ONLY));
        let cases: [(&str, Value, &str); 9] = [
            ("good", json!({"sni": "back.test", "caFile": "ca.pem"}), "200 back"),
            ("wrong-ca", json!({"sni": "back.test", "caFile": "foreign/ca.pem"}), "503"),
            ("wrong-name", json!({"sni": "evil.test", "caFile": "ca.pem"}), "503"),
            ("unnamed", json!({"caFile": "ca.pem"}), "503"),
            ("verified", json!({"caFile": "ca.pem", "verifyHost": "back.test"}), "200 back"),
            ("misnamed", json!({"caFile": "ca.pem", "verifyHost": "evil.test"}), "503"),
            (
                "both",
                json!({"sni": "back.test", "caFile": "ca.pem", "verifyHost": "back.test"}),
                "200 back",
            ),
            ("insecure", json!({"sni": "evil.test", "insecure": true}), "200 back"),
            ("blind", json!({"insecure": true}), "200 back"),
        ];
        let manifests = |origin: &Origin| {
            let mut documents = vec![site.gateway()];
            for (name, tls, _) in &cases {
                documents.push(backend(name, &[origin], json!({"tls": tls})));
                documents.push(route(name, &[&format!("{name}.test")], name));
            }
            documents.push(route("by-name", &["back.test"], "unnamed"));
            documents
        };
        let holds = |name: &str| {
            for (case, _, expected) in &cases {
                let expected = expected.replace("back", name);
                assert_eq!(site.answer(&format!("{case}.test"), "/"), expected, "{version} {case}");
            }
            // A connection that was proven for one name serves no other one.
            for _ in 0..2 {
                assert_eq!(site.answer("back.test", "/"), format!("200 {name}"), "{version}");
                assert_eq!(site.answer("unnamed.test", "/"), "503", "{version}");
            }
        };
        site.converge(&manifests(&origin));
        holds("back");
        // The same for servers that come at runtime.
        let other = Origin::tls("other", back.server(HTTP1_ONLY));
        site.converge_live(&manifests(&other));
        holds("other");
        drop(origin);
        holds("other");
    }
}

#[test]
fn what_haproxy_would_not_verify_is_an_error() {
    let site = Site::start(newest());
    Authority::new(&site.manifests);
    let origin = Origin::http1("web");
    for (tls, says) in [
        (
            json!({"sni": "back.test", "verifyHost": "other.test", "caFile": "ca.pem"}),
            "HAProxy verifies the name that it sends, which is back.test",
        ),
        (json!({"verifyHost": "other.test", "insecure": true}), "nothing is verified"),
        (json!({"sni": "back.test"}), "tls needs a `caFile`"),
        (json!({"caFile": "missing.pem"}), "can't read the file missing.pem"),
        (json!({"caFile": "all.yaml"}), "holds no PEM certificate"),
    ] {
        let backend = backend("web", &[&origin], json!({"tls": tls}));
        let outcome = site.apply(&[site.gateway(), backend], &[]).expect(16);
        let said = outcome.transcript();
        assert!(said.contains(says) && said.contains("all.yaml:4:"), "{said}");
    }
}
