//! Requests that tell two sets apart, and what answers them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::Method;

use super::generate::{HTTPS, everything};
use super::model::{Match, Set};
use super::oracle::{self, Expected};
use super::origins::Origins;
use super::pools::{METHODS, OTHER_HOSTS};
use crate::support::connection::{Answer, Ask, Connection, Failure, Wire};
use crate::support::random::Random;
use crate::support::runtime;

/// So many requests are made of each process.
const REQUESTS: usize = 70;
/// So often a request is made until every answer was seen that must come.
const TRIES: usize = 400;

/// What stands in for the asterisk of a wildcard.
pub(super) const BELOW: [&str; 4] = ["w", "b", "xa", "a"];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(super) port: usize,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) method: &'static str,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, host, path, method } = self;
        write!(f, "{method} port {port} {host} {path}")
    }
}

/// Requests that touch what both sets say, and some that touch nothing.
pub(crate) fn requests(old: &Set, new: &Set, random: &mut Random) -> Vec<Request> {
    let ports: Vec<usize> = new.ports().into_iter().collect();
    let mut all = BTreeSet::new();
    for set in [old, new] {
        let listened = set.gateways.iter().flat_map(|one| &one.listeners);
        let listened: Vec<&str> = listened.filter_map(|one| one.hostname).collect();
        for route in &set.routes {
            let mut hosts: Vec<&str> = route.hostnames.clone();
            hosts.extend(&listened);
            hosts.push(random.pick(&OTHER_HOSTS));
            let everything = everything();
            let matches = route.rules.iter().flat_map(|rule| &rule.matches);
            for condition in matches.chain([&everything]) {
                for host in &hosts {
                    for port in &ports {
                        all.insert(near(*port, host, condition, random));
                    }
                }
            }
        }
    }
    for port in &ports {
        for _ in 0..4 {
            let condition = super::generate::condition(random);
            all.insert(near(*port, random.pick(&OTHER_HOSTS), &condition, random));
        }
    }
    let all: Vec<&Request> = all.iter().collect();
    random.sample(&all, REQUESTS).into_iter().cloned().collect()
}

/// A request that meets a host pattern and a condition, or narrowly misses.
fn near(port: usize, host: &str, condition: &Match, random: &mut Random) -> Request {
    let mut host = match host.strip_prefix('*') {
        Some(suffix) => format!("{}{suffix}", random.pick(&BELOW)),
        None => host.to_owned(),
    };
    // Over TLS the host is a server name too, which can't be dressed up.
    if port != HTTPS && host.len() < 200 {
        match random.below(12) {
            0 => host.make_ascii_uppercase(),
            1 => host.push('.'),
            2 => host.push_str(":8080"),
            3 => host.insert_str(0, "n."),
            4 => host.insert_str(0, "v.w."),
            _ => {}
        }
    }
    let mut path = condition.path.clone();
    match random.below(9) {
        0 => path.push('/'),
        1 => path.push_str("/z"),
        2 => path.push('z'),
        3 => path.push_str("?q=/a/b"),
        4 => path = path.trim_end_matches('/').to_owned() + "//a",
        5 => path.make_ascii_uppercase(),
        _ => {}
    }
    let method = match condition.method {
        Some(method) if random.chance(70) => method,
        _ => random.pick(&METHODS),
    };
    Request { port, host, path, method }
}

/// What answered each request, where the manifests alone decide which answer comes.
pub(super) type Fixed = BTreeMap<String, BTreeSet<String>>;

/// Makes the requests of an HAProxy that listens at `ports` and serves `set`. The errors are
/// answers that `set` does not allow, and those that it demands and that never came.
pub(super) fn check(
    set: &Set,
    origins: &Origins,
    ports: &[u16],
    requests: &[Request],
) -> Result<Fixed, Vec<String>> {
    let wires = [Wire::Http1, Wire::Http1, origins.tls()];
    let asked: Vec<(Request, Expected)> = requests
        .iter()
        .map(|request| (request.clone(), oracle::answer(set, origins, request)))
        .collect();
    let asked = Arc::new(asked);
    let addresses: Vec<SocketAddr> =
        ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).collect();
    let rows = Arc::clone(&asked);
    let seen = runtime::wait(async move {
        let mut idle = None;
        let mut seen = Vec::new();
        for (request, expected) in rows.iter() {
            let (wire, address) = (&wires[request.port], addresses[request.port]);
            seen.push(ask(wire, address, request, expected, &mut idle).await);
        }
        seen
    });
    let (mut fixed, mut errors) = (Fixed::new(), Vec::new());
    for ((request, expected), seen) in asked.iter().zip(seen) {
        let wrong = seen.iter().any(|answer| !expected.answers.contains_key(answer));
        if wrong || !expected.must().all(|answer| seen.contains(answer)) {
            errors.push(format!("{request} → {seen:?}, not {:?}", expected.answers));
        }
        if expected.is_fixed {
            fixed.insert(request.to_string(), seen);
        }
    }
    if errors.is_empty() { Ok(fixed) } else { Err(errors) }
}

/// A connection that can be used again, and what it is good for.
type Idle = Option<(SocketAddr, String, Connection)>;

/// Asks until every answer was seen that must come, or one that must not.
async fn ask(
    wire: &Wire,
    address: SocketAddr,
    request: &Request,
    expected: &Expected,
    idle: &mut Idle,
) -> BTreeSet<String> {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let ask = Ask::new(method, &request.host, &request.path);
    let mut seen = BTreeSet::new();
    // An answer that should always be the same one is asked for twice.
    for turn in 0..TRIES {
        let answer = match once(wire, address, &ask, idle).await {
            Ok(answer) => match answer.origin() {
                Some(origin) => format!("{} {origin}", answer.status.as_u16()),
                None => answer.status.as_u16().to_string(),
            },
            Err(failure) => failure.to_string(),
        };
        let wrong = !expected.answers.contains_key(&answer);
        seen.insert(answer);
        if wrong || (turn > 0 && expected.must().all(|answer| seen.contains(answer))) {
            break;
        }
    }
    seen
}

/// Asks once, over the idle connection if there is a fitting one.
async fn once(
    wire: &Wire,
    address: SocketAddr,
    ask: &Ask,
    idle: &mut Idle,
) -> Result<Answer, Failure> {
    // Over TLS a connection belongs to the host whose name the client sent.
    let name = if matches!(wire, Wire::Tls(_)) { ask.host.as_str() } else { "" };
    if let Some((to, of, mut connection)) = idle.take()
        && (to, of.as_str()) == (address, name)
        && connection.is_open().await
        && let Ok(answer) = connection.send(ask).await
    {
        *idle = Some((to, of, connection));
        return Ok(answer);
    }
    let mut connection = Connection::open(wire, address, &ask.host).await?;
    let answer = connection.send(ask).await?;
    *idle = Some((address, name.to_owned(), connection));
    Ok(answer)
}
