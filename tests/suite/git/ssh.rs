//! SSH: keys of users, and keys of hosts that are known or not.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{gw, refused, repository, validate};
use crate::support::git::{
    Upstream,
    ssh::{Sshd, keygen},
};
use crate::support::run::Outcome;

/// An sshd with an Ed25519 and an ECDSA key.
struct Stage {
    root: TempDir,
    upstream: Upstream,
    sshd: Sshd,
    keys: [PathBuf; 2],
}

impl Stage {
    fn new() -> Self {
        let (root, upstream) = repository();
        let keys = ["ed25519", "ecdsa"].map(|algorithm| {
            let path = root.path().join(algorithm);
            keygen(&path, algorithm);
            path
        });
        let sshd = Sshd::start(root.path(), &[&keys[0], &keys[1]]);
        Self { root, upstream, sshd, keys }
    }

    /// The host as known_hosts has it.
    fn host(&self) -> String {
        format!("[127.0.0.1]:{}", self.sshd.port)
    }

    /// Runs gw with these known hosts.
    fn validate(&self, known: &str, more: &[&str]) -> Outcome {
        let file = self.root.path().join("known_hosts");
        fs::write(&file, format!("# ours\n{known}\n")).unwrap();
        let key = self.sshd.user_key.to_str().unwrap();
        let known = ["--git-key-file", key, "--git-known-hosts", file.to_str().unwrap()];
        let arguments: Vec<&str> = known.into_iter().chain(more.iter().copied()).collect();
        validate(&gw(self.root.path()), &self.sshd.url(&self.upstream.bare), &arguments)
    }
}

/// A public key, without its comment.
fn public(key: &Path) -> String {
    fs::read_to_string(key.with_extension("pub")).unwrap().trim().to_owned()
}

/// The fingerprint as ssh-keygen tells it.
fn fingerprint(key: &Path) -> String {
    let shown = std::process::Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    shown.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_known_host_is_believed_by_whichever_key_is_known() {
    let stage = Stage::new();
    let host = stage.host();
    let [ed25519, ecdsa] = [public(&stage.keys[0]), public(&stage.keys[1])];
    // sshd would offer either: gw asks for the one that is known.
    for known in [
        format!("{host} {ed25519}"),
        format!("{host} {ecdsa}"),
        format!("{host} {ecdsa}\n{host} {ed25519}"),
        format!("[127.0.0.*]:{} {ed25519} a pattern", stage.sshd.port),
    ] {
        let _ = stage.validate(&known, &[]).ok();
    }
    let hashed = stage.root.path().join("hashed");
    fs::write(&hashed, format!("{host} {ecdsa}\n")).unwrap();
    let done =
        std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&hashed).output();
    assert!(done.unwrap().status.success());
    let hashed = fs::read_to_string(&hashed).unwrap();
    assert!(hashed.starts_with("|1|"), "{hashed}");
    let _ = stage.validate(&hashed, &[]).ok();
    // As ssh has them, in the home directory.
    let home = stage.root.path().join("home/.ssh");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("known_hosts"), format!("{host} {ed25519}\n")).unwrap();
    let key = stage.sshd.user_key.to_str().unwrap();
    let url = stage.sshd.url(&stage.upstream.bare);
    let _ = validate(&gw(stage.root.path()), &url, &["--git-key-file", key]).ok();
}

#[test]
fn a_host_key_that_is_unknown_or_changed_is_told_with_fingerprints() {
    let stage = Stage::new();
    let host = stage.host();
    let [ed25519, _] = &stage.keys;
    let other = stage.root.path().join("other");
    keygen(&other, "ed25519");
    let port = stage.sshd.port.to_string();
    let scan = format!("ssh-keyscan -p {port} 127.0.0.1");
    refused(stage.validate("", &[]), &[&format!("SSH host key of {host} is not known"), &scan]);
    refused(
        stage.validate(&format!("{host} {}", public(&other)), &[]),
        &["has changed", &fingerprint(ed25519), &fingerprint(&other), "ssh-ed25519"],
    );
    refused(
        stage.validate(&format!("@revoked * {}\n{host} {0}", public(ed25519)), &[]),
        &["is marked @revoked", &fingerprint(ed25519)],
    );
    refused(
        stage.validate(&format!("@cert-authority * {}", public(&other)), &[]),
        &["@cert-authority only, which gw does not support"],
    );
    // Only a key that the server does not have is known, of an algorithm that it does not have.
    let rsa = stage.root.path().join("rsa");
    keygen(&rsa, "rsa");
    refused(
        stage.validate(&format!("{host} {}", public(&rsa)), &[]),
        &["is known, but not by this algorithm", "ssh-rsa", &fingerprint(&rsa)],
    );
}

#[test]
fn a_wrong_user_key_is_told() {
    let stage = Stage::new();
    let known = format!("{} {}", stage.host(), public(&stage.keys[0]));
    let stranger = stage.root.path().join("stranger");
    keygen(&stranger, "ed25519");
    let file = stage.root.path().join("known");
    fs::write(&file, &known).unwrap();
    let url = stage.sshd.url(&stage.upstream.bare);
    let with = |key: &Path| {
        let (key, file) = (key.to_str().unwrap(), file.to_str().unwrap());
        let arguments = ["--git-key-file", key, "--git-known-hosts", file];
        validate(&gw(stage.root.path()), &url, &arguments)
    };
    refused(with(&stranger), &["refuses access with our credentials"]);
    refused(with(Path::new("/nowhere/key")), &["can't read /nowhere/key"]);
    let _ = with(&stage.sshd.user_key).ok();
    let absent = stage.sshd.url(Path::new("/nowhere/site.git"));
    let key = stage.sshd.user_key.to_str().unwrap();
    let arguments = ["--git-key-file", key, "--git-known-hosts", file.to_str().unwrap()];
    refused(validate(&gw(stage.root.path()), &absent, &arguments), &["there is no repository"]);
}
