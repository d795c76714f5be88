//! The kind `Backend`: servers, and how HAProxy speaks to them.

use std::{net::IpAddr, time::Duration};

pub use crate::model::ServerState;
use crate::model::{CheckPath, DnsName, FilePath, Located, ServerName, Token};

use super::Method;

/// Servers, and how to speak to them (`gw/v1`, `Backend`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backend {
    /// The servers, with distinct names. May be empty: that is for the guards to judge.
    pub servers: Vec<Server>,
    /// How a server is chosen.
    pub balance: Balance,
    /// What the servers speak.
    pub protocol: ServerProtocol,
    /// TLS to the servers. Always there for [`ServerProtocol::H2`], never for `H2c`.
    pub tls: Option<ServerTls>,
    /// How servers are checked; `None` means not at all.
    pub health_check: Option<HealthCheck>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Keeps a client on its server.
    pub affinity: Option<Affinity>,
    /// How often a failed connection is tried again, 0 to 100.
    pub retries: Option<u32>,
}

/// One server. All its settings can be read back from a running HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name in the backend, made from address and port where the manifest names none.
    pub name: Located<ServerName>,
    /// Its address; never the unspecified one.
    pub address: Located<IpAddr>,
    /// Its port, the backend's `port` where it has none of its own.
    pub port: Located<u16>,
    /// 0 to 256; `None` where the manifest leaves it to gw and to the operator.
    pub weight: Option<Located<u16>>,
    /// Used only when no other server is up, together with the other backups.
    pub backup: bool,
    /// The greatest number of concurrent requests, 1 to 1,000,000; `None` means no limit.
    pub maxconn: Option<Located<u32>>,
    /// `None` where the manifest leaves it to the operator.
    pub state: Option<Located<ServerState>>,
}

/// How a server is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// In turn, with weights fixed at the start: HAProxy can neither add servers nor change weights
    /// at runtime.
    StaticRoundRobin,
    /// The one with the fewest connections.
    LeastConnections,
    /// The first one with a free connection slot.
    First,
    /// The better of two drawn by weight.
    Random,
    /// By the client's address.
    Source(HashType),
    /// By the path.
    Uri(HashType),
    /// By a header's value; in turn where it is missing.
    Header(Token, HashType),
}

/// How a hash becomes a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashType {
    /// A ring: few clients move when servers come and go, and they can do so at runtime.
    #[default]
    Consistent,
    /// A table: even, but all clients move, and no server can be added at runtime.
    MapBased,
}

/// What servers speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerProtocol {
    /// HTTP/1.1, in clear or over TLS.
    #[default]
    Http1,
    /// HTTP/2 in clear, with prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

/// TLS to the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// The server name to send, which is verified too; `None` means `verify_host`, and without that
    /// the host that the client asked for.
    pub sni: Option<Located<DnsName>>,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// The protocols to offer, distinct, at least one; `None` means what the protocol needs.
    pub alpn: Option<Vec<Alpn>>,
    /// The name that the certificate must bear; `None` means the one sent. Never another one than
    /// `sni`.
    pub verify_host: Option<Located<DnsName>>,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that an authority of this PEM file signed.
    CaFile(Located<FilePath>),
    /// Anybody's: encrypted, but not authenticated.
    Insecure,
}

/// A protocol to offer in TLS (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alpn {
    /// `h2`
    H2,
    /// `http/1.1`
    Http11,
}

/// How servers are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub kind: CheckKind,
    /// Time between checks.
    pub interval: Option<Duration>,
    /// Time between checks while the state changes.
    pub fast_interval: Option<Duration>,
    /// Time between checks while the server is down.
    pub down_interval: Option<Duration>,
    /// Good checks until a server is up, 1 to 1,000.
    pub rise: Option<u32>,
    /// Bad checks until a server is down, 1 to 1,000.
    pub fall: Option<u32>,
    /// The port to check where it is not the server's.
    pub port: Option<u16>,
    /// The protocols to offer in the check's TLS.
    pub alpn: Option<Vec<Alpn>>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Does the port accept a connection (and TLS, where the backend has it)?
    Tcp,
    /// Does a request get a good answer?
    Http {
        /// The method; `None` means GET.
        method: Option<Method>,
        /// The path; `None` means `/`.
        path: Option<CheckPath>,
        /// The `Host` header.
        host: Option<DnsName>,
        /// The good status codes; empty means 200 to 399.
        expect: Vec<StatusRange>,
    },
}

/// Status codes from `first` to `last`, both included, 100 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusRange {
    /// The lowest code.
    pub first: u16,
    /// The highest code, not below `first`.
    pub last: u16,
}

/// How long to wait; `None` means gw's default. All from 1 ms to 24 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeouts {
    /// For a connection to a server.
    pub connect: Option<Duration>,
    /// For a server that says nothing.
    pub server: Option<Duration>,
    /// For a free connection slot.
    pub queue: Option<Duration>,
    /// For either side of an upgraded connection, such as a web socket.
    pub tunnel: Option<Duration>,
    /// For the answer to a health check (`timeouts.check` or `healthCheck.timeout`).
    pub check: Option<Duration>,
}

/// Keeps a client on its server by a cookie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Affinity {
    /// The cookie's name.
    pub cookie: Token,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent over TLS only.
    pub secure: bool,
    /// The domain it is valid for; `None` means the host that set it.
    pub domain: Option<DnsName>,
}
