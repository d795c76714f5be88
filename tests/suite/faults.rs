//! What can go wrong around gw: sockets, files, processes. Each time gw says what is the matter and
//! what to do, ends in time with the right code, and leaves what served before serving.

mod certificates;
mod crash;
mod disk;
pub(crate) mod files;
mod peer;
mod refusal;
mod sockets;

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::rig::Rig;
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::run::Outcome;
use crate::support::versions::Version;

/// A site that serves `a.test`, and the manifests to change it.
struct Site {
    rig: Rig,
    port: u16,
    origin: Origin,
    other: Origin,
}

impl Site {
    /// Prepared, with HAProxy not running.
    fn new(version: &Version) -> Self {
        Self::with_base(version, "")
    }

    fn with_base(version: &Version, sections: &str) -> Self {
        let rig = Rig::with_base(version, sections);
        let (origin, other) = (Origin::http1("one"), Origin::http1("two"));
        Self { rig, port: free_port(), origin, other }
    }

    /// Serving its first manifests.
    fn serving(version: &Version) -> Self {
        let mut site = Self::new(version);
        site.begin();
        site
    }

    /// Starts HAProxy on the first manifests.
    fn begin(&mut self) {
        self.rig.write(&self.first());
        let _ = self.rig.apply().ok();
        self.rig.start();
        self.assert_serves();
    }

    fn first(&self) -> String {
        self.manifests(&self.origin, "web", "5s", "")
    }

    /// The same with a server of another address: a change at runtime.
    fn moved(&self) -> String {
        self.manifests(&self.other, "web", "5s", "")
    }

    /// The same with another timeout: a change by reload.
    fn reloading(&self) -> String {
        self.manifests(&self.origin, "web", "6s", "")
    }

    fn manifests(&self, origin: &Origin, backend: &str, timeout: &str, more: &str) -> String {
        let port = self.port;
        let servers = json!([{"name": "s", "address": "127.0.0.1", "port": origin.port()}]);
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec:\n  listeners:\n  - {{name: http, port: {port}, protocol: HTTP}}\n{more}\
             ---\napiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
             spec: {{hosts: [a.test], backend: {backend}}}\n\
             ---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: {backend}}}\n\
             spec: {{servers: {servers}, timeouts: {{server: {timeout}}}}}\n"
        )
    }

    fn client(&self) -> Client {
        Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// Panics unless requests to `a.test` are answered.
    fn assert_serves(&self) {
        let version = &self.rig.version;
        let answer = self.client().get("a.test", "/").expect("HAProxy serves on");
        assert_eq!(answer.status, 200, "HAProxy {version}");
    }

    /// Panics unless `a.test` is answered by that origin.
    fn assert_served_by(&self, name: &str) {
        let version = &self.rig.version;
        let answer = self.client().get("a.test", "/").expect("HAProxy serves on");
        assert_eq!(answer.origin(), Some(name), "HAProxy {version}");
    }
}

/// Panics unless a command failed with that code, in good order, and said these words.
fn assert_says(outcome: &Outcome, code: i32, words: &[&str], told: &str) {
    let transcript = outcome.transcript();
    assert_eq!(outcome.code, Some(code), "{told}: {transcript}");
    assert!(!outcome.stderr.contains("panicked"), "{told}: {transcript}");
    for word in words {
        let said = outcome.stdout.contains(word) || outcome.stderr.contains(word);
        assert!(said, "{told}: no {word:?} in {transcript}");
    }
}
