//! An HAProxy that gw manages, and the folder of manifests that it follows.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::manifest;
use crate::support::client::Client;
use crate::support::connection::Answer;
use crate::support::haproxy::{Haproxy, Mode, base_config};
use crate::support::ports::free_address;
use crate::support::run::{Gw, Outcome};
use crate::support::versions::Version;

/// One HAProxy with its gw.
pub(super) struct Site {
    /// The process.
    pub(super) haproxy: Haproxy,
    /// Where the manifests lie.
    pub(super) manifests: PathBuf,
    /// The state directory.
    pub(super) state: PathBuf,
    /// Where [`Site::gateway`] listens.
    pub(super) http: SocketAddr,
    /// A free place for an HTTPS listener.
    pub(super) https: SocketAddr,
    gw: Gw,
    _dir: TempDir,
}

impl Site {
    /// Prepares the state directory and starts HAProxy on it.
    pub(super) fn start(version: &Version) -> Self {
        let dir = TempDir::new().unwrap();
        let (state, manifests) = (dir.path().join("state"), dir.path().join("manifests"));
        fs::create_dir(&manifests).unwrap();
        let gw = Gw::new(dir.path()).unguarded();
        let _ = gw.clone().env("GW_STATE", &state).run(&["init"]).ok();
        let (base, current) = (base_config(dir.path()), state.join("current"));
        let haproxy = Haproxy::start(version, dir.path(), &base, &[&current], Mode::MasterWorker);
        let gw = gw.using(&haproxy, &state);
        let (http, https) = (free_address(), free_address());
        Self { haproxy, manifests, state, http, https, gw, _dir: dir }
    }

    /// The Gateway that listens at [`Site::http`] for all hosts.
    pub(super) fn gateway(&self) -> Value {
        manifest::gateway("public", &[manifest::http("http", self.http)])
    }

    /// Writes the manifests in place of those that were there.
    pub(super) fn write(&self, documents: &[Value]) {
        let text: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
        fs::write(self.manifests.join("all.yaml"), text).unwrap();
    }

    /// Runs `gw apply` with a report as JSON and `options`.
    pub(super) fn apply(&self, documents: &[Value], options: &[&str]) -> Outcome {
        self.write(documents);
        self.again(options)
    }

    /// The same on the manifests that are there.
    pub(super) fn again(&self, options: &[&str]) -> Outcome {
        let mut arguments = vec!["apply", path(&self.manifests), "--yes", "--output", "json"];
        arguments.extend(options);
        self.gw.run(&arguments)
    }

    /// Applies, which must succeed and leave nothing to do. Returns the report.
    pub(super) fn converge(&self, documents: &[Value]) -> Value {
        let report = self.apply(documents, &[]).ok().json();
        let _ = self.gw.run(&["plan", path(&self.manifests), "--exit-code"]).ok();
        report
    }

    /// Applies as [`Site::converge`] does, which must not take a reload.
    pub(super) fn converge_live(&self, documents: &[Value]) -> Value {
        let report = self.converge(documents);
        assert_eq!(report["reloads"], 0, "{}: {report:#}", self.haproxy.version);
        report
    }

    /// The plan for `documents`.
    pub(super) fn plan(&self, documents: &[Value]) -> Value {
        self.write(documents);
        self.gw.run(&["plan", path(&self.manifests), "--output", "json"]).ok().json()
    }

    /// A client of [`Site::http`].
    pub(super) fn client(&self) -> Client {
        Client::http1(self.http)
    }

    /// Asks at [`Site::http`].
    pub(super) fn get(&self, host: &str, path: &str) -> Answer {
        self.client().get(host, path).unwrap()
    }

    /// What answers there, such as `200 web-1` or `404`.
    pub(super) fn answer(&self, host: &str, path: &str) -> String {
        said(&self.get(host, path))
    }

    /// Whether the process has a server.
    pub(super) fn has_server(&self, backend: &str, server: &str) -> bool {
        let states = self.haproxy.command(&format!("show servers state {backend}"));
        states.lines().any(|line| line.split(' ').nth(3) == Some(server))
    }
}

/// Runs a test that mostly waits on several versions at a time.
pub(super) fn at_once<'a>(
    versions: impl IntoIterator<Item = &'a Version>,
    test: impl Fn(&'a Version) + Sync,
) {
    thread::scope(|scope| {
        let test = &test;
        let running: Vec<_> =
            versions.into_iter().map(|version| scope.spawn(move || test(version))).collect();
        // The panic of one ends the test, with its message, once the others are through.
        let panics: Vec<_> = running.into_iter().filter_map(|one| one.join().err()).collect();
        if let Some(panic) = panics.into_iter().next() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Status and origin.
pub(super) fn said(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    answer.origin().map_or_else(|| status.to_string(), |origin| format!("{status} {origin}"))
}

/// The step of a plan or report about `object`.
pub(super) fn step<'a>(report: &'a Value, object: &str) -> &'a Value {
    let steps = report["steps"].as_array().expect("plans and reports have steps");
    let step = steps.iter().find(|step| step["object"] == object);
    step.unwrap_or_else(|| panic!("no step about {object}: {report:#}"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are UTF-8")
}
