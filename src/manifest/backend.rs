//! The kind `Backend`: its servers, and rules that concern several of its fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use serde_json::json;

use crate::model::{Located, Problem, ServerName};

use super::{
    balance::balance,
    document::{Affinity, Alpn, Backend, Server, ServerProtocol, ServerState, Timeouts},
    health::health_check,
    object::Object,
    server_tls::server_tls,
    slot::{located, port},
    text::{COOKIE_NAME, DNS_NAME, DURATION, SERVER_ADDRESS, SERVER_NAME},
};

/// The greatest weight of a server (HAProxy, `weight`).
const WEIGHT_MAX: u16 = 256;

const STATES: [(&str, ServerState); 3] = [
    ("ready", ServerState::Ready),
    ("drain", ServerState::Drain),
    ("maint", ServerState::Maintenance),
];

const PROTOCOLS: [(&str, ServerProtocol); 3] =
    [("http1", ServerProtocol::Http1), ("h2c", ServerProtocol::H2c), ("h2", ServerProtocol::H2)];

pub(super) fn backend(object: &mut Object<'_>) -> Option<Backend> {
    let port = object.optional("port", "The port of servers that name none.", port);
    let mut written = 0_usize;
    let servers = object.required(
        "servers",
        "The servers, with distinct names.",
        located(|slot| {
            slot.list(0, |slot| {
                written += 1;
                slot.object(|object| server(object, port.as_ref()))
            })
        }),
    );
    let balance = object.optional("balance", "How a server is chosen.", balance);
    let protocol = object.default(
        "protocol",
        "What the servers speak: HTTP/1.1, HTTP/2 in clear (h2c), or HTTP/2 over TLS (h2).",
        (ServerProtocol::default(), json!("http1")),
        |slot| slot.choice(&PROTOCOLS, &[]),
    );
    let tls = object.optional("tls", "TLS to the servers.", |slot| slot.object(server_tls));
    let check = object.optional(
        "healthCheck",
        "How servers are checked; not at all if left out.",
        |slot| slot.object(health_check),
    );
    let timeouts = object.optional("timeouts", "How long to wait.", |slot| slot.object(timeouts));
    let affinity = object.optional("sessionAffinity", "Keeps a client on its server.", |slot| {
        slot.object(session_affinity)
    });
    let retries = object
        .optional("retries", "How often to try a connection again.", |slot| slot.integer(0..=100));
    let mut timeouts = timeouts.unwrap_or_default();
    let (health_check, check_timeout) = check.unzip();
    if let Some(timeout) = check_timeout.flatten()
        && timeouts.check.replace(timeout).is_some()
    {
        let message = "`timeouts.check` and `healthCheck.timeout` are one setting: keep one";
        object.refuse("healthCheck", message);
    }
    let alpn = tls.as_ref().and_then(|tls| tls.alpn.as_deref());
    check_protocol(object, protocol, alpn);
    if health_check.as_ref().is_some_and(|check| check.alpn.is_some()) && !object.has("tls") {
        object.refuse("healthCheck", "`healthCheck.alpn` needs `tls`");
    }
    let servers = servers?;
    if written == 0
        && let Some(context) = object.context()
    {
        let message = "the backend has no servers: its requests are answered with 503";
        context.report(Problem::warning(context.at(servers.span), message));
    }
    check_servers(&servers.value, object);
    Some(Backend {
        servers: servers.value,
        balance: balance.unwrap_or_default(),
        protocol,
        tls,
        health_check,
        timeouts,
        affinity,
        retries,
    })
}

