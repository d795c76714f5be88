//! The settings of a backend, as lines of a `defaults` section and keywords of its servers.

use std::time::Duration;

use crate::{
    config::line,
    manifest::document::{
        Affinity, Alpn, Backend, Balance, CheckKind, HashType, HealthCheck, Method, ServerProtocol,
        ServerTls, Timeouts, Trust,
    },
    model::Profile,
};

/// Time for a connection to a server. HAProxy has no default of its own and warns without one.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for a silent server.
const SERVER: Duration = Duration::from_secs(60);
/// Time for a free connection slot.
const QUEUE: Duration = Duration::from_secs(30);
/// Time for a silent upgraded connection, such as a web socket.
const TUNNEL: Duration = Duration::from_secs(3600);

/// Compiles all settings of `backend` but its servers. `authority` is the file name, inside a
/// generation, of the authorities that its TLS believes.
pub(super) fn compile(backend: &Backend, authority: Option<&str>) -> Profile {
    let mut lines = vec!["mode http".to_owned()];
    lines.extend(balance(&backend.balance));
    lines.extend(timeouts(&backend.timeouts));
    if let Some(retries) = backend.retries {
        lines.push(format!("retries {retries}"));
    }
    // A connection that can't be made is tried on another server.
    lines.push("option redispatch".to_owned());
    // Backups share the load. By default the first one takes it all, and which one is the first
    // would depend on whether servers came from the file or at runtime.
    lines.push("option allbackups".to_owned());
    if let Some(affinity) = &backend.affinity {
        lines.push(cookie(affinity));
    }
    if let Some(check) = &backend.health_check {
        lines.extend(http_check(check));
    }
    // gw writes this file right before it reloads, so that what operators set by hand survives.
    lines.push("load-server-state-from-file global".to_owned());
    Profile::new(
        lines,
        server_keywords(backend, authority),
        backend.health_check.is_some(),
        backend.affinity.as_ref().map(|affinity| affinity.cookie.as_str().to_owned()),
    )
}

/// The settings of a backend that says nothing about them.
pub(super) fn of_nothing() -> Profile {
    compile(&Backend::default(), None)
}

/// The lines that choose a server (HAProxy manual, `balance` and `hash-type`).
fn balance(balance: &Balance) -> Vec<String> {
    let hash = |algorithm: String, hash_type: HashType| {
        let hash_type = match hash_type {
            HashType::Consistent => "hash-type consistent",
            HashType::MapBased => "hash-type map-based",
        };
        vec![algorithm, hash_type.to_owned()]
    };
    let plain = |algorithm: &str| vec![format!("balance {algorithm}")];
    match balance {
        Balance::RoundRobin => plain("roundrobin"),
        Balance::StaticRoundRobin => plain("static-rr"),
        Balance::LeastConnections => plain("leastconn"),
        Balance::First => plain("first"),
        Balance::Random => plain("random"),
        Balance::Source(hash_type) => hash("balance source".to_owned(), *hash_type),
        Balance::Uri(hash_type) => hash("balance uri".to_owned(), *hash_type),
        Balance::Header(header, hash_type) => {
            hash(line(["balance", &format!("hdr({})", header.as_str())]), *hash_type)
        }
    }
}

fn timeouts(timeouts: &Timeouts) -> Vec<String> {
    let Timeouts { connect, server, queue, tunnel, check } = *timeouts;
    let set = [
        ("connect", Some(connect.unwrap_or(CONNECT))),
        ("server", Some(server.unwrap_or(SERVER))),
        ("queue", Some(queue.unwrap_or(QUEUE))),
        ("tunnel", Some(tunnel.unwrap_or(TUNNEL))),
        ("check", check),
    ];
    set.into_iter()
        .filter_map(|(name, time)| Some(format!("timeout {name} {}", milliseconds(time?))))
        .collect()
}

fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

fn cookie(affinity: &Affinity) -> String {
    let Affinity { cookie, http_only, secure, domain } = affinity;
    let mut words = vec!["cookie", cookie.as_str(), "insert", "indirect", "nocache"];
    words.extend(http_only.then_some("httponly"));
    words.extend(secure.then_some("secure"));
    if let Some(domain) = domain {
        words.extend(["domain", domain.as_str()]);
    }
    line(words)
}

