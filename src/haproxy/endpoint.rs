//! Where a socket of HAProxy listens.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A socket of HAProxy: a unix path or `host:port` (`stats socket ipv4@127.0.0.1:9999`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// A TCP socket, `host:port`, the host still unresolved; brackets around an IPv6 address.
    Tcp(String),
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no socket: give a path such as /run/haproxy/admin.sock, or host:port")]
pub struct EndpointError(String);

impl Endpoint {
    /// The path, where it is a unix socket.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp(_) => None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// A text with a `/`, or without a port, is a path. HAProxy's own prefixes are understood, so
    /// that the words of a `stats socket` line can be pasted.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let bad = || EndpointError(text.to_owned());
        if text.is_empty() || text.contains(|c: char| c.is_control()) {
            return Err(bad());
        }
        if let Some(path) = text.strip_prefix("unix@") {
            return if path.is_empty() { Err(bad()) } else { Ok(Self::Unix(path.into())) };
        }
        let inet = ["ipv4@", "ipv6@", "tcp@"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let rest = inet.unwrap_or(text);
        let port = rest.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty()
                && !host.contains('/')
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        match (inet.is_some(), port) {
            (_, true) => Ok(Self::Tcp(rest.to_owned())),
            (true, false) => Err(bad()),
            (false, false) => Ok(Self::Unix(text.into())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_told_apart() {
        for (text, shown, unix) in [
            ("/run/haproxy/admin.sock", "/run/haproxy/admin.sock", true),
            ("admin.sock", "admin.sock", true),
            ("./odd:80/x", "./odd:80/x", true),
            ("unix@/run/a", "/run/a", true),
            ("127.0.0.1:9999", "127.0.0.1:9999", false),
            ("ipv4@127.0.0.1:9999", "127.0.0.1:9999", false),
            ("[::1]:9999", "[::1]:9999", false),
            ("lb.example:9999", "lb.example:9999", false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.path().is_some(), unix, "{text}");
        }
        for bad in ["", "unix@", "ipv4@127.0.0.1", "a\nb"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?} passed");
        }
    }
}
