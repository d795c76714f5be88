//! A client that asks once, and a table of requests with what answered each.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::{HeaderMap, Method};
use tokio_rustls::rustls::ClientConfig;

use super::connection::{Answer, Ask, Connection, Failure, Wire};
use super::runtime;

/// A client of one address. Every request has a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    wire: Wire,
    address: SocketAddr,
}

impl Client {
    /// Speaks HTTP/1.1.
    pub(crate) fn http1(address: SocketAddr) -> Self {
        Self { wire: Wire::Http1, address }
    }

    /// Speaks HTTP/2 in the clear.
    pub(crate) fn h2c(address: SocketAddr) -> Self {
        Self { wire: Wire::H2c, address }
    }

    /// Speaks TLS, and what ALPN agrees on; `config` comes from [`super::tls::Authority::client`].
    pub(crate) fn tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self { wire: Wire::Tls(config), address }
    }

    /// Sends a GET.
    pub(crate) fn get(&self, host: &str, path: &str) -> Result<Answer, Failure> {
        self.send(Ask::get(host, path))
    }

    /// Sends any request.
    pub(crate) fn send(&self, ask: Ask) -> Result<Answer, Failure> {
        let Self { wire, address } = self.clone();
        runtime::wait(
            async move { Connection::open(&wire, address, &ask.host).await?.send(&ask).await },
        )
    }

    /// Sends each request of a table `times` times and tells what answered, so that two tables
    /// compare as a whole.
    pub(crate) fn table(&self, asks: &[Ask], times: u32) -> Table {
        let row = |ask: &Ask| {
            let mut answered = BTreeMap::new();
            for _ in 0..times {
                *answered.entry(summary(self.send(ask.clone()))).or_default() += 1;
            }
            (ask.to_string(), answered)
        };
        Table(asks.iter().map(row).collect())
    }
}

impl Ask {
    /// A GET.
    pub(crate) fn get(host: &str, path: &str) -> Self {
        Self::new(Method::GET, host, path)
    }

    /// Any method.
    pub(crate) fn new(method: Method, host: &str, path: &str) -> Self {
        let (host, path) = (host.to_owned(), path.to_owned());
        Self { method, host, path, headers: HeaderMap::new() }
    }

    /// Adds a header. Panics where it is not valid.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().expect("a valid header value"));
        self
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} http://{}{}", self.method, self.host, self.path)
    }
}

/// What answered each of a list of requests, and how often: `200 web-1`, `404`, `no connection: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table(pub(crate) Vec<(String, BTreeMap<String, u32>)>);

impl Table {
    /// All that ever answered, without repetition.
    pub(crate) fn answers(&self) -> Vec<&str> {
        let mut all: Vec<_> =
            self.0.iter().flat_map(|(_, answered)| answered.keys().map(String::as_str)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(ask, _)| ask.len()).max().unwrap_or(0);
        for (ask, answered) in &self.0 {
            let answered: Vec<String> = answered
                .iter()
                .map(|(answer, times)| match times {
                    1 => answer.clone(),
                    _ => format!("{answer} ×{times}"),
                })
                .collect();
            writeln!(f, "{ask:width$}  →  {}", answered.join(", "))?;
        }
        Ok(())
    }
}

fn summary(answer: Result<Answer, Failure>) -> String {
    match answer {
        Ok(answer) => match answer.origin() {
            Some(origin) => format!("{} {origin}", answer.status.as_u16()),
            None => answer.status.as_u16().to_string(),
        },
        Err(failure) => failure.to_string(),
    }
}
