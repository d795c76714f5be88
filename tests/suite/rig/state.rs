//! What a running HAProxy says of itself, read without any code of gw, as lines of text that can
//! be compared as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::support::golden;
use crate::support::haproxy::Haproxy;

/// The maps that gw keeps but the one of the revision, its notebook last.
const MAPS: [&str; 6] = [
    "maps/splits.map",
    "maps/methods.map",
    "maps/exact.map",
    "maps/prefix.map",
    "maps/hosts.map",
    "maps/gw.map",
];

/// `srv_admin_state` (HAProxy's management guide): maintenance and drain, by whomever.
const MAINTENANCE: u32 = 0x01 | 0x02 | 0x20;
const DRAIN: u32 = 0x08 | 0x10;

/// The live state, but for what no manifest decides: ids, counters, times, and the operational
/// state on the way to the one that lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State(BTreeSet<String>);

impl State {
    /// Asks HAProxy.
    pub(crate) fn read(haproxy: &Haproxy) -> Self {
        let mut lines = BTreeSet::new();
        let backends = haproxy.command("show backend");
        lines.extend(
            backends
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(|name| format!("backend {name}")),
        );
        let statistics = statistics(haproxy, &mut lines);
        let servers = servers(haproxy, &statistics, &mut lines);
        for map in MAPS {
            entries(haproxy, map, &servers, &mut lines);
        }
        certificates(haproxy, &mut lines);
        Self(lines)
    }

    /// The state with each port of `from` as that of `to`: as another HAProxy on the same manifests
    /// with other ports would have it.
    pub(crate) fn with_ports(&self, from: &[u16], to: &[u16]) -> Self {
        let renamed = |line: &String| {
            from.iter().zip(to).fold(line.clone(), |line, (from, to)| {
                line.replace(&format!(":{from}"), &format!(":{to}"))
            })
        };
        Self(self.0.iter().map(renamed).collect())
    }

    /// All lines that begin with `prefix`, without it.
    pub(crate) fn of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |line| line.strip_prefix(prefix))
    }

    /// The unified diff from `self` to `other`.
    pub(crate) fn diff(&self, other: &Self, own: &str, others: &str) -> String {
        golden::diff(&self.to_string(), &other.to_string(), own, others)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Rows of a table by column name. `separator` is what HAProxy puts between columns.
fn rows(text: &str, separator: char) -> Vec<BTreeMap<&str, &str>> {
    let mut header: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(names) = line.strip_prefix('#') {
            header = names.trim_start().split(separator).collect();
        } else if line.contains(separator) {
            rows.push(header.iter().copied().zip(line.split(separator)).collect());
        }
    }
    rows
}

/// What only the statistics tell of a server: its limit, and whether it is up.
fn statistics(haproxy: &Haproxy, lines: &mut BTreeSet<String>) -> BTreeMap<String, String> {
    let text = haproxy.command("show stat");
    let mut servers = BTreeMap::new();
    for row in rows(&text, ',') {
        let (proxy, name) = (row["pxname"], row["svname"]);
        if name == "FRONTEND" && proxy != "GLOBAL" {
            lines.insert(format!("frontend {proxy} {}", row["status"]));
        } else if !matches!(name, "FRONTEND" | "BACKEND") {
            // `UP 1/3` is on its way to `UP`.
            let status = row["status"].split(' ').next().unwrap_or_default();
            let backup = row["bck"] == "1";
            let says = format!("maxconn={} backup={backup} status={status}", row["slim"]);
            servers.insert(format!("{proxy}/{name}"), says);
        }
    }
    servers
}

/// The names of the servers.
fn servers(
    haproxy: &Haproxy,
    statistics: &BTreeMap<String, String>,
    lines: &mut BTreeSet<String>,
) -> BTreeSet<String> {
    let text = haproxy.command("show servers state");
    let mut names = BTreeSet::new();
    for row in rows(&text, ' ') {
        let name = format!("{}/{}", row["be_name"], row["srv_name"]);
        let admin: u32 = row["srv_admin_state"].parse().expect("a number");
        let mut line = format!(
            "server {name} {}:{} weight={} maint={} drain={} tls={} check-port={}",
            row["srv_addr"],
            row["srv_port"],
            row["srv_uweight"],
            admin & MAINTENANCE != 0,
            admin & DRAIN != 0,
            row["srv_use_ssl"],
            row["srv_check_port"],
        );
        line.push(' ');
        line.push_str(statistics.get(&name).map_or("without statistics", String::as_str));
        lines.insert(line);
        names.insert(name);
    }
    names
}

/// The entries of a map. Of the notebook only what is about the present: it also remembers what gw
/// did to servers that are there, and that is no part of the goal.
fn entries(haproxy: &Haproxy, map: &str, servers: &BTreeSet<String>, lines: &mut BTreeSet<String>) {
    let text = haproxy.command(&format!("show map {map}"));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("0x")) {
        let entry = line.split_once(' ').map_or("", |(_, entry)| entry);
        let key = entry.split(' ').next().unwrap_or_default();
        let server = key.strip_prefix("server/").or(key.strip_prefix("weight/"));
        let is_past =
            key.starts_with("profile:") || server.is_some_and(|name| servers.contains(name));
        if map == "maps/gw.map" && is_past {
            continue;
        }
        let times = seen.entry(format!("map {map} {entry}")).or_default();
        *times += 1;
    }
    lines.extend(seen.into_iter().map(|(entry, times)| match times {
        1 => entry,
        _ => format!("{entry} ({times} times)"),
    }));
}

fn certificates(haproxy: &Haproxy, lines: &mut BTreeSet<String>) {
    let names = haproxy.command("show ssl cert");
    for name in names.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let detail = haproxy.command(&format!("show ssl cert {name}"));
        let print = detail.lines().find_map(|line| line.strip_prefix("SHA1 FingerPrint: "));
        lines.insert(format!("certificate {name} {}", print.unwrap_or("?")));
    }
}
