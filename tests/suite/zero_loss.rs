//! Requests under load while gw applies: none may fail, whatever is changed and by whichever means.
//!
//! HAProxy itself may close an idle HTTP/1.1 connection just as its client uses it again, when a
//! worker retires. Clients try again, and the load counts it apart; a reload by gw must not do that
//! more often than a bare one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::Rig;
use crate::support::connection::{Ask, Wire};
use crate::support::load::{Load, Report, Running};
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::tls::{Authority, H2_FIRST};
use crate::support::versions::{Version, versions};

/// So many applies with a reload, and as many bare reloads to compare with.
const RELOADS: u32 = 10;
/// So many applies without.
const APPLIES: u32 = 20;
/// So many requests pass between two changes.
const BETWEEN: u64 = 40;

/// A site under load.
struct Site {
    rig: Rig,
    http: u16,
    https: u16,
    origins: Vec<Origin>,
    certificates: [String; 2],
    authority: Authority,
    _dir: TempDir,
}

/// What differs from one set of manifests to the next.
#[derive(Clone, Copy, Default)]
struct Change {
    /// Which of the four origins are servers, as bits.
    servers: u32,
    /// The share of the second backend.
    share: u32,
    /// A route, and where it is a backend, that comes and goes.
    extra: bool,
    /// Which certificate.
    certificate: usize,
    /// The timeout, which takes a reload.
    timeout: u32,
}

impl Site {
    fn new(version: &Version) -> Self {
        let dir = TempDir::new().expect("the temporary folder is writable");
        let authority = Authority::new(dir.path());
        let text = |path: &Path| path.display().to_string();
        let issue = |name| text(&authority.issue(name, &["a.test", "split.test"]).bundle);
        let certificates = ["site-0", "site-1"].map(issue);
        let origins = ["o0", "o1", "o2", "o3"].map(Origin::http1).into();
        let rig = Rig::new(version);
        let (http, https) = (free_port(), free_port());
        let mut site = Self { rig, http, https, origins, certificates, authority, _dir: dir };
        let _ = site.rig.must_apply(&site.manifests(Change { servers: 1, ..Change::default() }));
        site.rig.start();
        site
    }

    fn manifests(&self, change: Change) -> String {
        let Change { servers, share, extra, certificate, timeout } = change;
        let chosen = self.origins.iter().zip(0..).filter(|(_, bit)| servers & (1 << bit) != 0);
        let chosen: Vec<Value> = chosen
            .map(|(origin, _)| {
                json!({"name": origin.name(), "address": "127.0.0.1", "port": origin.port()})
            })
            .collect();
        let check = json!({"path": "/healthz", "interval": "200ms", "fall": 10});
        let fixed = json!([{
            "name": "fixed", "address": "127.0.0.1", "port": self.origins[0].port(),
        }]);
        let listener = |name: &str, port: u16, tls: &str| {
            let protocol = if tls.is_empty() { "HTTP" } else { "HTTPS" };
            format!("  - {{name: {name}, port: {port}, protocol: {protocol}{tls}}}\n")
        };
        let tls = ", tls: {certificateRefs: [{name: site}]}";
        let mut text = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec:\n  listeners:\n{}{}---\n\
             apiVersion: gw/v1\nkind: Certificate\nmetadata: {{name: site}}\n\
             spec: {{file: {}}}\n---\n\
             apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
             spec: {{servers: {}, healthCheck: {check}, timeouts: {{server: {}s}}}}\n---\n\
             apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: fixed}}\n\
             spec: {{servers: {fixed}}}\n---\n\
             apiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
             spec: {{hosts: [a.test], backend: web}}\n---\n\
             apiVersion: gw/v1\nkind: Route\nmetadata: {{name: split}}\n\
             spec: {{hosts: ['*.test'], backends: [{{name: web, weight: 10}}, {{name: fixed, weight: {share}}}]}}\n",
            listener("http", self.http, ""),
            listener("https", self.https, tls),
            self.certificates[certificate],
            Value::from(chosen),
            10 + timeout,
        );
        if extra {
            text += "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: extra}\n\
                     spec: {hosts: [a.test], path: /extra, backend: fixed}\n";
        }
        text
    }

    /// Starts load of all kinds.
    fn load(&self) -> [Running; 2] {
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let asks = || {
            vec![
                Ask::get("a.test", "/"),
                Ask::get("split.test", "/x"),
                Ask::get("a.test", "/extra/y"),
            ]
        };
        let longest = Duration::from_secs(300);
        let clear = Load { longest, http2: 0, ..Load::default() };
        let secure = Load { longest, keep_alive: 0, fresh: 0, ..Load::default() };
        let config = self.authority.client(H2_FIRST);
        [
            clear.start(at(self.http), asks()),
            secure.start_over(Wire::Tls(config), at(self.https), asks()),
        ]
    }

    /// Makes one change after the other under load; the sum of what the load saw.
    fn under_load(&self, count: u32, mut change: impl FnMut(u32)) -> [Report; 2] {
        let load = self.load();
        wait(&load);
        for number in 0..count {
            change(number);
            wait(&load);
        }
        load.map(Running::stop)
    }

    /// Panics where a request failed.
    fn assert_no_loss(&self, what: &str, reports: &[Report; 2]) {
        for (kind, report) in ["HTTP/1.1", "HTTP/2 over TLS"].iter().zip(reports) {
            println!("HAProxy {}, {what}, {kind}: {report}", self.rig.version);
            report.assert_no_failure();
        }
    }
}

