//! The routing tables: what the maps of the fixed program hold, and how a key ranks.
//!
//! A request is looked up by frontend, host and path. The tables are tried from the most specific
//! host to the least: the exact host, then the wildcards that cover it, longest first, then `*`.
//! In each table an exact path goes before the longest prefix (Gateway API, `HTTPRouteRule`).

use std::collections::BTreeMap;

use super::desired::Origin;

/// The maps that the fixed program looks things up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapName {
    /// Shares of a weighted split → target. Longest prefix of a decimal number.
    Splits,
    /// Method of a path that distinguishes methods → target.
    Methods,
    /// Frontend, host and exact path → target.
    Exact,
    /// Frontend, host and path prefix, up to a `/` → target. Longest prefix.
    Prefix,
    /// Frontend and reversed host → wildcard tables to try, most specific first. Longest prefix.
    Hosts,
}

impl MapName {
    /// All routing maps, in the order in which what they hold must exist.
    pub const ALL: [Self; 5] =
        [Self::Splits, Self::Methods, Self::Exact, Self::Prefix, Self::Hosts];

    /// The file name inside a generation, which is also the name on the runtime socket.
    pub fn file(self) -> &'static str {
        match self {
            Self::Splits => "maps/splits.map",
            Self::Methods => "maps/methods.map",
            Self::Exact => "maps/exact.map",
            Self::Prefix => "maps/prefix.map",
            Self::Hosts => "maps/hosts.map",
        }
    }
}

/// The file name of the notebook: what the socket can't read back, kept in the process itself.
pub const NOTEBOOK: &str = "maps/gw.map";

/// The file name of the note of the revision, apart from the others because it changes most often:
/// a new revision must not write the notes of ten thousand backends again.
pub const REVISION: &str = "maps/revision.map";

/// A value of [`MapName::Hosts`] that leads to no table.
pub const NO_TABLES: &str = "-";

/// The target of requests whose backend does not exist (Gateway API, `HTTPRouteRule.backendRefs`).
pub const NO_BACKEND: &str = "status:500";

/// Between the tables of a value of [`MapName::Hosts`]. Not a comma, which HAProxy's `field` can't
/// be given as its delimiter.
pub const TABLE_SEPARATOR: char = '|';

/// One entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the lookup yields.
    pub value: String,
    /// The manifest object it came from.
    pub origin: Option<Origin>,
}

/// The contents of all routing maps, and the shape of the program that reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    tables: BTreeMap<MapName, BTreeMap<String, Entry>>,
    /// How many wildcard tables a host can have to try.
    pub wildcard_depth: usize,
    /// How many labels the longest key of [`MapName::Hosts`] has.
    pub host_labels: usize,
}

impl Routing {
    /// The entries of one map, by key.
    pub fn table(&self, map: MapName) -> &BTreeMap<String, Entry> {
        static EMPTY: BTreeMap<String, Entry> = BTreeMap::new();
        self.tables.get(&map).unwrap_or(&EMPTY)
    }

    /// Adds an entry, or replaces the one with the same key.
    pub fn insert(&mut self, map: MapName, key: String, entry: Entry) {
        self.tables.entry(map).or_default().insert(key, entry);
    }
}

/// How specific a key is: of all keys that match a request the greatest decides.
///
/// Entries are added from the greatest rank to the least and removed from the least to the
/// greatest: then each request meets its old target or its new one at every moment, never a third.
/// Entries of [`MapName::Hosts`] need more than one move where tables come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Exact hosts before wildcards.
    exact_host: bool,
    /// Longer wildcards before shorter ones.
    host_labels: usize,
    /// Hosts that are new are led to a wildcard's table once it is filled.
    table: bool,
    /// Exact paths before prefixes.
    exact_path: bool,
    /// Longer prefixes before shorter ones.
    path_length: usize,
}

impl Rank {
    /// The rank just above all entries of a wildcard table, such as `*.a.example`.
    pub fn above_table(table: &str) -> Self {
        let labels = table.split('.').filter(|label| !matches!(*label, "" | "*")).count();
        Self {
            exact_host: false,
            host_labels: labels + 1,
            table: false,
            exact_path: false,
            path_length: 0,
        }
    }

    /// The rank of a key of one of the maps by host; the least for the others.
    pub fn of(map: MapName, key: &str) -> Self {
        let (_, rest) = key.split_once('/').unwrap_or(("", key));
        if map == MapName::Hosts {
            let host = rest.trim_end_matches('/');
            let exact_host = rest.ends_with('/');
            let labels = host.split('.').filter(|label| !label.is_empty()).count();
            return Self {
                exact_host,
                // An exact host has one table, and labels don't rank it.
                host_labels: if exact_host { 0 } else { labels },
                table: false,
                exact_path: false,
                path_length: 0,
            };
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let labels = |host: &str| host.split('.').filter(|label| !label.is_empty()).count();
        Self {
            exact_host: !host.starts_with('*'),
            host_labels: host.strip_prefix('*').map_or(0, labels),
            table: true,
            exact_path: map == MapName::Exact,
            path_length: path.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_precedence_of_the_gateway_api() {
        let ranked = [
            (MapName::Exact, "http:80/a.example/x"),
            (MapName::Prefix, "http:80/a.example/x/yz/"),
            (MapName::Prefix, "http:80/a.example/"),
            (MapName::Hosts, "http:80/example.a/"),
            (MapName::Exact, "http:80/*.b.example/x"),
            (MapName::Prefix, "http:80/*.b.example/"),
            (MapName::Hosts, "http:80/example.b."),
            (MapName::Prefix, "http:80/*.example/"),
            (MapName::Hosts, "http:80/example."),
            (MapName::Prefix, "http:80/*/"),
            (MapName::Hosts, "http:80/"),
        ];
        let ranks = ranked.map(|(map, key)| Rank::of(map, key));
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:#?}");
    }
}
