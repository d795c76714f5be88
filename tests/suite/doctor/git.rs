//! Repositories: credentials, servers, host keys, references, and who may sign.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Diagnosis, carry_out};
use crate::rig::{Rig, web};
use crate::support::git::Upstream;
use crate::support::git::http::{Http, Manner};
use crate::support::git::ssh::{Sshd, keygen};
use crate::support::ports::free_port;
use crate::support::run::Gw;
use crate::support::versions::newest;

/// A repository beside an HAProxy that serves it.
struct Site {
    rig: Rig,
    upstream: Upstream,
    config: PathBuf,
    gw: Gw,
}

impl Site {
    fn new() -> Self {
        let manifests = web(free_port(), 1, "");
        let rig = Rig::serving(newest(), &manifests);
        let folder = rig.path().join("upstream");
        fs::create_dir(&folder).unwrap();
        let upstream = Upstream::new(&folder);
        upstream.write("site/all.yaml", &manifests).push("one");
        let config = rig.path().join("gw.yaml");
        let gw = rig.gw.clone().env("GW_CONFIG", &config);
        Self { rig, upstream, config, gw }
    }

    /// Asks about a `source`.
    fn ask(&self, source: &str) -> Diagnosis {
        fs::write(&self.config, format!("source:\n{source}")).unwrap();
        Diagnosis::of(&self.gw, self.rig.path(), &[])
    }
}

#[test]
fn a_server_over_ssh_must_be_known_and_know_us() {
    let site = Site::new();
    let at = |name: &str| site.rig.path().join(name);
    let host_key = at("host");
    keygen(&host_key, "ed25519");
    fs::create_dir(at("sshd")).unwrap();
    let sshd = Sshd::start(&at("sshd"), &[&host_key]);
    let (known, key) = (at("known_hosts"), sshd.user_key.clone());
    fs::write(&known, "").unwrap();
    let source = |reference: &str, path: &str| {
        format!(
            "  git: {}\n  ref: {reference}\n  path: {path}\n  \
             auth: {{keyFile: {}, knownHosts: {}}}\n",
            sshd.url(&site.upstream.bare),
            key.display(),
            known.display()
        )
    };
    let told = site.ask(&source("main", "site"));
    let mend = told.mend("git-host-key", "failed", &["is not known", "SHA256:", "compare"]);
    assert_eq!(told.in_state("failed"), ["git-host-key"], "{:#}", told.0);
    carry_out(&mend, "ssh-keyscan");
    let told = site.ask(&source("main", "site"));
    told.assert_healthy(&[]);
    let _ = told.mend("git-reference", "ok", &["refs/heads/main is at"]);
    // What was not fetched can't be looked into.
    let _ = told.mend("git-path", "not_checked", &["gw validate"]);
    let _ = site.gw.run(&["validate"]).ok();
    let _ = site.ask(&source("main", "site")).mend("git-path", "ok", &["site is there"]);
    let _ = site.ask(&source("main", "sites")).mend("git-path", "failed", &["no folder sites"]);

    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let told = site.ask(&source("main", "site"));
    carry_out(&told.mend("git-credentials", "failed", &["mode 644"]), "sudo chmod 600");
    site.ask(&source("main", "site")).assert_healthy(&[]);

    let told = site.ask(&source("mian", "site"));
    let _ = told.mend("git-reference", "failed", &["no branch or tag mian", "did you mean main?"]);
    let _ = told.mend("git-server", "ok", &["lets us in"]);

    let stranger = at("stranger");
    keygen(&stranger, "ed25519");
    let other =
        source("main", "site").replace(&*key.to_string_lossy(), &stranger.to_string_lossy());
    let _ = site.ask(&other).mend("git-server", "failed", &["refuses access"]);
    let absent = source("main", "site").replace(&*key.to_string_lossy(), "/nowhere/key");
    let _ = site.ask(&absent).mend("git-credentials", "failed", &["can't read /nowhere/key"]);
}

#[test]
fn a_server_over_http_must_be_there_and_take_the_password() {
    let site = Site::new();
    let password = site.rig.path().join("password");
    let write = |text: &str| {
        fs::write(&password, text).unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    };
    write("wrong\n");
    let server = Http::start(
        site.upstream.bare.parent().unwrap(),
        Manner::Basic("ann:secret".to_owned()),
        None,
    );
    let name = site.upstream.bare.file_name().unwrap().to_str().unwrap();
    let source = format!(
        "  git: {}\n  auth: {{username: ann, passwordFile: {}}}\n",
        server.url(name),
        password.display()
    );
    let told = site.ask(&source);
    let _ =
        told.mend("git-server", "failed", &["refuses access with our credentials", "still valid"]);
    write("secret\n");
    let told = site.ask(&source);
    told.assert_healthy(&[]);
    assert!(!told.0.to_string().contains("secret"), "{:#}", told.0);
    drop(server);
    let _ = site.ask(&source).mend("git-server", "failed", &["can't be reached", "git ls-remote"]);
}

#[test]
fn keys_that_may_sign_must_be_understood_and_not_be_over() {
    let site = Site::new();
    let signers = site.rig.path().join("signers");
    let key = site.rig.path().join("signer");
    keygen(&key, "ed25519");
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let source = |file: &Path| {
        format!(
            "  git: {}\n  path: site\n  verify: {{mode: head, allowedSigners: {}}}\n",
            site.upstream.url(),
            file.display()
        )
    };
    let ask = |text: &str| {
        fs::write(&signers, text).unwrap();
        site.ask(&source(&signers))
    };
    let _ =
        ask("ann@example.org nonsense\n").mend("git-trust", "failed", &["is not valid", "line 1"]);
    let _ = ask("# nobody\n").mend("git-trust", "failed", &["no key that may sign"]);
    let over = format!("ann@example.org valid-before=\"20200101\" {public}");
    let _ = ask(&over).mend("git-trust", "failed", &["no key may sign today"]);
    let _ = ask(&over).mend("git-trust", "warning", &["ann@example.org", "SHA256:"]);
    ask(&format!("ann@example.org {public}")).assert_healthy(&[]);
    let absent = site.ask(&source(Path::new("/nowhere/signers")));
    let _ = absent.mend("git-trust", "failed", &["cannot read /nowhere/signers"]);
}
