//! The compiled intent: what HAProxy should run, in HAProxy's terms. Immutable once made.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use sha1::{Digest as _, Sha1};

use super::{
    digest::Digest,
    name::{BackendName, ServerName},
    routing::Routing,
    text::Location,
};

/// All that the manifests ask of one HAProxy.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The sockets that HAProxy listens on, by name.
    pub frontends: BTreeMap<FrontendName, Frontend>,
    /// The contents of the routing maps.
    pub routing: Arc<Routing>,
    /// The backends, by name.
    pub backends: Arc<BTreeMap<BackendName, Arc<Backend>>>,
    /// A profile that is there although no backend may need it now: the one of a backend that says
    /// nothing but its servers, so that such a one can be made at runtime.
    pub default_profile: Option<Arc<Profile>>,
    /// The certificates that frontends serve, by the file name they get in a generation.
    pub certificates: BTreeMap<String, Certificate>,
    /// The files of certificate authorities that profiles name, by file name in a generation.
    pub authorities: BTreeMap<String, Arc<str>>,
}

impl Desired {
    /// The distinct profiles, by name.
    pub fn profiles(&self) -> BTreeMap<&str, &Profile> {
        let used = self.backends.values().map(|backend| &backend.profile);
        let mut profiles = BTreeMap::new();
        let mut last = None;
        for profile in used.chain(&self.default_profile) {
            // Backends that share their settings share the allocation, as a rule.
            if last.replace(Arc::as_ptr(profile)) != Some(Arc::as_ptr(profile)) {
                profiles.insert(profile.name(), &**profile);
            }
        }
        profiles
    }
}

/// What a frontend speaks on its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenerProtocol {
    /// Clear text.
    Http,
    /// TLS, ended here.
    Https,
}

/// The name of a frontend: `http:80`, or `https:10.0.0.1:443` where the Gateway names an address.
/// No manifest object can have this name, since labels hold no colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrontendName {
    /// What it speaks.
    pub protocol: ListenerProtocol,
    /// The address to bind, all of IPv4 where `None`.
    pub address: Option<IpAddr>,
    /// The TCP port to bind.
    pub port: u16,
}

impl fmt::Display for FrontendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            ListenerProtocol::Http => "http:",
            ListenerProtocol::Https => "https:",
        })?;
        if let Some(address) = self.address {
            write!(f, "{address}:")?;
        }
        write!(f, "{}", self.port)
    }
}

/// One socket and what surrounds it. Everything here changes only by a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// The certificates it serves, as keys of [`Desired::certificates`]; the first one is served
    /// to clients whose server name matches none. Empty for clear text.
    pub certificates: Vec<String>,
    /// The Gateways that asked for it, for the comment in the configuration.
    pub origins: Vec<Origin>,
}

/// The manifest object that something was compiled from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Kind and name: `HTTPRoute shop`.
    pub object: Arc<str>,
    /// Where it is written.
    pub at: Location,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.object, self.at.file, self.at.span.line)
    }
}

/// A group of servers that answer the same requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Where it is written.
    pub origin: Origin,
    /// All settings that its servers share.
    pub profile: Arc<Profile>,
    /// The servers, by name.
    pub servers: BTreeMap<ServerName, Server>,
}

impl Backend {
    /// Whether a server has one of the settings that take a dear command to read back.
    pub fn has_limits(&self) -> bool {
        self.servers.values().any(|server| server.maxconn.is_some() || server.backup)
    }
}

/// All settings of a backend but its servers: a named `defaults` section, shared by every backend
/// that has the same. The lines and keywords were escaped when they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The lines of the `defaults` section, in a fixed order.
    pub lines: Vec<String>,
    /// The keywords that each server gets: by `default-server` from the file, spelled out on
    /// `add server`, which `default-server` does not reach.
    pub server_keywords: Vec<String>,
    /// Whether servers are checked, so that a new one waits for its first good check.
    pub checked: bool,
    /// The name of the cookie that binds a client to a server, where there is one.
    pub cookie: Option<String>,
    /// How its balance algorithm takes to servers that come and go at runtime.
    pub balance: BalanceKind,
    name: Arc<str>,
}