fn server(object: &mut Object<'_>, backend_port: Option<&Located<u16>>) -> Option<Server> {
    let about = "The name; made from address and port if left out.";
    let name = object.optional("name", about, located(|slot| slot.text(&SERVER_NAME)));
    let about = "The IPv4 or IPv6 address.";
    let address = object.required("address", about, located(|slot| slot.text(&SERVER_ADDRESS)));
    let own_port = object.optional("port", "The port; the backend's if left out.", port);
    let about = "The share of the requests, relative to the other servers.";
    let weight = object.optional("weight", about, located(|slot| slot.integer(0..=WEIGHT_MAX)));
    let about = "Used only when no other server is up.";
    let backup = object.flag("backup", about);
    let about = "The greatest number of concurrent requests; no limit if left out.";
    let maxconn = object.optional("maxconn", about, located(|slot| slot.integer(1..=1_000_000)));
    let about = "The administrative state; left to the operator if left out.";
    let state = object.optional("state", about, located(|slot| slot.choice(&STATES, &[])));
    let port = own_port.or_else(|| backend_port.cloned());
    if port.is_none() && !object.has("port") {
        let span = object.span();
        let message = "the server has no port, and its backend no default for it";
        object.context()?.error_hint(span, message, "add `port` here or in the backend");
    }
    let (address, port) = (address?, port?);
    let name = match name {
        Some(name) => name,
        None => Located { value: derived_name(address.value, port.value)?, span: address.span },
    };
    Some(Server { name, address, port, weight, backup, maxconn, state })
}

/// Address and port as a DNS label, such as `10-0-0-1-8080`; always a valid one.
fn derived_name(address: IpAddr, port: u16) -> Option<ServerName> {
    let address = match address {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => address.segments().map(|part| format!("{part:x}")).join("-"),
    };
    ServerName::new(&format!("{address}-{port}")).ok()
}

fn timeouts(object: &mut Object<'_>) -> Option<Timeouts> {
    let mut duration = |name, about| object.optional(name, about, |slot| slot.text(&DURATION));
    Some(Timeouts {
        connect: duration("connect", "For a connection to a server."),
        server: duration("server", "For a server that says nothing."),
        queue: duration("queue", "For a free connection slot."),
        tunnel: duration("tunnel", "For an upgraded connection, such as a web socket."),
        check: duration("check", "For the answer to a health check."),
    })
}

fn session_affinity(object: &mut Object<'_>) -> Option<Affinity> {
    object.required("cookie", "Remembers the server in a cookie.", |slot| slot.object(cookie))
}

fn cookie(object: &mut Object<'_>) -> Option<Affinity> {
    let cookie = object.required("name", "The name of the cookie.", |slot| slot.text(&COOKIE_NAME));
    let about = "Hidden from scripts.";
    let http_only = object.flag("httpOnly", about);
    let about = "Sent over TLS only.";
    let secure = object.flag("secure", about);
    let about = "The domain it is valid for; the host that set it if left out.";
    let domain = object.optional("domain", about, |slot| slot.text(&DNS_NAME));
    Some(Affinity { cookie: cookie?, http_only, secure, domain })
}

/// The protocol, TLS and ALPN must agree.
fn check_protocol(object: &mut Object<'_>, protocol: ServerProtocol, alpn: Option<&[Alpn]>) {
    let offers = |wanted| alpn.is_none_or(|offered| offered.contains(&wanted));
    match protocol {
        ServerProtocol::Http1 if alpn.is_some_and(|offered| offered.contains(&Alpn::H2)) => {
            object.refuse("tls", "`tls.alpn` offers h2, but `protocol` is http1: make it h2");
        }
        ServerProtocol::H2 if !object.has("tls") => {
            object.refuse("protocol", "protocol h2 needs `tls`; without TLS it is called h2c");
        }
        ServerProtocol::H2 if !offers(Alpn::H2) => {
            object.refuse("tls", "`tls.alpn` does not offer h2, but `protocol` is h2");
        }
        ServerProtocol::H2c => {
            object.refuse("tls", "protocol h2c is HTTP/2 without TLS; with `tls` it is called h2");
        }
        ServerProtocol::Http1 | ServerProtocol::H2 => {}
    }
}

/// Servers have distinct names, and should have distinct addresses.
fn check_servers(servers: &[Server], object: &mut Object<'_>) {
    let Some(context) = object.context() else { return };
    let mut names = BTreeSet::new();
    let mut places = BTreeMap::new();
    for server in servers {
        if !names.insert(&server.name.value) {
            let message = format!("a server before this one is named {}, too", server.name.value);
            context.error(server.name.span, message);
        }
        let place = SocketAddr::new(server.address.value, server.port.value);
        // Two of the same address without names have one name, which is an error already.
        if let Some(earlier) = places.insert(place, &server.name.value)
            && *earlier != server.name.value
        {
            let message = format!("the server {earlier} has the same address, {place}");
            let at = context.at(server.address.span);
            context.report(Problem::warning(at, message));
        }
    }
}
