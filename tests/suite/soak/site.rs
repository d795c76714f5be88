//! What the manifests of the soak say, and how commits change it. Every host always leads to some
//! server that lives, so that no request has a reason to fail.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::origin::Origin;
use crate::support::random::Random;

/// The hosts, each with a route of its own.
pub(super) const HOSTS: usize = 6;
/// The backends that are always there.
const BACKENDS: usize = 4;
/// The backends that come and go, each with a route of its own.
const GUESTS: usize = 3;
/// The places for servers in a backend. The first one is never empty.
pub(super) const PLACES: usize = 5;

/// The paths that are asked for: there is not always a route for the second one.
pub(super) const PATHS: [&str; 2] = ["/", "/extra"];

/// What the manifests say.
#[derive(Clone, Debug)]
pub(super) struct Site {
    port: u16,
    /// The ports and names of the origins.
    origins: Vec<(u16, String)>,
    backends: BTreeMap<String, Backend>,
    routes: BTreeMap<String, Route>,
}

#[derive(Clone, Debug)]
struct Backend {
    /// By place.
    servers: BTreeMap<usize, Server>,
    /// Whether manifests name the weights, which leaves none to operators.
    weighs: bool,
    checked: bool,
    /// Settings that take a reload.
    timeout: usize,
    balance: &'static str,
}

#[derive(Clone, Debug)]
struct Server {
    origin: usize,
    weight: usize,
    maxconn: Option<usize>,
}

#[derive(Clone, Debug)]
struct Route {
    host: usize,
    path: &'static str,
    /// Backends and their shares.
    targets: Vec<(String, usize)>,
}

impl Site {
    pub(super) fn new(port: u16, origins: &[Origin], random: &mut Random) -> Self {
        let origins = origins.iter().map(|origin| (origin.port(), origin.name().to_owned()));
        let (backends, routes) = (BTreeMap::new(), BTreeMap::new());
        let mut site = Self { port, origins: origins.collect(), backends, routes };
        for number in 0..BACKENDS {
            let backend = site.backend(number % 2 == 0, number < 3, random);
            site.backends.insert(format!("b{number}"), backend);
        }
        for host in 0..HOSTS {
            let targets = site.targets(random);
            site.routes.insert(format!("h{host}"), Route { host, path: "/", targets });
        }
        site
    }

    fn backend(&self, weighs: bool, checked: bool, random: &mut Random) -> Backend {
        let mut servers = BTreeMap::from([(0, self.server(random))]);
        for place in 1..PLACES {
            if random.chance(50) {
                servers.insert(place, self.server(random));
            }
        }
        Backend { servers, weighs, checked, timeout: 30, balance: "roundrobin" }
    }

    fn server(&self, random: &mut Random) -> Server {
        let origin = random.below(self.origins.len());
        Server { origin, weight: random.pick(&[50, 100, 200]), maxconn: None }
    }

    /// One or two of the backends that stay.
    fn targets(&self, random: &mut Random) -> Vec<(String, usize)> {
        let lasting: Vec<&String> =
            self.backends.keys().filter(|name| name.starts_with('b')).collect();
        let count = random.between(1, 2);
        let chosen = random.sample(&lasting, count);
        chosen.into_iter().map(|name| (name.clone(), random.between(1, 3))).collect()
    }

    /// Changes something, and says what.
    pub(super) fn edit(&mut self, random: &mut Random) -> String {
        let names: Vec<String> = self.backends.keys().cloned().collect();
        let name = names[random.below(names.len())].clone();
        let place = random.below(PLACES);
        let fresh = self.server(random);
        let backend = self.backends.get_mut(&name).expect("it was chosen from them");
        let known = backend.servers.contains_key(&place);
        match random.below(100) {
            0..45 if !known => {
                backend.servers.insert(place, fresh);
                format!("+{name}/s{place}")
            }
            0..20 if place > 0 => {
                backend.servers.remove(&place);
                format!("-{name}/s{place}")
            }
            0..45 => {
                backend.servers.insert(place, fresh);
                format!("~{name}/s{place}")
            }
            45..55 => {
                if let Some(server) = backend.servers.get_mut(&place) {
                    let weights: &[usize] =
                        if place > 0 { &[0, 50, 100, 200] } else { &[50, 100, 200] };
                    server.weight = random.pick(weights);
                }
                format!("weight {name}/s{place}")
            }
            55..62 => {
                if let Some(server) = backend.servers.get_mut(&place) {
                    server.maxconn = random.pick(&[None, Some(200), Some(300)]);
                }
                format!("maxconn {name}/s{place}")
            }
            62..80 => {
                let route = format!("h{}", random.below(HOSTS));
                let targets = self.targets(random);
                let known = self.routes.get_mut(&route).expect("every host has a route");
                known.targets = targets;
                format!("route {route}")
            }
            80..92 => self.guest(random),
            92..96 => {
                backend.timeout = random.between(20, 40);
                format!("timeout {name}")
            }
            _ => {
                backend.balance = random.pick(&["roundrobin", "random", "static-rr"]);
                format!("balance {name}")
            }
        }
    }

