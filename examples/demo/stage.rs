//! What the demo plays on: manifests in a folder, a private HAProxy, and HTTP servers behind it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Outcome;
use crate::report::ApplyReport;
use crate::show;
use crate::support::haproxy::{Haproxy, Mode, base_config};
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::run::Gw;
use crate::support::versions::Version;

/// All files of the quickstart, in reading order.
const FILES: [&str; 3] = ["gateway.yaml", "backends.yaml", "routes.yaml"];

/// The servers that run, by the port that the quickstart and the edits write for them. Those from
/// 8091 on wait for the edit that brings them in.
const SERVERS: [(u16, &str); 6] = [
    (8081, "web-1"),
    (8082, "web-2"),
    (8083, "api-1"),
    (8091, "web-2 (moved)"),
    (8092, "api-2"),
    (8093, "blog-1"),
];

/// The port at which the quickstart's gateway listens.
const ENTRANCE: u16 = 8080;

/// Everything that runs. Ended when dropped.
pub(crate) struct Stage {
    /// Where the gateway listens.
    pub(crate) entrance: SocketAddr,
    /// The HAProxy.
    pub(crate) haproxy: Haproxy,
    manifests: PathBuf,
    gw: Gw,
    /// The free port in place of each that the manifests name.
    ports: BTreeMap<u16, u16>,
    _origins: Vec<Origin>,
}

impl Stage {
    /// Copies the quickstart into `folder`, prepares the state directory and starts everything.
    pub(crate) fn set(folder: &Path, version: &Version) -> Outcome<Self> {
        let origins: Vec<_> = SERVERS.iter().map(|(_, name)| Origin::http1(name)).collect();
        let mut ports: BTreeMap<_, _> = SERVERS
            .iter()
            .zip(&origins)
            .map(|((port, _), origin)| (*port, origin.port()))
            .collect();
        let entrance = free_port();
        ports.insert(ENTRANCE, entrance);

        let manifests = folder.join("manifests");
        copy_quickstart(&manifests, &ports).map_err(|error| format!("the quickstart: {error}"))?;

        let state = folder.join("state");
        let gw = Gw::new(folder).env("GW_STATE", &state);
        let gw = if show::has_colors() { gw.colored() } else { gw };
        let init = gw.run(&["init"]);
        if init.code != Some(0) {
            return Err(init.transcript());
        }
        let (base, current) = (base_config(folder), state.join("current"));
        let haproxy = Haproxy::start(version, folder, &base, &[&current], Mode::MasterWorker);
        let gw = gw.using(&haproxy, &state);
        let entrance = SocketAddr::from((Ipv4Addr::LOCALHOST, entrance));
        Ok(Self { entrance, haproxy, manifests, gw, ports, _origins: origins })
    }

    /// Prints the manifests.
    pub(crate) fn show_manifests(&self) {
        for file in FILES {
            show::file(file, &self.read(file));
        }
    }

    /// The text of a manifest; empty where there is none of that name.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.manifests.join(file)).unwrap_or_default()
    }

    /// Writes a manifest.
    pub(crate) fn write(&self, file: &str, text: &str) -> Outcome {
        fs::write(self.manifests.join(file), text).map_err(|error| format!("{file}: {error}"))
    }

    /// `text` with the ports of this machine in place of those of the quickstart.
    pub(crate) fn localize(&self, text: &str) -> String {
        localize(text, &self.ports)
    }

    /// Runs gw and returns what it said; its failure is the demo's.
    pub(crate) fn gw(&self, arguments: &[&str]) -> Outcome<String> {
        let outcome = self.gw.run(arguments);
        match outcome.code {
            Some(0) => Ok(outcome.stdout + &outcome.stderr),
            _ => Err(outcome.transcript()),
        }
    }

    /// Applies the manifests and returns the report.
    pub(crate) fn apply(&self) -> Outcome<ApplyReport> {
        let start = Instant::now();
        let outcome = self.gw.run(&["apply", "manifests", "--yes", "--output", "json"]);
        let took = start.elapsed();
        if outcome.code != Some(0) {
            return Err(outcome.transcript());
        }
        let report: ApplyReport = serde_json::from_str(&outcome.stdout)
            .map_err(|error| format!("{error} in the report:\n{}", outcome.transcript()))?;
        Ok(ApplyReport { took, ..report })
    }
}

fn copy_quickstart(to: &Path, ports: &BTreeMap<u16, u16>) -> std::io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    fs::create_dir(to)?;
    for file in FILES {
        let text = fs::read_to_string(from.join(file))?;
        fs::write(to.join(file), localize(&text, ports))?;
    }
    Ok(())
}

fn localize(text: &str, ports: &BTreeMap<u16, u16>) -> String {
    ports.iter().fold(text.to_owned(), |text, (written, free)| {
        text.replace(&format!("port: {written}"), &format!("port: {free}"))
            .replace(&format!(":{written}/"), &format!(":{free}/"))
    })
}