/// Waits until each load made some more requests.
fn wait(load: &[Running]) {
    for one in load {
        one.wait_for(BETWEEN);
    }
}

#[test]
fn applies_without_reload_lose_no_request() {
    for version in versions() {
        let site = Site::new(version);
        let mut pending = 0;
        let reports = site.under_load(APPLIES, |number| {
            // All servers come and go, at least one stays each time.
            let servers = [0b0001, 0b0011, 0b0010, 0b1110, 0b1100][number as usize % 5];
            let change = Change {
                servers,
                share: [0, 10, 1][number as usize % 3],
                extra: number % 2 == 1,
                certificate: (number as usize / 2) % 2,
                timeout: 0,
            };
            site.rig.write(&site.manifests(change));
            let arguments =
                ["apply", "manifests", "--yes", "--output", "json", "--removal-timeout", "1s"];
            let outcome = site.rig.gw.run(&arguments);
            // Under load a server may keep connections for a while; the next apply deletes it.
            assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.transcript());
            assert_eq!(outcome.json()["reloads"], 0, "HAProxy {version}: {}", outcome.transcript());
            pending += u32::from(outcome.code == Some(3));
        });
        println!("HAProxy {version}: {pending} of {APPLIES} applies left a removal to the next");
        site.assert_no_loss("applies at runtime", &reports);
        let closed = reports[0].keep_alive_closed;
        assert_eq!(closed, 0, "HAProxy {version}: idle connections closed without a reload");
        let patient = ["apply", "manifests", "--yes", "--removal-timeout", "20s"];
        let _ = site.rig.gw.run(&patient).ok();
        site.rig.assert_converged();
    }
}

#[test]
fn applies_with_reload_lose_no_more_than_a_bare_reload() {
    for version in versions() {
        let site = Site::new(version);
        let bare = site.under_load(RELOADS, |_| site.rig.haproxy().reload());
        site.assert_no_loss("bare reloads", &bare);
        let ours = site.under_load(RELOADS, |number| {
            let change = Change {
                servers: [0b0011, 0b0110, 0b1100, 0b1001][number as usize % 4],
                share: number % 3,
                extra: number % 2 == 1,
                certificate: number as usize % 2,
                timeout: 1 + number,
            };
            let report = site.rig.must_apply(&site.manifests(change));
            assert_eq!(report["reloads"], 1, "HAProxy {version}: {report}");
        });
        site.assert_no_loss("applies with a reload", &ours);
        let (bare, ours) = (bare[0].keep_alive_closed, ours[0].keep_alive_closed);
        // A race of HAProxy's own: some luck is allowed for.
        assert!(ours <= bare + 4, "HAProxy {version}: {ours} idle connections closed, {bare} bare");
        site.rig.assert_converged();
    }
}
