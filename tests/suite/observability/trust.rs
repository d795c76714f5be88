//! Commits that are pushed while gw follows: what is signed as it must be goes live, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::{SOON, Watch, manifests};
use crate::support::git::{Upstream, ssh::keygen};
use crate::support::ports::free_port;
use crate::support::versions::newest;

/// A home of GnuPG, away from that of whoever runs the tests.
struct Gpg(PathBuf);

impl Gpg {
    fn new(folder: &Path) -> Self {
        let home = folder.join("gpg");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        Self(home)
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let fixed = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
        let mut gpg = Command::new("gpg");
        let gpg = gpg.arg("--homedir").arg(&self.0).args(fixed).args(arguments);
        let output = gpg.output().expect("tests/setup.sh installs gpg");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        output.stdout
    }

    /// Makes a key that signs.
    fn key(&self, user: &str) -> String {
        self.run(&["--quick-generate-key", user, "ed25519", "sign,cert", "never"]);
        user.to_owned()
    }

    /// The program that Git runs.
    fn program(&self) -> String {
        let path = self.0.join("program");
        let home = self.0.display();
        fs::write(&path, format!("#!/bin/sh\nexec gpg --homedir {home} \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Gpg {
    /// Ends the agent that GnuPG started.
    fn drop(&mut self) {
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(&self.0).args(["--kill", "all"]).output();
    }
}

/// Follows a repository whose head must be signed, and pushes what `good` signed, what nobody signed,
/// what `bad` signed, and what `good` signed again.
fn follows_only_what_is_signed(upstream: &Upstream, verify: &str, good: &str, bad: &str) {
    let port = free_port();
    let push = |key: Option<&str>, server: u16| {
        let sign = if key.is_some() { "true" } else { "false" };
        upstream.run(&["config", "commit.gpgsign", sign]);
        if let Some(key) = key {
            upstream.run(&["config", "user.signingkey", key]);
        }
        upstream.write("all.yaml", manifests(port, server, "60s")).push("Another server")
    };
    let first = push(Some(good), 10);
    let url = upstream.url();
    let mut watch = Watch::start_on(&[], newest(), &[], |rig| {
        let config = rig.path().join("gw.yaml");
        let text = format!(
            "source: {{git: '{url}', verify: {verify}}}\nwatch: {{poll: 1s}}\n\
             healthGate: {{period: off}}\n"
        );
        fs::write(&config, text).unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
    });
    let runs = |watch: &Watch, commit: &str| {
        let applied = watch.json("/v1/status")["applied"]["revision"].clone();
        applied.as_str().is_some_and(|revision| commit.starts_with(revision))
    };
    let why = |watch: &Watch| {
        let status = watch.json("/v1/status");
        let conditions = status["conditions"].as_array().expect("a list").iter();
        let mut found = conditions.filter(|condition| condition["type"] == "SourceVerified");
        found.next().expect("it is there")["message"].as_str().expect("a text").to_owned()
    };
    let state = |watch: &Watch| watch.rig.haproxy().command("show servers state web");
    watch.eventually("runs what is signed", || runs(&watch, &first));
    assert_eq!(watch.condition("SourceVerified"), "True/Verified");

    for (key, reason) in [(None, "it is not signed"), (Some(bad), "which is not allowed")] {
        push(key, 11);
        watch.eventually(reason, || why(&watch).contains(reason));
        assert_eq!(watch.condition("SourceVerified"), "False/Unverified");
        assert_eq!(watch.metric("gw_source_verified"), Some(0.0));
        assert!(watch.metric("gw_source_fetch_total{result=\"untrusted\"}") >= Some(1.0));
        assert_eq!(watch.metric("gw_source_fetch_total{result=\"failed\"}"), None);
        assert!(runs(&watch, &first) && state(&watch).contains(" 10 "), "{}", watch.gw.log());
    }

    let last = push(Some(good), 12);
    watch.eventually("runs what is signed again", || runs(&watch, &last));
    assert_eq!(watch.condition("SourceVerified"), "True/Verified");
    assert!(state(&watch).contains(" 12 "), "{}", watch.gw.log());
    let lag = watch.metric("gw_commit_lag_seconds").expect("it was applied");
    assert!((0.0..60.0).contains(&lag), "{lag}");

    // A start without the server.
    watch.gw.signal(Signal::TERM);
    assert!(watch.gw.wait(SOON).is_some(), "{}", watch.gw.log());
    fs::rename(&upstream.bare, upstream.bare.with_extension("away")).unwrap();
    let address = format!("127.0.0.1:{}", watch.http);
    watch.gw = watch.rig.gw.start(&["watch", "--http", &address]);
    watch.gw.wait_for_log("Watching", SOON);
    assert_eq!(watch.condition("SourceVerified"), "True/LastGood");
    assert_eq!(watch.metric("gw_source_verified"), Some(1.0));
}

#[test]
fn ssh_signatures_decide_what_goes_live() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::new(folder.path());
    upstream.run(&["config", "gpg.format", "ssh"]);
    let [ann, eve] = ["ann", "eve"].map(|name| folder.path().join(name));
    keygen(&ann, "ed25519");
    keygen(&eve, "ed25519");
    let public = fs::read_to_string(ann.with_extension("pub")).unwrap();
    let signers = folder.path().join("signers");
    fs::write(&signers, format!("ann@example.org {public}")).unwrap();
    let verify = format!("{{mode: head, allowedSigners: {}}}", signers.display());
    let [ann, eve] = [&ann, &eve].map(|path| path.to_str().expect("UTF-8"));
    follows_only_what_is_signed(&upstream, &verify, ann, eve);
}

#[test]
fn openpgp_signatures_decide_what_goes_live() {
    // In /tmp, because the path of the agent's socket must be short.
    let folder = tempfile::Builder::new().prefix("gw-gpg-").tempdir_in("/tmp").unwrap();
    let gpg = Gpg::new(folder.path());
    let upstream = Upstream::new(folder.path());
    upstream.run(&["config", "gpg.program", &gpg.program()]);
    let (ann, eve) = (gpg.key("ann@example.org"), gpg.key("eve@example.org"));
    let keyring = folder.path().join("keyring");
    fs::write(&keyring, gpg.run(&["--export", &ann])).unwrap();
    let verify = format!("{{mode: head, keyring: {}}}", keyring.display());
    follows_only_what_is_signed(&upstream, &verify, &ann, &eve);
}