    /// Lets a backend with its route come, or go.
    fn guest(&mut self, random: &mut Random) -> String {
        let number = random.below(GUESTS);
        let name = format!("x{number}");
        if self.backends.remove(&name).is_some() {
            self.routes.remove(&name);
            return format!("-{name}");
        }
        let backend = self.backend(random.chance(50), random.chance(50), random);
        self.backends.insert(name.clone(), backend);
        let targets = vec![(name.clone(), 1)];
        let route = Route { host: number, path: "/extra", targets };
        self.routes.insert(name.clone(), route);
        format!("+{name}")
    }

    /// The servers that an operator may lay hands on: in no backend the first one.
    pub(super) fn servers(&self) -> Vec<String> {
        let of = |(name, backend): (&String, &Backend)| -> Vec<String> {
            let places = backend.servers.keys().filter(|place| **place > 0);
            places.map(|place| format!("{name}/s{place}")).collect()
        };
        self.backends.iter().flat_map(of).collect()
    }

    /// Whether the manifests leave the weight of servers of this backend to operators.
    pub(super) fn leaves_weights(&self, server: &str) -> bool {
        let backend = server.split_once('/').and_then(|(name, _)| self.backends.get(name));
        backend.is_some_and(|backend| !backend.weighs)
    }

    /// The port of any origin.
    pub(super) fn any_port(&self, random: &mut Random) -> u16 {
        self.origins[random.below(self.origins.len())].0
    }

    /// A file that is there always.
    pub(super) fn any_file(random: &mut Random) -> String {
        format!("b{}.yaml", random.below(BACKENDS))
    }

    /// The manifest files.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "public"},
            "spec": {"listeners": [{"name": "http", "port": self.port, "protocol": "HTTP"}]},
        });
        let gateway = ("gateway.yaml".to_owned(), gateway);
        let backends = self.backends.iter().map(|(name, backend)| {
            let spec = self.spec(backend);
            (format!("{name}.yaml"), object("Backend", name, &spec))
        });
        let routes = self.routes.iter().map(|(name, route)| {
            let targets = route.targets.iter();
            let targets: Vec<Value> =
                targets.map(|(name, share)| json!({"name": name, "weight": share})).collect();
            let host = format!("h{}.test", route.host);
            let spec = json!({"hosts": [host], "path": route.path, "backends": targets});
            (format!("routes/{name}.yaml"), object("Route", name, &spec))
        });
        let all = [gateway].into_iter().chain(backends).chain(routes);
        all.map(|(path, value)| (path, format!("{value:#}\n"))).collect()
    }

    fn spec(&self, backend: &Backend) -> Value {
        let servers = backend.servers.iter().map(|(place, server)| {
            let port = self.origins[server.origin].0;
            let mut value =
                json!({"name": format!("s{place}"), "address": "127.0.0.1", "port": port});
            if backend.weighs {
                value["weight"] = server.weight.into();
            }
            if let Some(maxconn) = server.maxconn {
                value["maxconn"] = maxconn.into();
            }
            value
        });
        let mut spec = json!({
            "servers": servers.collect::<Vec<_>>(),
            "balance": backend.balance,
            "timeouts": {"server": format!("{}s", backend.timeout)},
        });
        if backend.checked {
            spec["healthCheck"] = json!({"path": "/healthz", "interval": "300ms", "fall": 10});
        }
        spec
    }

    /// The names of the origins that answer a request, each of them sooner or later.
    pub(super) fn answering(&self, host: usize, path: &str) -> BTreeSet<&str> {
        let mut routes: Vec<&Route> = self
            .routes
            .values()
            .filter(|route| route.host == host && path.starts_with(route.path))
            .collect();
        routes.sort_by_key(|route| route.path.len());
        let route = routes.last().expect("every host has a route");
        let backends = route.targets.iter().filter_map(|(name, _)| self.backends.get(name));
        backends
            .flat_map(|backend| {
                let takes = |server: &&Server| !backend.weighs || server.weight > 0;
                backend.servers.values().filter(takes)
            })
            .map(|server| &*self.origins[server.origin].1)
            .collect()
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "gw/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}
