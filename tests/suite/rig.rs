//! A folder with manifests and a state directory, a gw that is pointed at them, and the HAProxy
//! that serves them.

mod manifests;
mod state;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::{
    manifests::{gateway, web},
    state::State,
};
use crate::support::haproxy::{Haproxy, Mode, base_config};
use crate::support::run::{Gw, Outcome};
use crate::support::versions::Version;

/// One HAProxy with all that belongs to it. Ended and removed when dropped.
pub(crate) struct Rig {
    /// The gw, pointed at this HAProxy by its environment.
    pub(crate) gw: Gw,
    /// Where HAProxy listens for commands, whether it runs or not.
    pub(crate) socket: PathBuf,
    /// The version of HAProxy.
    pub(crate) version: Version,
    /// The operator's own configuration.
    pub(crate) base: String,
    haproxy: Option<Haproxy>,
    // Dropped last: HAProxy lives in it.
    dir: TempDir,
}

impl Rig {
    /// A prepared state directory, and no HAProxy running.
    pub(crate) fn new(version: &Version) -> Self {
        Self::with_base(version, "")
    }

    /// The same with `sections` of the operator's own.
    pub(crate) fn with_base(version: &Version, sections: &str) -> Self {
        let dir = TempDir::new().expect("the temporary folder is writable");
        let path = dir.path();
        let base = base_config(path) + sections;
        let (base_file, socket) = (path.join("base.cfg"), path.join("haproxy.sock"));
        fs::write(&base_file, &base).expect("the test's folder is writable");
        fs::create_dir(path.join("manifests")).expect("the test's folder is writable");
        let gw = Gw::new(path)
            .unguarded()
            .env("GW_SOCKET", &socket)
            .env("GW_MASTER", path.join("master.sock"))
            .env("GW_BASE", &base_file)
            .env("GW_STATE", path.join("state"))
            .env("GW_HAPROXY", &version.binary);
        let version = version.clone();
        let _ = gw.run(&["init"]).ok();
        Self { gw, socket, version, base, haproxy: None, dir }
    }

    /// With an HAProxy that runs on `manifests`, from its start on.
    pub(crate) fn serving(version: &Version, manifests: &str) -> Self {
        let mut rig = Self::new(version);
        rig.write(manifests);
        let _ = rig.apply().ok();
        rig.start();
        rig
    }

    /// Starts HAProxy on the current generation.
    pub(crate) fn start(&mut self) {
        self.start_as(Mode::MasterWorker);
    }

    /// Starts HAProxy on the current generation, with or without a master.
    pub(crate) fn start_as(&mut self, mode: Mode) {
        let current = self.current();
        let haproxy = Haproxy::start(&self.version, self.path(), &self.base, &[&current], mode);
        self.haproxy = Some(haproxy);
    }

    /// Ends HAProxy.
    pub(crate) fn stop(&mut self) {
        self.haproxy = None;
    }

    /// The running HAProxy.
    pub(crate) fn haproxy(&self) -> &Haproxy {
        self.haproxy.as_ref().expect("HAProxy was started")
    }

    /// Where everything lies.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The folder with the manifests.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.path().join("manifests")
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.path().join("state")
    }

    /// The link to the current generation, which HAProxy loads.
    pub(crate) fn current(&self) -> PathBuf {
        self.state_dir().join("current")
    }

    /// The generation that the link leads to; `None` where there is none.
    pub(crate) fn generation(&self) -> Option<PathBuf> {
        fs::read_link(self.current()).ok()
    }

    /// Makes `text` the one and only manifest file.
    pub(crate) fn write(&self, text: &str) {
        self.write_all([("all.yaml", text)]).expect("the test's folder is writable");
    }

    /// Replaces all manifest files by these.
    pub(crate) fn write_all<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> io::Result<()> {
        let folder = self.manifests();
        fs::remove_dir_all(&folder)?;
        fs::create_dir(&folder)?;
        files.into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
    }

    /// Runs `gw apply` with a JSON report.
    pub(crate) fn apply(&self) -> Outcome {
        self.gw.run(&["apply", "manifests", "--yes", "--output", "json"])
    }

    /// Writes `manifests` and applies them; anything but success is a panic. Returns the report.
    pub(crate) fn must_apply(&self, manifests: &str) -> Value {
        self.write(manifests);
        self.apply().ok().json()
    }

    /// Runs `gw plan` with a JSON report and an exit code that tells whether there are changes.
    pub(crate) fn plan(&self) -> Outcome {
        self.gw.run(&["plan", "manifests", "--output", "json", "--exit-code"])
    }

    /// Whether HAProxy and the files are as the manifests say: a plan has no step, and an apply
    /// sends and writes nothing. Returns what contradicts.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let plan = self.plan();
        if plan.code != Some(0) || plan.json()["steps"] != json!([]) {
            return Some(format!("the plan is not empty:\n{}", plan.transcript()));
        }
        let apply = self.apply();
        if apply.code != Some(0) {
            return Some(format!("the second apply failed:\n{}", apply.transcript()));
        }
        let report = apply.json();
        let quiet =
            ["commands_sent", "bytes_written", "reloads"].iter().all(|key| report[key] == 0);
        (!quiet).then(|| format!("the second apply does something:\n{}", apply.transcript()))
    }

    /// Panics unless everything is as the manifests say.
    pub(crate) fn assert_converged(&self) {
        if let Some(contradiction) = self.contradiction() {
            panic!("HAProxy {}: {contradiction}", self.version);
        }
    }

    /// Reads the live state back.
    pub(crate) fn state(&self) -> State {
        State::read(self.haproxy())
    }
}

/// All below a folder, with what tells that it was written.
pub(crate) fn census(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let about = entry.path().symlink_metadata().expect("it is there");
            if about.is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path(), (about.modified().expect("a time"), about.len()));
        }
    }
    found
}
