//! Random sets of manifests, part by part, and the repairs that make any set of parts valid.

use std::collections::BTreeSet;

use super::model::{
    Backend, Balance, Check, Gateway, Listener, Match, Name, Parent, Route, Rule, Server, Set,
    Speaks,
};
use super::origins::POOL;
use super::pools::{
    BACKENDS, GATEWAYS, HOSTS, LISTENERS, METHODS, NAMESPACES, PATHS, ROUTES, SERVERS, SHARES,
    STATES, TIMEOUTS, WEIGHTS,
};
use crate::support::random::Random;

/// Ports 0 and 1 are HTTP, 2 is HTTPS.
pub(super) const HTTPS: usize = 2;

/// A whole set.
pub(crate) fn set(random: &mut Random) -> Set {
    let mut set = Set {
        certificate: random.below(2),
        bound: random.chance(30),
        layout: random.next(),
        ..Set::default()
    };
    set.gateways.extend((0..random.between(1, 2)).map(|_| gateway(random)));
    set.backends.extend((0..random.between(1, 5)).map(|_| backend(random)));
    for _ in 0..random.between(1, 6) {
        let route = route(&set, random);
        set.routes.push(route);
    }
    settle(&mut set, random);
    set
}

pub(super) fn gateway(random: &mut Random) -> Gateway {
    let name = Name::new(random.pick(&NAMESPACES), random.pick(&GATEWAYS));
    let listeners = (0..random.between(1, 3)).map(|_| listener(random)).collect();
    Gateway { name, listeners }
}

pub(super) fn listener(random: &mut Random) -> Listener {
    Listener {
        name: random.pick(&LISTENERS).to_owned(),
        port: if random.chance(15) { HTTPS } else { random.below(HTTPS) },
        hostname: random.chance(40).then(|| random.pick(&HOSTS)),
        open: random.chance(70),
    }
}

pub(super) fn route(set: &Set, random: &mut Random) -> Route {
    let name = Name::new(random.pick(&NAMESPACES), random.pick(&ROUTES));
    let hosts = random.between(0, 3);
    let rules = if random.chance(3) { 0 } else { random.between(1, 3) };
    Route {
        name,
        short: random.chance(50),
        parents: parents(set, random),
        hostnames: random.sample(&HOSTS, hosts),
        rules: (0..rules).map(|_| rule(set, random)).collect(),
    }
}

pub(super) fn parents(set: &Set, random: &mut Random) -> Vec<Parent> {
    // In the middle of several edits a Gateway may be without listeners.
    let usable = set.gateways.iter().filter(|gateway| !gateway.listeners.is_empty());
    let gateways: Vec<&Gateway> = usable.collect();
    let count = random.between(0, 2);
    let chosen = random.sample(&gateways, count);
    let mut parent = |gateway: &Gateway| {
        let listeners: Vec<&Listener> = gateway.listeners.iter().collect();
        let listener = random.pick(&listeners);
        Parent {
            gateway: gateway.name.clone(),
            section: random.chance(30).then(|| listener.name.clone()),
            port: random.chance(20).then_some(listener.port),
        }
    };
    chosen.into_iter().map(&mut parent).collect()
}

pub(super) fn rule(set: &Set, random: &mut Random) -> Rule {
    let backends = if random.chance(3) { 0 } else { random.between(1, 10) / 4 + 1 };
    Rule {
        matches: (0..random.between(0, 2)).map(|_| condition(random)).collect(),
        backends: (0..backends).map(|_| (target(set, random), random.pick(&SHARES))).collect(),
    }
}

pub(super) fn condition(random: &mut Random) -> Match {
    Match {
        exact: random.chance(30),
        path: random.pick(&PATHS).to_owned(),
        method: random.chance(25).then(|| random.pick(&METHODS)),
    }
}

/// What a rule without conditions means.
pub(super) fn everything() -> Match {
    Match { exact: false, path: "/".to_owned(), method: None }
}

/// A backend of the set, or now and then any.
pub(super) fn target(set: &Set, random: &mut Random) -> Name {
    let known: Vec<&Backend> = set.backends.iter().collect();
    if known.is_empty() || random.chance(12) {
        return Name::new(random.pick(&NAMESPACES), random.pick(&BACKENDS));
    }
    random.pick(&known).name.clone()
}

