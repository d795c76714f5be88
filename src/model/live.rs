//! What a running HAProxy reported about itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::{digest::Digest, notebook::Note, routing::MapName};

/// The state of one worker process, read over its socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Which process said so. If it is another one by now, all of this is void.
    pub process: Process,
    /// The structure digest of the configuration that it loaded; `None` where it loaded none of
    /// gw's.
    pub structure: Option<String>,
    /// The notebook.
    pub notes: BTreeMap<Note, String>,
    /// The routing maps, by key.
    pub maps: BTreeMap<MapName, BTreeMap<String, LiveEntry>>,
    /// The servers of gw's backends, by backend and name.
    pub backends: BTreeMap<String, BTreeMap<String, LiveServer>>,
    /// Those of gw's backends that requests can't reach yet (3.4).
    pub unpublished: BTreeSet<String>,
    /// Backends that are not gw's.
    pub foreign: BTreeSet<String>,
    /// Certificates by file name: the SHA-1 fingerprint in upper-case hexadecimal.
    pub certificates: BTreeMap<String, String>,
}

impl Live {
    /// A digest of all that somebody set, in whichever process. What HAProxy finds out itself, such
    /// as whether a server is up, is not in it.
    pub fn fingerprint(&self) -> Digest {
        let mut parts = vec![format!("{:?}", self.structure)];
        parts.extend(self.notes.iter().map(|(note, value)| format!("{note} {value}")));
        for (map, entries) in &self.maps {
            let shown = |(key, entry): (&String, &LiveEntry)| {
                format!("{} {key} {} {}", map.file(), entry.value, entry.duplicates.len())
            };
            parts.extend(entries.iter().map(shown));
        }
        for (backend, servers) in &self.backends {
            parts.push(format!("backend {backend} {}", self.unpublished.contains(backend)));
            parts.extend(servers.iter().map(|(name, server)| {
                format!(
                    "server {name} {:?} {} {} {} {:?} {} {} {}",
                    server.address,
                    server.port,
                    server.weight,
                    server.initial_weight,
                    server.maxconn,
                    server.backup,
                    server.maintenance,
                    server.draining,
                )
            }));
        }
        let certificates = &self.certificates;
        parts.extend(certificates.iter().map(|(file, mark)| format!("certificate {file} {mark}")));
        Digest::of_parts(parts)
    }

    /// The entries of one map.
    pub fn map(&self, map: MapName) -> &BTreeMap<String, LiveEntry> {
        static EMPTY: BTreeMap<String, LiveEntry> = BTreeMap::new();
        self.maps.get(&map).unwrap_or(&EMPTY)
    }
}

/// What tells one worker process from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it started, in seconds since the epoch.
    pub started: u64,
    /// Its version, as it prints it.
    pub version: String,
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEntry {
    /// What lookups yield: the value of the first entry with this key.
    pub value: String,
    /// The references of further entries with the same key, which somebody else added.
    pub duplicates: Vec<u64>,
}

impl LiveServer {
    /// Address and port; `None` where it has no address.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.address.map(|address| SocketAddr::new(address, self.port))
    }
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts that HAProxy reports")]
pub struct LiveServer {
    /// `None` for a unix socket or an unresolved name, neither of which gw makes.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// The weight in use.
    pub weight: u16,
    /// The weight that it was born with.
    pub initial_weight: u16,
    /// The most concurrent requests; `None` where unlimited.
    pub maxconn: Option<u32>,
    /// Used only when no other server is up.
    pub backup: bool,
    /// In maintenance.
    pub maintenance: bool,
    /// The file that the process loaded says `disabled`.
    pub disabled_in_file: bool,
    /// Draining by hand (not by weight 0).
    pub draining: bool,
    /// Takes requests as far as its checks are concerned.
    pub up: bool,
    /// Its last health check was good.
    pub check_passed: bool,
    /// It has health checks.
    pub checked: bool,
    /// They are made: those of a server that was made by a command wait for another one.
    pub check_enabled: bool,
}
