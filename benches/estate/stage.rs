//! An estate with its origins, an HAProxy that runs it, and gw.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    estate::Estate,
    support::{
        haproxy::{Haproxy, Mode, base_config},
        origin::Origin,
        ports,
        run::Gw,
        versions::Version,
    },
};

/// No command of gw may take longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// The manifests and the origins to which they lead, with no HAProxy yet.
pub(crate) struct Ground {
    pub(crate) estate: Estate,
    /// Where HAProxy listens for requests.
    pub(crate) front: SocketAddr,
    /// The two places of the estate.
    pub(crate) origins: [Origin; 2],
    pub(crate) dir: TempDir,
}

impl Ground {
    pub(crate) fn new(size: usize) -> Self {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let front = ports::free_address();
        let origins = ["here", "there"].map(Origin::http1_everywhere);
        let ports = [origins[0].port(), origins[1].port()];
        let estate = Estate::new(&dir.path().join("manifests"), size, front.port(), ports);
        Self { estate, front, origins, dir }
    }

    /// gw, in the bench's folder.
    pub(crate) fn gw(&self) -> Gw {
        Gw::new(self.dir.path()).unguarded().patience(PATIENCE)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn manifests(&self) -> String {
        self.estate.root.display().to_string()
    }
}

/// All of it, running and in sync.
pub(crate) struct Stage {
    pub(crate) ground: Ground,
    pub(crate) haproxy: Haproxy,
    pub(crate) gw: Gw,
}

impl Stage {
    /// Writes the manifests, lets gw write what HAProxy is started with, and starts it.
    pub(crate) fn new(version: &Version, size: usize) -> Self {
        let ground = Ground::new(size);
        let dir = ground.dir.path();
        let state = ground.state();
        // Nobody runs yet: the files are put in place for the start.
        let gw = ground
            .gw()
            .env("GW_SOCKET", dir.join("haproxy.sock"))
            .env("GW_MASTER", dir.join("master.sock"))
            .env("GW_STATE", &state)
            .env("GW_HAPROXY", &version.binary);
        let _ = gw.run(&["init"]).ok();
        let _ = gw.run(&["apply", &ground.manifests(), "--yes"]).ok();
        let current = state.join("current");
        let base = base_config(dir);
        let haproxy = Haproxy::start(version, dir, &base, &[&current], Mode::MasterWorker);
        let gw = ground.gw().using(&haproxy, &state);
        Self { ground, haproxy, gw }
    }

    /// `gw apply`, which must succeed. Returns its report.
    pub(crate) fn apply(&self) -> Value {
        self.gw.run(&["apply", &self.ground.manifests(), "--yes", "--output", "json"]).ok().json()
    }

    /// `gw plan`, which must find nothing to do.
    pub(crate) fn plan_nothing(&self) {
        let outcome = self.gw.run(&["plan", &self.ground.manifests(), "--exit-code"]);
        let _ = outcome.ok();
    }
}
