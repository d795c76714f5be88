//! A repository that `gw watch` follows through all that may happen to its server.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::backend;
use crate::rig::{Rig, web};
use crate::support::clock;
use crate::support::git::{
    Upstream,
    http::{Http, Manner},
};
use crate::support::ports::{free_address, free_port};
use crate::support::process::Process;
use crate::support::versions::newest;
use crate::support::webhook;

/// How long anything may take that is tried again after seconds.
const SOON: Duration = Duration::from_secs(30);
/// For how long HAProxy is looked at where nothing may happen: two polls and more.
const WHILE: Duration = Duration::from_millis(2500);

/// A repository at a server, and an HAProxy whose `gw watch` follows it.
struct Site {
    rig: Rig,
    upstream: Upstream,
    /// Where HAProxy listens, and gw.
    ports: [u16; 2],
}

impl Site {
    /// With one commit, and `more` settings.
    fn new(url: impl FnOnce(&Upstream) -> String, source: Value, more: &Value) -> Self {
        let mut rig = Rig::new(newest());
        rig.start();
        let upstream = Upstream::new(rig.path());
        let mut settings = json!({
            "source": {"git": url(&upstream)},
            "watch": {"poll": "1s"},
            "healthGate": {"period": "off"},
        });
        let merge = |to: &mut Value, from: Value| {
            let (to, from) = (to.as_object_mut(), from.as_object().cloned());
            to.expect("a mapping").extend(from.expect("a mapping"));
        };
        merge(&mut settings["source"], source);
        merge(&mut settings, more.clone());
        let path = rig.path().join("watch.yaml");
        fs::write(&path, settings.to_string()).unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", path);
        let site = Self { rig, upstream, ports: [free_port(), free_port()] };
        site.push(81);
        site
    }

    fn watch(&self) -> Process {
        let watch =
            self.rig.gw.start(&["watch", "--http", &format!("127.0.0.1:{}", self.ports[1])]);
        watch.wait_for_log("Watching", SOON);
        watch
    }

    /// Pushes a commit that wants this port for the one server.
    fn push(&self, port: u16) -> String {
        self.upstream.write("all.yaml", web(self.ports[0], port, ""));
        self.upstream.push(&format!("Port {port}"))
    }

    /// The server's port in HAProxy.
    fn has(&self, port: u16) -> bool {
        let state = self.rig.haproxy().command("show servers state web");
        state.contains(&format!(" {port} "))
    }

    fn get(&self, path: &str) -> String {
        webhook::get(self.ports[1], path).unwrap_or_default()
    }

    fn source(&self) -> Value {
        let status: Value = serde_json::from_str(&self.get("/v1/status")).unwrap_or_default();
        status["source"].clone()
    }

    #[track_caller]
    fn eventually(&self, watch: &Process, what: &str, is: impl FnMut() -> bool) {
        let is_so = clock::eventually(SOON, is);
        assert!(is_so, "never {what}\n{}\n{}", self.source(), watch.log());
    }

    /// Waits until a commit is live and the server is well.
    #[track_caller]
    fn assert_reached(&self, watch: &Process, port: u16) {
        let is_so = || self.has(port) && self.source()["failure"].is_null();
        self.eventually(watch, &format!("at {port}"), is_so);
    }

    /// Waits until `/v1/status` says why there is nothing to follow, and sees that nothing changes.
    #[track_caller]
    fn assert_stays(&self, watch: &Process, port: u16, why: &str) {
        let says = || self.source()["failure"].as_str().is_some_and(|told| told.contains(why));
        self.eventually(watch, why, says);
        let changes = clock::eventually(WHILE, || !self.has(port));
        assert!(!changes, "{why}\n{}", watch.log());
    }
}

