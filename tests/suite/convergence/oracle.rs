//! The rules of the Gateway API, written down once more: who may answer a request.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::model::{Backend, Balance, Listener, Name, Route, Rule, Set};
use super::origins::Origins;
use super::table::Request;

/// An answer that comes at least so often must be seen.
const OFTEN: f64 = 0.04;

/// What may answer a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// Every answer that is right, and its share of the requests, 0 where that is not known.
    pub(super) answers: BTreeMap<String, f64>,
    /// Whether it depends on nothing but the request and the manifests which one comes.
    pub(super) is_fixed: bool,
}

impl Expected {
    fn status(status: u16) -> Self {
        Self { answers: BTreeMap::from([(status.to_string(), 1.0)]), is_fixed: true }
    }

    /// The answers that must come if one asks often enough.
    pub(super) fn must(&self) -> impl Iterator<Item = &String> {
        self.answers.iter().filter(|(_, share)| **share >= OFTEN).map(|(answer, _)| answer)
    }
}

/// What may answer `request` on manifests `set`.
pub(super) fn answer(set: &Set, origins: &Origins, request: &Request) -> Expected {
    let Some(rule) = rule(set, request) else { return Expected::status(404) };
    let total: u32 = rule.backends.iter().map(|(_, weight)| weight).sum();
    if total == 0 {
        return Expected::status(500);
    }
    let mut sum = Expected { is_fixed: true, ..Expected::default() };
    let mut targets: Vec<&Name> = Vec::new();
    for (name, weight) in rule.backends.iter().filter(|(_, weight)| *weight > 0) {
        let share = f64::from(*weight) / f64::from(total);
        let found = set.backends.iter().find(|backend| backend.name == *name);
        let one = found.map_or_else(|| Expected::status(500), |found| behind(found, origins));
        for (answer, part) in one.answers {
            *sum.answers.entry(answer).or_default() += share * part;
        }
        sum.is_fixed &= one.is_fixed;
        if !targets.contains(&name) {
            targets.push(name);
        }
    }
    sum.is_fixed &= targets.len() == 1;
    sum
}

/// Who answers in a backend.
fn behind(backend: &Backend, origins: &Origins) -> Expected {
    let serving = || backend.servers.iter().filter(|server| server.serves());
    let mut active: Vec<_> = serving().filter(|server| !server.backup).collect();
    if active.is_empty() {
        active.extend(serving().filter(|server| server.backup));
    }
    if active.is_empty() {
        return Expected::status(503);
    }
    let total: u32 = active.iter().map(|server| server.share()).sum();
    let is_even = matches!(backend.balance, Balance::Default | Balance::Even(_));
    let share = |part: u32| match active.len() {
        1 => 1.0,
        _ if is_even => f64::from(part) / f64::from(total),
        _ => 0.0,
    };
    let answers = active
        .iter()
        .map(|server| {
            let name = origins.name(backend.speaks, server.origin);
            (format!("200 {name}"), share(server.share()))
        })
        .collect();
    // A hash or an order decides, whoever was asked before; not so `leastconn`, nor the turn that a
    // header's absence leads to.
    let by_nature = matches!(backend.balance, Balance::Steady(word) if word != "leastconn")
        || matches!(backend.balance, Balance::Hashed(text) if text.contains("uri"));
    Expected { answers, is_fixed: active.len() == 1 || by_nature }
}

/// The rule that decides about a request.
fn rule<'a>(set: &'a Set, request: &Request) -> Option<&'a Rule> {
    let host = host(&request.host);
    let listeners = || set.gateways.iter().flat_map(|gateway| &gateway.listeners);
    // Listeners are isolated: the most specific one takes the request, and keeps it.
    let listener = listeners()
        .filter(|listener| listener.port == request.port && covers(listener.hostname, &host))
        .max_by_key(|listener| specificity(listener.hostname))?;
    let mut best = None;
    for route in &set.routes {
        if !set.attached(route).any(|one| std::ptr::eq(one, listener)) {
            continue;
        }
        let Some(by_host) = host_rank(route, listener, &host) else { continue };
        let everything = [super::generate::everything()];
        for (index, rule) in rules(route).iter().enumerate() {
            let conditions =
                if rule.matches.is_empty() { everything.as_slice() } else { &rule.matches };
            for (place, one) in conditions.iter().enumerate() {
                let (wanted, path) = (one.path.as_str(), request.path.as_str());
                let path = path.split('?').next().unwrap_or_default();
                let fits = if one.exact { wanted == path } else { is_prefix(wanted, path) };
                if !fits || one.method.is_some_and(|method| method != request.method) {
                    continue;
                }
                let length = wanted.trim_end_matches('/').len();
                let order = Reverse((route.name.full(), index, place));
                let rank = (by_host, one.exact, length, one.method.is_some(), order);
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, rule));
                }
            }
        }
    }
    best.map(|(_, rule)| rule)
}

/// The rules of a route; one that has none takes everything and leads nowhere.
fn rules(route: &Route) -> &[Rule] {
    static NOWHERE: [Rule; 1] = [Rule { matches: Vec::new(), backends: Vec::new() }];
    if route.rules.is_empty() { &NOWHERE } else { &route.rules }
}

/// The name in a `Host` header.
fn host(header: &str) -> String {
    let name = header.split(':').next().unwrap_or_default();
    name.to_ascii_lowercase().trim_end_matches('.').to_owned()
}

fn covers(pattern: Option<&str>, host: &str) -> bool {
    match pattern.map(|pattern| (pattern, pattern.strip_prefix('*'))) {
        None => true,
        Some((name, None)) => name == host,
        Some((_, Some(suffix))) => host.len() > suffix.len() && host.ends_with(suffix),
    }
}

/// A name before all wildcards, a longer wildcard before a shorter one, anything before none.
fn specificity(pattern: Option<&str>) -> (bool, usize) {
    pattern.map_or((false, 0), |pattern| (!pattern.starts_with('*'), pattern.len()))
}

/// How specific the host is by which a route is asked on a listener; `None` where it is not.
fn host_rank(route: &Route, listener: &Listener, host: &str) -> Option<(bool, usize)> {
    let own = specificity(listener.hostname);
    if route.hostnames.is_empty() {
        return Some(own);
    }
    let fitting = route.hostnames.iter().filter(|name| covers(Some(name), host));
    // What both name: the more specific of the two.
    fitting.map(|name| specificity(Some(name)).max(own)).max()
}

/// Whether `path` begins with the elements of `prefix`.
fn is_prefix(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
