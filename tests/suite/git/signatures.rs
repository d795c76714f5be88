//! Commits that must be signed, from the settings to what runs.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;

use super::{SOURCE, backend, refused};
use crate::rig::{Rig, gateway};
use crate::support::git::{Upstream, ssh::keygen};
use crate::support::ports::free_port;
use crate::support::versions::newest;

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(15);

/// Pushes a commit that this key signs.
fn push(upstream: &Upstream, name: &str, key: Option<&Path>) {
    let sign = if key.is_some() { "true" } else { "false" };
    upstream.run(&["config", "gpg.format", "ssh"]);
    upstream.run(&["config", "commit.gpgsign", sign]);
    if let Some(key) = key {
        upstream.run(&["config", "user.signingkey", key.to_str().expect("UTF-8")]);
    }
    upstream.write("all.yaml", backend(name, 9)).push(name);
}

#[test]
fn what_no_allowed_key_signed_is_not_run() {
    let mut rig = Rig::new(newest());
    rig.start();
    let upstream = Upstream::new(rig.path());
    upstream.write("gateway.yaml", gateway(free_port()));
    let [ann, eve] = ["ann", "eve"].map(|name| rig.path().join(name));
    keygen(&ann, "ed25519");
    keygen(&eve, "ed25519");
    let public = |key: &Path| fs::read_to_string(key.with_extension("pub")).unwrap();
    // The second line allows nobody.
    let (of_ann, of_eve) = (public(&ann), public(&eve));
    let signers = format!("ann@example.org {of_ann}eve@example.org cert-authority {of_eve}");
    fs::write(rig.path().join("signers"), signers).unwrap();
    let settings = rig.path().join("signed.yaml");
    let verify = |mode: &str| {
        let text = format!(
            "source:\n  git: {}\n  verify: {{mode: {mode}, allowedSigners: signers}}\n",
            upstream.url()
        );
        fs::write(&settings, text).unwrap();
    };
    let gw = rig.gw.clone().env("GW_CONFIG", &settings);
    let url = upstream.url();
    let apply = || gw.run(&["apply", "--git", &url, "--yes"]);
    let first = rig.generation();

    verify("head");
    push(&upstream, "unsigned", None);
    refused(apply(), &["not trusted", "not signed"]);
    push(&upstream, "by-eve", Some(&eve));
    refused(apply(), &["not trusted"]);
    assert_eq!(rig.generation(), first);

    // All that it builds on counts, too, unless only the head is asked for.
    push(&upstream, "by-ann", Some(&ann));
    verify("strict");
    refused(apply(), &["not trusted"]);
    verify("head");
    let told = apply().ok();
    assert!(told.stderr.contains("signers:2:"), "{}", told.transcript());
    let good = rig.generation();
    assert_ne!(good, first);
    verify("strict");
    push(&upstream, "by-ann-again", Some(&ann));
    let _ = apply().ok();

    // So it is for whoever follows.
    let mut watch = gw.start(&["watch"]);
    watch.wait_for_log("signed by ann@example.org", SOON);
    watch.wait_for_log("signers:2:", SOON);
    watch.wait_for_log("Watching", SOON);
    watch.signal(Signal::TERM);
    assert_eq!(watch.wait(SOON).and_then(|status| status.code()), Some(0), "{}", watch.log());
    let good = rig.generation();
    push(&upstream, "evil", Some(&eve));
    let mut watch = gw.start(&["watch"]);
    watch.wait_for_log("not trusted", SOON);
    watch.wait_for_log("Staying at what was applied last", SOON);
    watch.wait_for_log("Watching", SOON);
    watch.signal(Signal::TERM);
    assert_eq!(watch.wait(SOON).and_then(|status| status.code()), Some(0), "{}", watch.log());
    assert_eq!(rig.generation(), good, "{}", watch.log());

    // What must be signed is not asked of one repository alone.
    let elsewhere = "git: https://git.example.org/other.git";
    let text = fs::read_to_string(&settings).unwrap().replace(&format!("git: {url}"), elsewhere);
    assert!(text.contains(elsewhere), "{text}");
    fs::write(&settings, text).unwrap();
    refused(apply(), &["not trusted"]);

    // The keys are looked at each time, and must be there.
    fs::write(rig.path().join("signers"), "").unwrap();
    let outcome = apply().expect(SOURCE);
    assert!(outcome.stderr.contains("no key that may sign"), "{}", outcome.transcript());
}
