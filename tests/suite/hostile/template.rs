//! A set of manifests that says everything that manifests can say, as JSON, so that each string in
//! it can be replaced.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::tls::{Authority, H2_FIRST};

/// The manifests, and what they refer to.
pub(super) struct Template {
    /// All documents, in one list.
    pub(super) documents: Value,
    _origins: Vec<Origin>,
    _dir: TempDir,
}

impl Template {
    pub(super) fn new() -> Self {
        let dir = TempDir::new().expect("the temporary folder is writable");
        let authority = Authority::new(dir.path());
        let site = authority.issue("site", &["a.test"]);
        let back = authority.issue("back", &["back.test"]);
        let origins = vec![
            Origin::http1("s1"),
            Origin::http1("s2"),
            Origin::tls("t1", back.server(H2_FIRST)),
        ];
        let route_kinds = json!([{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]);
        let reference = |name: &str| json!({"group": "gw", "kind": "Certificate", "name": name, "namespace": "default"});
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {
                "name": "public", "namespace": "default",
                "labels": {"tier": "front"}, "annotations": {"note": "any text"},
            },
            "spec": {
                "gatewayClassName": "gw",
                "addresses": [{"type": "IPAddress", "value": "127.0.0.1"}],
                "listeners": [
                    {
                        "name": "http", "port": free_port(), "protocol": "HTTP",
                        "allowedRoutes": {"namespaces": {"from": "All"}, "kinds": route_kinds},
                    },
                    {
                        "name": "https", "port": free_port(), "protocol": "HTTPS",
                        "hostname": "*.test",
                        "tls": {
                            "mode": "Terminate",
                            "certificateRefs": [reference("site"), reference("pair")],
                        },
                    },
                ],
            },
        });
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "a", "namespace": "default"},
            "spec": {
                "parentRefs": [{
                    "group": "gateway.networking.k8s.io", "kind": "Gateway",
                    "namespace": "default", "name": "public", "sectionName": "http",
                }],
                "hostnames": ["a.test", "*.b.test"],
                "rules": [{
                    "name": "first",
                    "matches": [
                        {"path": {"type": "Exact", "value": "/exact"}, "method": "GET"},
                        {"path": {"type": "PathPrefix", "value": "/prefix"}},
                    ],
                    "backendRefs": [
                        {"group": "gw", "kind": "Backend", "name": "web", "namespace": "default", "weight": 1},
                        {"group": "", "kind": "Service", "name": "tls", "weight": 1},
                    ],
                }],
            },
        });
        let short = |name: &str, spec: Value| json!({"apiVersion": "gw/v1", "kind": "Route", "metadata": {"name": name}, "spec": spec});
        let gw = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "gw/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let documents = json!([
            gateway,
            route,
            short(
                "short",
                json!({
                    "hosts": ["short.test"], "path": "/briefly", "method": "POST", "backend": "web",
                    "gateway": "public",
                })
            ),
            short(
                "split",
                json!({
                    "hosts": ["split.test"], "backends": [{"name": "web"}, {"name": "tls", "weight": 2}],
                })
            ),
            gw("Certificate", "site", json!({"file": site.bundle})),
            gw("Certificate", "pair", json!({"certificate": site.certificate, "key": site.key})),
            gw("Backend", "web", web(&origins)),
            gw("Backend", "tls", tls(&origins[2], &authority)),
        ]);
        Self { documents, _origins: origins, _dir: dir }
    }

    /// The manifests as a file.
    pub(super) fn text(&self) -> String {
        text(&self.documents)
    }

    /// The same with another string in one place.
    pub(super) fn with(&self, pointer: &str, string: &str) -> String {
        let mut documents = self.documents.clone();
        *documents.pointer_mut(pointer).expect("it came from `strings`") = string.into();
        text(&documents)
    }

    /// The string in one place.
    pub(super) fn at(&self, pointer: &str) -> String {
        let value = self.documents.pointer(pointer).and_then(Value::as_str);
        value.expect("it came from `strings`").to_owned()
    }

    /// The places of all strings, as JSON pointers.
    pub(super) fn strings(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.documents, "", &mut found);
        found
    }
}

/// Whether the string there is part of the keys by which requests are routed.
pub(super) fn routes_by(pointer: &str) -> bool {
    pointer.ends_with("/path/value") || pointer.ends_with("/spec/path")
}

fn web(origins: &[Origin]) -> Value {
    let server = |origin: &Origin| {
        json!({
            "name": origin.name(), "address": "127.0.0.1", "port": origin.port(), "state": "ready",
        })
    };
    json!({
        "servers": [server(&origins[0]), server(&origins[1])],
        "balance": {"algorithm": "header", "header": "x-user", "hashType": "consistent"},
        "protocol": "http1",
        "healthCheck": {
            "type": "http", "path": "/healthz", "method": "GET", "host": "a.test",
            "expect": ["200-299", "301"], "interval": "1s", "fastInterval": "500ms",
            "downInterval": "2s", "timeout": "3s",
        },
        "timeouts": {"connect": "1s", "server": "5s", "queue": "6s", "tunnel": "1h"},
        "sessionAffinity": {"cookie": {"name": "SRV", "domain": "a.test"}},
    })
}

fn tls(origin: &Origin, authority: &Authority) -> Value {
    json!({
        "servers": [{"name": "t1", "address": "127.0.0.1", "port": origin.port()}],
        "balance": "leastconn",
        "protocol": "h2",
        "tls": {
            "sni": "back.test", "caFile": authority.file, "alpn": ["h2", "http/1.1"],
            "verifyHost": "back.test",
        },
        "healthCheck": {"type": "tcp", "interval": "1s", "alpn": ["h2"]},
        "timeouts": {"check": "2s"},
    })
}

/// Documents as a file: JSON, which is YAML too and can say every string.
pub(super) fn text(documents: &Value) -> String {
    let documents = documents.as_array().expect("a list of documents");
    documents.iter().map(|document| format!("---\n{document:#}\n")).collect()
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
