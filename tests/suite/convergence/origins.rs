//! The servers behind all sets: a few of each kind, shared by all pairs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::model::Speaks;
use super::pools::{HOSTS, OTHER_HOSTS};
use super::table::BELOW;
use crate::support::connection::Wire;
use crate::support::origin::Origin;
use crate::support::tls::{Authority, H2_FIRST, HTTP1_ONLY};

/// How many servers there are of each kind.
pub(super) const POOL: usize = 5;

/// Running servers and the certificates around them.
pub(crate) struct Origins {
    http1: Vec<Origin>,
    h2c: Vec<Origin>,
    tls: Vec<Origin>,
    authority: Authority,
    certificates: [PathBuf; 2],
    _dir: TempDir,
}

impl Origins {
    pub(crate) fn start() -> Self {
        let dir = TempDir::new().expect("the temporary folder is writable");
        let authority = Authority::new(dir.path());
        let back = authority.issue("back", &["back.test"]);
        let hosts = hosts();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let certificates = ["site-0", "site-1"].map(|name| authority.issue(name, &hosts).bundle);
        let all = |kind: &str, start: &dyn Fn(&str) -> Origin| {
            (0..POOL).map(|number| start(&format!("{kind}-{number}"))).collect()
        };
        Self {
            http1: all("h1", &Origin::http1),
            h2c: all("h2c", &Origin::h2c),
            tls: all("tls", &|name| Origin::tls(name, back.server(H2_FIRST))),
            authority,
            certificates,
            _dir: dir,
        }
    }

    fn of(&self, speaks: Speaks) -> &[Origin] {
        match speaks {
            Speaks::Http1 => &self.http1,
            Speaks::H2c => &self.h2c,
            Speaks::H2 | Speaks::Https => &self.tls,
        }
    }

    /// Where one listens.
    pub(super) fn address(&self, speaks: Speaks, number: usize) -> SocketAddr {
        self.of(speaks)[number].address
    }

    /// What it calls itself.
    pub(super) fn name(&self, speaks: Speaks, number: usize) -> &str {
        self.of(speaks)[number].name()
    }

    /// The file with the authority of the servers' certificates.
    pub(super) fn authority(&self) -> &Path {
        &self.authority.file
    }

    /// The file with one of the two certificates of listeners.
    pub(super) fn certificate(&self, number: usize) -> &Path {
        &self.certificates[number]
    }

    /// What clients of HTTPS listeners speak.
    pub(super) fn tls(&self) -> Wire {
        Wire::Tls(self.authority.client(HTTP1_ONLY))
    }
}

/// All hosts that are asked for over TLS.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = OTHER_HOSTS.map(str::to_owned).to_vec();
    for host in HOSTS {
        match host.strip_prefix('*') {
            Some(suffix) => hosts.extend(BELOW.map(|label| format!("{label}{suffix}"))),
            None => hosts.push(host.to_owned()),
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}
