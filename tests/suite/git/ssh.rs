//! SSH: keys of users, and keys of hosts that are known or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{gw, refused, repository, validate};
use crate::support::git::{
    Upstream,
    ssh::{Sshd, keygen},
};
use crate::support::{clock, process::Process, run::Outcome};

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
    let shown = Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
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
    let done = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&hashed).output();
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
fn users_have_keys_of_each_kind_and_wrong_ones_are_told() {
    let stage = Stage::new();
    let file = stage.root.path().join("known");
    fs::write(&file, format!("{} {}", stage.host(), public(&stage.keys[0]))).unwrap();
    let gw = gw(stage.root.path());
    let with = |key: &Path, repository: &Path| {
        let (key, file) = (key.to_str().unwrap(), file.to_str().unwrap());
        let arguments = ["--git-key-file", key, "--git-known-hosts", file];
        validate(&gw, &stage.sshd.url(repository), &arguments)
    };
    let site = &stage.upstream.bare;
    for algorithm in ["ed25519", "rsa", "ecdsa"] {
        let key = stage.root.path().join(format!("user_{algorithm}"));
        keygen(&key, algorithm);
        refused(with(&key, site), &["refuses access with our credentials"]);
        stage.sshd.authorize(&key);
        let _ = with(&key, site).ok();
    }
    for (name, format) in [("openssh", vec![]), ("openssl", vec!["-m", "PEM"])] {
        let locked = stage.root.path().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ecdsa", "-N", "a passphrase", "-f"])
            .arg(&locked)
            .args(format)
            .status();
        assert!(made.unwrap().success());
        refused(with(&locked, site), &["it has a passphrase"]);
    }
    refused(with(Path::new("/nowhere/key"), site), &["can't read /nowhere/key"]);
    let absent = Path::new("/nowhere/site.git");
    refused(with(&stage.sshd.user_key, absent), &["there is no repository"]);
    let none = validate(&gw, &stage.sshd.url(site), &[]);
    refused(none, &["there is no key for ssh://", "--git-key-file"]);
}

#[test]
fn an_agent_is_asked_where_no_key_is_named() {
    let stage = Stage::new();
    let socket = stage.root.path().join("agent.sock");
    let log = stage.root.path().join("agent.log");
    let mut agent = Command::new("ssh-agent");
    let _agent = Process::start(agent.arg("-D").arg("-a").arg(&socket), &log).unwrap();
    assert!(clock::eventually(Duration::from_secs(5), || socket.exists()));
    let home = stage.root.path().join("home/.ssh");
    fs::create_dir_all(&home).unwrap();
    let known = format!("{} {}\n", stage.host(), public(&stage.keys[1]));
    fs::write(home.join("known_hosts"), known).unwrap();
    let url = stage.sshd.url(&stage.upstream.bare);
    let gw = gw(stage.root.path()).env("SSH_AUTH_SOCK", &socket);
    refused(validate(&gw, &url, &[]), &["refuses access"]);
    let added = Command::new("ssh-add")
        .arg("-q")
        .arg(&stage.sshd.user_key)
        .env("SSH_AUTH_SOCK", &socket)
        .status();
    assert!(added.unwrap().success());
    let _ = validate(&gw, &url, &[]).ok();
}