#[test]
fn it_goes_on_after_all_that_may_happen_to_a_server() {
    let address = free_address();
    let serve = |root: &PathBuf, manner| Http::start_at(address, root, manner, None);
    let source = json!({"auth": {"username": "gw", "passwordFile": "password"}, "ref": "main",
                        "forcedPush": "refuse"});
    let url = |_: &Upstream| format!("http://localhost:{}/site.git", address.port());
    let site = Site::new(url, source, &json!({}));
    let root = &site.upstream.root;
    let password = site.rig.path().join("password");
    fs::write(&password, "right").unwrap();
    let right = || Manner::Basic("gw:right".to_owned());
    let server = serve(root, right());
    let _ = site.rig.gw.run(&["apply", "--yes"]).ok();
    assert!(site.has(81));

    // Down at the start: the last good commit goes live.
    drop(server);
    let moved = site.rig.haproxy().command("set server web/s addr 127.0.0.1 port 7");
    assert!(moved.contains("changed from"), "{moved}");
    let watch = site.watch();
    site.eventually(&watch, "at the last good commit", || site.has(81));
    site.assert_stays(&watch, 81, "can't be reached");
    let told = site.source();
    assert!(told["answered"].is_null() && told["revision"].is_null(), "{told}");

    // It comes back with something newer, and goes away again.
    site.push(82);
    let server = serve(root, right());
    site.assert_reached(&watch, 82);
    drop(server);
    site.assert_stays(&watch, 82, "can't be reached");
    let told = site.source();
    assert!(told["answered"].is_string() && told["revision"].is_string(), "{told}");
    let age = || {
        let metrics = site.get("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix("gw_source_age_seconds "));
        line.and_then(|age| age.parse().ok()).unwrap_or(0.0)
    };
    site.eventually(&watch, "two seconds old", || age() > 2.0);

    // It dies in the middle of what it sends.
    site.push(83);
    let server = serve(root, Manner::Lossy);
    site.assert_stays(&watch, 82, "EOF");
    server.set(right());
    site.assert_reached(&watch, 83);

    // Another password, and the right one again.
    server.set(Manner::Basic("gw:other".to_owned()));
    site.push(84);
    site.assert_stays(&watch, 83, "refuses access");
    fs::write(&password, "other").unwrap();
    site.assert_reached(&watch, 84);

    // The branch is deleted, then all of them.
    let bare = site.upstream.bare.to_str().expect("UTF-8");
    let at_server = |arguments: &[&str]| {
        let _ = site.upstream.run(&[&["--git-dir", bare][..], arguments].concat());
    };
    at_server(&["branch", "other", "main"]);
    at_server(&["update-ref", "-d", "refs/heads/main"]);
    site.assert_stays(&watch, 84, "no branch or tag main");
    site.push(85);
    site.assert_reached(&watch, 85);
    at_server(&["update-ref", "-d", "refs/heads/main"]);
    at_server(&["update-ref", "-d", "refs/heads/other"]);
    site.assert_stays(&watch, 85, "is empty");
    let good = site.push(86);
    site.assert_reached(&watch, 86);

    // History that was rewritten is refused, and followed again from where it goes on.
    let _ = site.upstream.run(&["reset", "--quiet", "--hard", "HEAD~1"]);
    site.push(87);
    site.assert_stays(&watch, 86, "history was rewritten");
    let _ = site.upstream.run(&["reset", "--quiet", "--hard", &good]);
    site.push(88);
    site.assert_reached(&watch, 88);
}

#[test]
fn a_revision_with_a_mistake_is_refused_as_a_whole_where_that_is_wanted() {
    let more = json!({"badManifests": "revision"});
    let site = Site::new(Upstream::url, json!({}), &more);
    let watch = site.watch();
    site.assert_reached(&watch, 81);
    let slip = backend("api", 90).replace("port: 90", "port: 99999");
    site.upstream.write("more.yaml", slip);
    let bad = site.push(82);
    let tried = || {
        let status: Value = serde_json::from_str(&site.get("/v1/status")).unwrap_or_default();
        let revision = status["attempted"]["revision"].as_str().map(str::to_owned);
        revision.is_some_and(|revision| bad.starts_with(&revision))
    };
    site.eventually(&watch, "tried", tried);
    assert!(watch.log().contains("99999"), "{}", watch.log());
    let changes = || !site.has(81) || site.rig.haproxy().command("show backend").contains("api");
    assert!(!clock::eventually(WHILE, changes), "{}", watch.log());
    site.upstream.write("more.yaml", backend("api", 90));
    site.push(83);
    site.assert_reached(&watch, 83);
}