pub(super) fn backend(random: &mut Random) -> Backend {
    let speaks = [Speaks::Http1, Speaks::Http1, Speaks::Http1, Speaks::H2c, Speaks::H2];
    let servers = random.between(0, 4);
    Backend {
        name: Name::new(random.pick(&NAMESPACES), random.pick(&BACKENDS)),
        servers: (0..servers).map(|_| server(random)).collect(),
        speaks: if random.chance(10) { Speaks::Https } else { random.pick(&speaks) },
        balance: balance(random),
        check: check(random),
        timeout: random.pick(&TIMEOUTS),
        retries: random.chance(15).then(|| random.pick(&[0, 1, 5])),
        cookie: random.chance(15),
    }
}

pub(super) fn server(random: &mut Random) -> Server {
    Server {
        name: random.pick(&SERVERS).to_owned(),
        origin: random.below(POOL),
        weight: random.pick(&WEIGHTS),
        maxconn: random.chance(20).then(|| random.pick(&[1, 10, 1_000_000])),
        backup: random.chance(15),
        state: random.pick(&STATES),
    }
}

pub(super) fn check(random: &mut Random) -> Check {
    random.pick(&[Check::None, Check::None, Check::Http, Check::Tcp])
}

pub(super) fn balance(random: &mut Random) -> Balance {
    if random.chance(55) {
        return Balance::Default;
    }
    random.pick(&[
        Balance::Even("roundrobin"),
        Balance::Even("random"),
        Balance::Even("static-rr"),
        Balance::Steady("leastconn"),
        Balance::Steady("first"),
        Balance::Steady("source"),
        Balance::Steady("uri"),
        Balance::Hashed(r#"{"algorithm": "header", "header": "x-user"}"#),
        Balance::Hashed(r#"{"algorithm": "uri", "hashType": "map-based"}"#),
    ])
}

/// Makes a set valid: no name twice, no reference to a Gateway or listener that is not there.
pub(super) fn settle(set: &mut Set, random: &mut Random) {
    let (mut gateways, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    set.gateways.retain_mut(|gateway| {
        let mut names = BTreeSet::new();
        gateway.listeners.retain(|one| {
            names.insert(one.name.clone()) && sockets.insert((one.port, one.hostname))
        });
        !gateway.listeners.is_empty() && gateways.insert(gateway.name.full())
    });
    if set.gateways.is_empty() {
        let listener = Listener { name: "http".to_owned(), port: 0, hostname: None, open: true };
        let name = Name::new("default", "public");
        set.gateways.push(Gateway { name, listeners: vec![listener] });
    }
    settle_backends(set);
    let mut routes = std::mem::take(&mut set.routes);
    let mut names = BTreeSet::new();
    routes.retain_mut(|route| {
        settle_parents(set, route, random);
        names.insert(route.name.full())
    });
    set.routes = routes;
}

fn settle_backends(set: &mut Set) {
    let mut names = BTreeSet::new();
    set.backends.retain_mut(|backend| {
        let (mut servers, mut origins) = (BTreeSet::new(), BTreeSet::new());
        backend
            .servers
            .retain(|server| servers.insert(server.name.clone()) && origins.insert(server.origin));
        names.insert(backend.name.full())
    });
}

/// Every parent must lead to a listener that takes the route.
fn settle_parents(set: &Set, route: &mut Route, random: &mut Random) {
    let parents = std::mem::take(&mut route.parents);
    if parents.is_empty() && set.gateways.len() == 1 && set.attached(route).next().is_some() {
        return;
    }
    for parent in parents {
        let mut alone = route.clone();
        alone.parents = vec![parent.clone()];
        if set.attached(&alone).next().is_some() {
            route.parents.push(parent);
        }
    }
    if route.parents.is_empty() {
        let gateways: Vec<&Gateway> = set.gateways.iter().collect();
        let gateway = random.pick(&gateways);
        route.name.namespace = gateway.name.namespace;
        route.parents = vec![Parent { gateway: gateway.name.clone(), section: None, port: None }];
    }
}
