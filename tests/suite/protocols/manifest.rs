//! Manifests as values.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::origin::{HEALTH, Origin};

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// A Gateway at 127.0.0.1.
pub(super) fn gateway(name: &str, listeners: &[Value]) -> Value {
    let addresses = json!([{"value": "127.0.0.1"}]);
    let spec = json!({"addresses": addresses, "listeners": listeners});
    document(GATEWAY_API, "Gateway", name, spec)
}

/// An HTTP listener.
pub(super) fn http(name: &str, address: SocketAddr) -> Value {
    json!({"name": name, "protocol": "HTTP", "port": address.port()})
}

/// An HTTPS listener.
pub(super) fn https(name: &str, address: SocketAddr, certificates: &[&str]) -> Value {
    let refs: Vec<Value> =
        certificates.iter().map(|name| json!({"kind": "Certificate", "name": name})).collect();
    let tls = json!({"certificateRefs": refs});
    json!({"name": name, "protocol": "HTTPS", "port": address.port(), "tls": tls})
}

/// A value with the fields of another one added.
pub(super) fn with(mut value: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut value, more) else {
        panic!("both must be objects");
    };
    fields.extend(more);
    value
}

/// A Certificate.
pub(super) fn certificate(name: &str, spec: Value) -> Value {
    document("gw/v1", "Certificate", name, spec)
}

/// A server, named like its origin.
pub(super) fn server(origin: &Origin) -> Value {
    json!({
        "name": origin.name(),
        "address": origin.address.ip().to_string(),
        "port": origin.port(),
    })
}

/// A Backend with these origins as servers, and more settings.
pub(super) fn backend(name: &str, origins: &[&Origin], settings: Value) -> Value {
    let servers: Vec<Value> = origins.iter().map(|origin| server(origin)).collect();
    backend_of(name, &servers, settings)
}

/// A Backend with these servers, and more settings.
pub(super) fn backend_of(name: &str, servers: &[Value], settings: Value) -> Value {
    document("gw/v1", "Backend", name, with(json!({"servers": servers}), settings))
}

/// The settings of a backend with a quick check by HTTP.
pub(super) fn checked() -> Value {
    json!({"healthCheck": check()})
}

/// A quick check by HTTP, patient with a machine that has much else to do.
pub(super) fn check() -> Value {
    json!({
        "path": HEALTH,
        "interval": "500ms",
        "fastInterval": "100ms",
        "downInterval": "100ms",
        "timeout": "3s",
        "rise": 1,
        "fall": 2,
    })
}

/// A Route to one backend; no hosts stand for all.
pub(super) fn route(name: &str, hosts: &[&str], backend: &str) -> Value {
    document("gw/v1", "Route", name, json!({"hosts": hosts, "backend": backend}))
}

/// An HTTPRoute.
pub(super) fn http_route(name: &str, spec: Value) -> Value {
    document(GATEWAY_API, "HTTPRoute", name, spec)
}

/// A rule of an HTTPRoute: one match, and backends with weights.
pub(super) fn rule(matching: Value, backends: &[(&str, u32)]) -> Value {
    let refs: Vec<Value> = backends
        .iter()
        .map(|(name, weight)| json!({"kind": "Backend", "name": name, "weight": weight}))
        .collect();
    let mut rule = json!({"backendRefs": refs});
    rule["matches"] = Value::Array(vec![matching]);
    rule
}

fn document(version: &str, kind: &str, name: &str, spec: Value) -> Value {
    let mut document = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    document["spec"] = spec;
    document
}
