//! Routes as map entries: tables by host, paths in them, methods, splits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    manifest::document::{Method, PathMatch, Rule},
    model::{
        BackendName, Digest, Entry, FrontendName, MapName, NO_BACKEND, NO_TABLES, Origin, Problem,
        Problems, Routing, TABLE_SEPARATOR,
    },
};

use super::{
    attach::{HostPattern, RouteRef, Site, by_frontend},
    dangling, split,
};

/// The program tries at least so many wildcard tables, so that the usual estate never needs a
/// reload for one more.
const MIN_WILDCARD_DEPTH: usize = 3;
/// The program reverses at least so many labels of a host, likewise.
const MIN_HOST_LABELS: usize = 6;

/// Compiles all routes of all sites.
pub(super) fn compile(
    sites: &[Site<'_>],
    backends: &BTreeSet<BackendName>,
    problems: &mut Problems,
) -> Routing {
    let mut writer = Writer { routing: Routing::default(), backends, problems };
    let mut shape = Shape::default();
    for (frontend, sites) in by_frontend(sites) {
        for site in &sites {
            let mut tables: BTreeMap<&HostPattern, Table> = BTreeMap::new();
            for (route, hosts) in &site.routes {
                for (index, rule) in route.route.rules.iter().enumerate() {
                    let target = writer.target(*route, rule);
                    for host in hosts {
                        let table = tables.entry(host).or_default();
                        writer.place(table, *route, index, rule, &target);
                    }
                }
            }
            for (host, table) in &tables {
                writer.write_table(frontend, host, table);
            }
            shape.see(writer.write_hosts(frontend, site, &tables, sites.len() > 1));
        }
    }
    let mut routing = writer.routing;
    routing.wildcard_depth = shape.depth.max(MIN_WILDCARD_DEPTH);
    // One label more than the longest key: a host with a further label must not look like it.
    routing.host_labels = (shape.labels + 1).max(MIN_HOST_LABELS);
    routing
}

/// How large the program must be.
#[derive(Clone, Copy, Default)]
struct Shape {
    depth: usize,
    labels: usize,
}

impl Shape {
    fn see(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.labels = self.labels.max(other.labels);
    }
}

/// The paths of one host.
#[derive(Default)]
struct Table {
    exact: BTreeMap<String, Node>,
    /// By path with exactly one `/` at the end.
    prefixes: BTreeMap<String, Node>,
}

/// What happens to the requests of one path.
#[derive(Clone, Default)]
struct Node {
    methods: BTreeMap<Method, Choice>,
    any: Option<Choice>,
}

/// A target and the rule that chose it.
#[derive(Clone)]
struct Choice {
    target: Arc<str>,
    origin: Origin,
}

impl Table {
    /// What `prefix`, or the longest prefix above it, says. Only called for paths that distinguish
    /// methods, which are few.
    fn above(&self, path: &str, include_self: bool) -> Option<Node> {
        let mut prefix = path.strip_suffix('/').unwrap_or(path);
        if include_self && let Some(node) = self.prefixes.get(&format!("{prefix}/")) {
            return Some(self.resolve(&format!("{prefix}/"), node, false));
        }
        while let Some(cut) = prefix.rfind('/') {
            prefix = &prefix[..cut];
            let key = format!("{prefix}/");
            if let Some(node) = self.prefixes.get(&key) {
                return Some(self.resolve(&key, node, false));
            }
        }
        None
    }

    /// A node with all that it leaves open filled in by the prefixes above it.
    fn resolve(&self, path: &str, node: &Node, include_self: bool) -> Node {
        let mut node = node.clone();
        if node.any.is_none()
            && let Some(above) = self.above(path, include_self)
        {
            for (method, choice) in above.methods {
                node.methods.entry(method).or_insert(choice);
            }
            node.any = above.any;
        }
        node
    }
}

struct Writer<'a> {
    routing: Routing,
    backends: &'a BTreeSet<BackendName>,
    problems: &'a mut Problems,
}