/// What a check asks, in the words of `http-check` (HAProxy manual, section 4.2).
fn http_check(check: &HealthCheck) -> Vec<String> {
    let CheckKind::Http { method, path, host, expect } = &check.kind else {
        return Vec::new();
    };
    let mut send = vec!["http-check", "send", "meth", method.unwrap_or(Method::Get).as_str()];
    send.extend(["uri", path.as_ref().map_or("/", |path| path.as_str())]);
    // HTTP/1.1 demands a Host header, so without one the check stays at HTTP/1.0.
    if let Some(host) = host {
        send.extend(["ver", "HTTP/1.1", "hdr", "Host", host.as_str()]);
    }
    let mut codes: Vec<String> = expect
        .iter()
        .map(|range| match (range.first, range.last) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        })
        .collect();
    if codes.is_empty() {
        codes.push("200-399".to_owned());
    }
    vec![
        "option httpchk".to_owned(),
        line(send),
        line(["http-check", "expect", "status", &codes.join(",")]),
    ]
}

/// The keywords of every server, in an order that never changes (HAProxy manual, section 5.2).
fn server_keywords(backend: &Backend, authority: Option<&str>) -> Vec<String> {
    let mut words = Words::default();
    if backend.protocol == ServerProtocol::H2c {
        words.pair("proto", "h2");
    }
    if let Some(tls) = &backend.tls {
        tls_keywords(&mut words, tls, backend.protocol, authority);
    }
    if let Some(check) = &backend.health_check {
        check_keywords(&mut words, check, backend);
    }
    words.0
}

fn tls_keywords(
    words: &mut Words,
    tls: &ServerTls,
    protocol: ServerProtocol,
    authority: Option<&str>,
) {
    words.word("ssl");
    let alpn = match (&tls.alpn, protocol) {
        (Some(offered), _) => Some(alpn_list(offered)),
        (None, ServerProtocol::H2) => Some("h2".to_owned()),
        (None, ServerProtocol::Http1 | ServerProtocol::H2c) => None,
    };
    if let Some(alpn) = alpn {
        words.pair("alpn", &alpn);
    }
    // HAProxy verifies the name that it sends; `verifyhost` is for connections that send none.
    match tls.sni.as_ref().or(tls.verify_host.as_ref()) {
        Some(name) => words.pair("sni", &format!("str({})", name.value.as_str())),
        None => words.pair("sni", "req.hdr(host),host_only"),
    }
    match (&tls.trust, authority) {
        (Trust::CaFile(_), Some(file)) => {
            words.pair("verify", "required");
            words.pair("ca-file", file);
            if let Some(name) = &tls.verify_host {
                words.pair("verifyhost", name.value.as_str());
            }
        }
        (Trust::CaFile(_) | Trust::Insecure, _) => words.pair("verify", "none"),
    }
}

fn check_keywords(words: &mut Words, check: &HealthCheck, backend: &Backend) {
    let HealthCheck { kind, interval, fast_interval, down_interval, rise, fall, port, alpn } =
        check;
    words.word("check");
    let times = [("inter", interval), ("fastinter", fast_interval), ("downinter", down_interval)];
    for (name, time) in times {
        if let Some(time) = time {
            words.pair(name, &milliseconds(*time));
        }
    }
    for (name, count) in [("rise", rise), ("fall", fall)] {
        if let Some(count) = count {
            words.pair(name, &count.to_string());
        }
    }
    if let Some(port) = port {
        words.pair("port", &port.to_string());
    }
    let http = matches!(kind, CheckKind::Http { .. });
    // Checks of a server that was added at runtime inherit nothing from its own settings.
    if backend.protocol == ServerProtocol::H2c && http {
        words.pair("check-proto", "h2");
    }
    if let Some(tls) = &backend.tls {
        words.word("check-ssl");
        let offered = alpn.as_ref().or(tls.alpn.as_ref()).map(|list| alpn_list(list));
        match (offered, backend.protocol) {
            (Some(offered), _) => words.pair("check-alpn", &offered),
            (None, ServerProtocol::H2) => words.pair("check-alpn", "h2"),
            (None, ServerProtocol::Http1 | ServerProtocol::H2c) => {}
        }
        let check_host = match kind {
            CheckKind::Http { host, .. } => host.as_ref(),
            CheckKind::Tcp => None,
        };
        let name = tls.sni.as_ref().or(tls.verify_host.as_ref()).map(|name| &name.value);
        if let Some(name) = name.or(check_host) {
            words.pair("check-sni", name.as_str());
        }
    }
}

fn alpn_list(protocols: &[Alpn]) -> String {
    let names: Vec<&str> = protocols
        .iter()
        .map(|protocol| match protocol {
            Alpn::H2 => "h2",
            Alpn::Http11 => "http/1.1",
        })
        .collect();
    names.join(",")
}

/// Keywords in the making.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn word(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.word(name);
        self.word(value);
    }
}
