//! A set as the files that a person would write.

use serde_json::{Map, Value, json};

use super::generate::HTTPS;
use super::model::{
    Backend, Balance, Check, Gateway, Listener, Match, Name, Route, Server, Set, Speaks,
};
use super::origins::Origins;
use crate::support::random::Random;

/// The manifest files: name and text.
pub(super) fn files(set: &Set, ports: &[u16], origins: &Origins) -> Vec<(String, String)> {
    let mut documents: Vec<Value> = Vec::new();
    let mut listens_tls = false;
    for one in &set.gateways {
        listens_tls |= one.listeners.iter().any(|listener| listener.port == HTTPS);
        documents.push(gateway(one, set.bound, ports));
    }
    if listens_tls {
        let spec = json!({"file": origins.certificate(set.certificate)});
        documents.push(document("gw/v1", "Certificate", &Name::new("default", "site"), &spec));
    }
    documents.extend(set.routes.iter().map(|one| route(one, ports)));
    documents.extend(set.backends.iter().map(|one| backend(one, origins)));

    let mut random = Random::new(set.layout);
    random.shuffle(&mut documents);
    let mut files: Vec<(String, String)> =
        (0..random.between(1, 4)).map(|number| (format!("{number}.yaml"), String::new())).collect();
    for document in documents {
        let place = random.below(files.len());
        let text = &mut files[place].1;
        text.push_str("---\n");
        // JSON is YAML, and leaves no doubt about quoting.
        text.push_str(&if random.chance(50) {
            document.to_string()
        } else {
            serde_json::to_string_pretty(&document).expect("JSON can be written")
        });
        text.push('\n');
    }
    files
}

fn document(version: &str, kind: &str, name: &Name, spec: &Value) -> Value {
    let mut metadata = json!({"name": name.name});
    if name.namespace != "default" {
        metadata["namespace"] = name.namespace.into();
    }
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

/// An object without the fields that are null.
fn object(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}

fn gateway(gateway: &Gateway, bound: bool, ports: &[u16]) -> Value {
    let listener = |listener: &Listener| {
        let is_tls = listener.port == HTTPS;
        let certificates = json!({"certificateRefs": [{"name": "site", "namespace": "default"}]});
        object(json!({
            "name": listener.name,
            "port": ports[listener.port],
            "protocol": if is_tls { "HTTPS" } else { "HTTP" },
            "hostname": listener.hostname,
            "tls": is_tls.then_some(certificates),
            "allowedRoutes": listener.open.then(|| json!({"namespaces": {"from": "All"}})),
        }))
    };
    let listeners: Vec<Value> = gateway.listeners.iter().map(listener).collect();
    let spec = object(json!({
        "listeners": listeners,
        "addresses": bound.then(|| json!([{"value": "127.0.0.1"}])),
    }));
    document("gateway.networking.k8s.io/v1", "Gateway", &gateway.name, &spec)
}

fn route(route: &Route, ports: &[u16]) -> Value {
    if route.short
        && let Some(spec) = short(route)
    {
        return document("gw/v1", "Route", &route.name, &spec);
    }
    let parents: Vec<Value> = route
        .parents
        .iter()
        .map(|parent| {
            object(json!({
                "name": parent.gateway.name,
                "namespace": parent.gateway.namespace,
                "sectionName": parent.section,
                "port": parent.port.map(|port| ports[port]),
            }))
        })
        .collect();
    let condition = |one: &Match| {
        object(json!({
            "path": {"type": if one.exact { "Exact" } else { "PathPrefix" }, "value": one.path},
            "method": one.method,
        }))
    };
    let rules: Vec<Value> = route
        .rules
        .iter()
        .map(|rule| {
            let matches: Vec<Value> = rule.matches.iter().map(condition).collect();
            let backends: Vec<Value> = rule
                .backends
                .iter()
                .map(|(name, weight)| {
                    json!({"name": name.name, "namespace": name.namespace, "weight": weight})
                })
                .collect();
            json!({"matches": matches, "backendRefs": backends})
        })
        .collect();
    let spec = json!({"parentRefs": parents, "hostnames": route.hostnames, "rules": rules});
    document("gateway.networking.k8s.io/v1", "HTTPRoute", &route.name, &spec)
}

/// The spec of the short kind, where that can say it all.
fn short(route: &Route) -> Option<Value> {
    let [rule] = route.rules.as_slice() else { return None };
    let local = |name: &Name| (name.namespace == route.name.namespace).then(|| name.name.clone());
    let gateway = match route.parents.as_slice() {
        [] => None,
        [one] if one.section.is_none() && one.port.is_none() => Some(local(&one.gateway)?),
        _ => return None,
    };
    let condition = match rule.matches.as_slice() {
        [] => None,
        [one] if !one.exact => Some(one),
        _ => return None,
    };
    let backends: Vec<Value> = (rule.backends.iter())
        .map(|(name, weight)| Some(json!({"name": local(name)?, "weight": weight})))
        .collect::<Option<_>>()?;
    let single = match rule.backends.as_slice() {
        [] => return None,
        [(name, 1)] => Some(local(name)?),
        _ => None,
    };
    Some(object(json!({
        "hosts": route.hostnames,
        "path": condition.map(|one| &one.path),
        "method": condition.and_then(|one| one.method),
        "gateway": gateway,
        "backends": single.is_none().then_some(backends),
        "backend": single,
    })))
}

fn backend(backend: &Backend, origins: &Origins) -> Value {
    let server = |server: &Server| {
        let address = origins.address(backend.speaks, server.origin);
        object(json!({
            "name": server.name,
            "address": address.ip(),
            "port": address.port(),
            "weight": server.weight,
            "maxconn": server.maxconn,
            "backup": server.backup.then_some(true),
            "state": server.state,
        }))
    };
    let servers: Vec<Value> = backend.servers.iter().map(server).collect();
    let (protocol, tls) = match backend.speaks {
        Speaks::Http1 => (None, None),
        Speaks::H2c => (Some("h2c"), None),
        Speaks::H2 => {
            (Some("h2"), Some(json!({"caFile": origins.authority(), "sni": "back.test"})))
        }
        Speaks::Https => (Some("http1"), Some(json!({"insecure": true}))),
    };
    let balance = match backend.balance {
        Balance::Default => Value::Null,
        Balance::Even(word) | Balance::Steady(word) => word.into(),
        Balance::Hashed(text) => serde_json::from_str(text).expect("it is JSON"),
    };
    let check = match backend.check {
        Check::None => Value::Null,
        // A busy machine may miss a few of such quick checks.
        Check::Tcp => {
            json!({"type": "tcp", "interval": "400ms", "fastInterval": "50ms", "fall": 30})
        }
        Check::Http => {
            json!({"path": "/healthz", "interval": "400ms", "fastInterval": "50ms", "rise": 1, "fall": 30})
        }
    };
    let spec = object(json!({
        "servers": servers,
        "protocol": protocol,
        "tls": tls,
        "balance": balance,
        "healthCheck": check,
        "timeouts": backend.timeout.map(|time| json!({"server": time})),
        "retries": backend.retries,
        "sessionAffinity": backend.cookie.then(|| json!({"cookie": {"name": "SRV"}})),
    }));
    document("gw/v1", "Backend", &backend.name, &spec)
}