impl Writer<'_> {
    /// The target of a rule: a backend, a split, or a status.
    fn target(&mut self, route: RouteRef<'_>, rule: &Rule) -> Arc<str> {
        let mut weights = Vec::with_capacity(rule.backends.len());
        for choice in &rule.backends {
            let name = choice.backend.value.backend();
            let target = if self.backends.contains(&name) {
                name.to_string()
            } else {
                self.problems.push(dangling(
                    Problem::warning(
                        route.document.location(choice.backend.span),
                        format!(
                            "there is no Backend {name}: its share of requests is answered with 500"
                        ),
                    ),
                    name.as_str(),
                    self.backends.iter().map(ToString::to_string),
                ));
                NO_BACKEND.to_owned()
            };
            weights.push((target, choice.weight));
        }
        let shares = split::shares(weights);
        match shares.as_slice() {
            [] => NO_BACKEND.into(),
            [share] => share.target.as_str().into(),
            shares => {
                let name = split::name(shares);
                for (prefix, target) in split::prefixes(shares) {
                    let entry =
                        Entry { value: target.to_owned(), origin: Some(origin(route, rule)) };
                    self.routing.insert(MapName::Splits, format!("{name}/{prefix}"), entry);
                }
                name.into()
            }
        }
    }

    /// Puts the conditions of a rule into a table. Who comes first stays: routes are compiled in
    /// order of precedence (Gateway API: oldest, then by name, then by the order of rules).
    fn place(
        &mut self,
        table: &mut Table,
        route: RouteRef<'_>,
        rule_index: usize,
        rule: &Rule,
        target: &Arc<str>,
    ) {
        for condition in &rule.matches {
            let node = match &condition.path {
                PathMatch::Exact(path) => table.exact.entry(path.as_str().to_owned()),
                PathMatch::Prefix(path) => {
                    table.prefixes.entry(format!("{}/", path.as_str().trim_end_matches('/')))
                }
            }
            .or_default();
            let choice = Choice { target: Arc::clone(target), origin: origin(route, rule) };
            let taken = match condition.method {
                Some(method) => node.methods.get(&method),
                None => node.any.as_ref(),
            };
            if let Some(taken) = taken {
                self.problems.push(
                    Problem::warning(
                        route.document.location(condition.at),
                        format!(
                            "rule {rule_index} of {} {} never matches: the same requests go to {} already",
                            route.document.kind(),
                            route.document.name,
                            taken.origin
                        ),
                    )
                    .hint("remove one of them, or change its path, method or hostnames"),
                );
                continue;
            }
            match condition.method {
                Some(method) => {
                    node.methods.insert(method, choice);
                }
                None => node.any = Some(choice),
            }
        }
    }

    fn write_table(&mut self, frontend: FrontendName, host: &HostPattern, table: &Table) {
        let host = host.table();
        for (map, nodes) in [(MapName::Exact, &table.exact), (MapName::Prefix, &table.prefixes)] {
            for (path, node) in nodes {
                let key = format!("{frontend}/{host}{path}");
                if let Some(entry) = self.write_node(table, path, node, map) {
                    self.routing.insert(map, key, entry);
                }
            }
        }
    }

    /// The entry of a path: its target, or a table of methods where they differ.
    fn write_node(
        &mut self,
        table: &Table,
        path: &str,
        node: &Node,
        map: MapName,
    ) -> Option<Entry> {
        if node.methods.is_empty() {
            let any = node.any.as_ref()?;
            let entry = Entry { value: any.target.to_string(), origin: Some(any.origin.clone()) };
            return Some(entry);
        }
        let resolved = table.resolve(path, node, map == MapName::Exact);
        let choices: Vec<(&str, &Choice)> = (resolved.methods.iter())
            .map(|(method, choice)| (method.as_str(), choice))
            .chain(resolved.any.as_ref().map(|choice| ("*", choice)))
            .collect();
        let parts = choices.iter().flat_map(|(method, choice)| [*method, &choice.target]);
        let name = format!("method:{}", Digest::of_parts(parts).short());
        for (method, choice) in &choices {
            let entry =
                Entry { value: choice.target.to_string(), origin: Some(choice.origin.clone()) };
            self.routing.insert(MapName::Methods, format!("{name}/{method}"), entry);
        }
        let origin = choices.first().map(|(_, choice)| choice.origin.clone());
        Some(Entry { value: name, origin })
    }

    /// Leads the hosts of a site to its wildcard tables. Where several listeners share the frontend
    /// (`shared`), each one's hosts are led past the tables of the others.
    fn write_hosts(
        &mut self,
        frontend: FrontendName,
        site: &Site<'_>,
        tables: &BTreeMap<&HostPattern, Table>,
        shared: bool,
    ) -> Shape {
        let mut wildcards: Vec<&HostPattern> =
            tables.keys().copied().filter(|host| !matches!(host, HostPattern::Exact(_))).collect();
        // The longest suffix first; `*` has none.
        wildcards.sort_by_key(|host| match host {
            HostPattern::Below(suffix) => std::cmp::Reverse(suffix.len()),
            HostPattern::Any | HostPattern::Exact(_) => std::cmp::Reverse(0),
        });
        let own = site.hosts();
        let mut shape = Shape::default();
        let keys: BTreeSet<&HostPattern> =
            wildcards.iter().copied().chain(shared.then_some(&own)).collect();
        for host in keys {
            let chain: Vec<String> = wildcards
                .iter()
                .filter(|wildcard| wildcard.covers(host))
                .map(|wildcard| wildcard.table())
                .collect();
            let (key, labels) = reversed(host);
            shape.see(Shape { depth: chain.len(), labels });
            let value = if chain.is_empty() {
                NO_TABLES.to_owned()
            } else {
                chain.join(&TABLE_SEPARATOR.to_string())
            };
            let origin = tables
                .get(host)
                .and_then(|table| table.exact.values().chain(table.prefixes.values()).next())
                .and_then(|node| node.methods.values().chain(&node.any).next())
                .map(|choice| choice.origin.clone());
            let key = format!("{frontend}/{key}");
            self.routing.insert(MapName::Hosts, key, Entry { value, origin });
        }
        shape
    }
}

fn origin(route: RouteRef<'_>, rule: &Rule) -> Origin {
    super::origin(route.document, rule.at)
}

/// The key under which a host is looked up from its last label on, and the number of its labels.
/// `*.a.example` is `example.a.`, `a.example` is `example.a/`, all hosts are the empty key.
fn reversed(host: &HostPattern) -> (String, usize) {
    let reverse = |name: &str| {
        let labels: Vec<&str> = name.rsplit('.').collect();
        (labels.join("."), labels.len())
    };
    match host {
        HostPattern::Any => (String::new(), 0),
        HostPattern::Below(suffix) => {
            let (key, labels) = reverse(suffix);
            (format!("{key}."), labels)
        }
        HostPattern::Exact(name) => {
            let (key, labels) = reverse(name);
            (format!("{key}/"), labels)
        }
    }
}