/// How a balance algorithm takes to servers that come and go at runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceKind {
    /// It does not matter in which order they came.
    Free,
    /// They have places on a ring, by their ids. So each gets an id that follows from its name:
    /// HAProxy would count them in the order in which they came, and a reload, which counts anew,
    /// would move clients to other servers.
    Ring,
    /// Their order decides, which is by name in the file, but not where one came at runtime.
    Ordered(String),
    /// It takes no servers at runtime (HAProxy manual, `add server`).
    Static(String),
}

impl BalanceKind {
    /// Reads it off the lines of a `defaults` section.
    fn of(lines: &[String]) -> Self {
        let after = |word: &str| lines.iter().find_map(|line| line.strip_prefix(word));
        let algorithm = after("balance ").unwrap_or("roundrobin");
        match (algorithm, after("hash-type ")) {
            (_, Some("consistent")) => Self::Ring,
            (_, Some(kind)) => Self::Static(format!("{algorithm} with hash-type {kind}")),
            ("static-rr", None) => Self::Static(algorithm.to_owned()),
            ("first", None) => Self::Ordered(algorithm.to_owned()),
            (_, None) => Self::Free,
        }
    }

    /// Whether a server can have this weight, where the configuration says `configured`. A static
    /// algorithm takes none but 0 and that one (management guide, `set weight`). By a server state
    /// file it could have a greater one: up to 2.8 HAProxy then writes beyond its map of servers.
    pub fn takes_weight(&self, weight: u16, configured: u16) -> bool {
        !matches!(self, Self::Static(_)) || weight == 0 || weight == configured
    }
}

impl Profile {
    /// Puts a profile together and digests it.
    pub fn new(
        lines: Vec<String>,
        server_keywords: Vec<String>,
        checked: bool,
        cookie: Option<String>,
    ) -> Self {
        let digest = Digest::of_parts(lines.iter().chain(&server_keywords));
        let name = format!("profile:{}", digest.short()).into();
        let balance = BalanceKind::of(&lines);
        Self { lines, server_keywords, checked, cookie, balance, name }
    }

    /// The name of the `defaults` section.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One server. It has only what the runtime socket can read back and change, so that drift shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens. Never a name: HAProxy doesn't resolve those of servers added at runtime.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// Its share of the load, 0 to 256; `None` where the manifest leaves it to HAProxy (1) and so
    /// to the operator.
    pub weight: Option<u16>,
    /// The most concurrent requests, unlimited where `None`.
    pub maxconn: Option<u32>,
    /// Used only when no other server is up.
    pub backup: bool,
    /// The state that the manifest names, `None` where it leaves it to the operator.
    pub state: Option<ServerState>,
}

impl Server {
    /// HAProxy's default weight (manual, `weight`).
    pub const DEFAULT_WEIGHT: u16 = 1;

    /// The weight that HAProxy should use: 0 while drained, as `weight 0` is what a file can say.
    pub fn effective_weight(&self) -> u16 {
        match self.state {
            Some(ServerState::Drain) => 0,
            Some(ServerState::Ready | ServerState::Maintenance) | None => {
                self.weight.unwrap_or(Self::DEFAULT_WEIGHT)
            }
        }
    }

    /// Whether the manifest names what decides the weight, so that a weight set by hand is drift.
    pub fn names_weight(&self) -> bool {
        self.weight.is_some() || self.state == Some(ServerState::Drain)
    }

    /// Whether the manifest takes it out of service.
    pub fn in_maintenance(&self) -> bool {
        self.state == Some(ServerState::Maintenance)
    }
}

/// The administrative state of a server that a manifest can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerState {
    /// In service.
    Ready,
    /// No new clients; those bound to it stay.
    Drain,
    /// Out of service.
    Maintenance,
}

/// A certificate and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Where it is written.
    pub origin: Origin,
    /// Certificate chain, then key. A secret.
    pub pem: Arc<str>,
    /// SHA-1 of the first certificate in upper-case hexadecimal, as `show ssl cert` prints it.
    pub fingerprint: String,
}

impl Certificate {
    /// The fingerprint of a certificate in DER, as `show ssl cert` prints it.
    pub fn fingerprint_of(der: &[u8]) -> String {
        Sha1::digest(der).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
    }

    /// The digest of chain and key, which tells a renewed chain or key from the old one.
    pub fn digest(&self) -> Digest {
        Digest::of(self.pem.as_bytes())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("origin", &self.origin)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
