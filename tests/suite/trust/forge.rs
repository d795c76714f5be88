//! A Git repository, SSH keys and OpenPGP keys of its own, made by the real programs in a folder of
//! their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gw::source::trust::{Mode, Policy, PolicyError, Refusal, Settings, Signer, verify};
use tempfile::TempDir;

/// When commits are made: 2024-01-01T00:00:00Z. Keys for them are made at the same time.
pub(super) const NOW: i64 = 1_704_067_200;

/// A folder with a home, a GnuPG home and a repository.
pub(super) struct Forge {
    root: TempDir,
    /// When it is for Git and GnuPG.
    now: i64,
}

impl Forge {
    pub(super) fn new() -> Self {
        // In /tmp, because the path of the agent's socket must be short.
        let root = tempfile::Builder::new().prefix("gw-trust-").tempdir_in("/tmp").unwrap();
        for folder in ["home", "gpg"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let forge = Self { root, now: NOW };
        forge.sh("chmod 700 gpg", &[]);
        forge.git(&["init", "--quiet", "--initial-branch=main", "repo"]);
        forge
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Sets the clock of Git and GnuPG.
    pub(super) fn set_time(&mut self, now: i64) {
        self.now = now;
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(command_environment(&self.root, self.now)).stdin(Stdio::null());
        command.current_dir(self.root.path());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{program} must be there (tests/setup.sh): {error}"))
    }

    /// Runs a program that must succeed, and gives what it prints.
    pub(super) fn must(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        output.stdout
    }

    /// Runs Git outside of the repository.
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.must("git", arguments)).unwrap().trim().to_owned()
    }

    /// Runs Git in the repository.
    pub(super) fn repo(&self, arguments: &[&str]) -> String {
        self.git(&[&["-C", "repo"], arguments].concat())
    }

    /// Whether Git itself trusts a commit by an allowed signers file.
    pub(super) fn git_trusts(&self, commit: &str, signers: &str) -> bool {
        let signers = format!("gpg.ssh.allowedSignersFile={}", self.path(signers).display());
        let arguments = ["-C", "repo", "-c", &signers, "verify-commit", commit];
        self.run("git", &arguments).status.success()
    }

    /// Runs a line of shell, with arguments as `$1` and so on.
    pub(super) fn sh(&self, line: &str, arguments: &[&str]) -> String {
        let all = [&["-euc", line, "sh"], arguments].concat();
        String::from_utf8(self.must("sh", &all)).unwrap().trim().to_owned()
    }

    /// Makes an SSH key pair `name`, `name.pub`, and gives its fingerprint.
    pub(super) fn ssh_key(&self, name: &str, kind: &[&str]) -> String {
        let rest = ["-q", "-N", "", "-C", name, "-f", name];
        self.must("ssh-keygen", &[&["-t"], kind, &rest].concat());
        let line = self.sh("ssh-keygen -lf $1.pub", &[name]);
        line.split(' ').nth(1).unwrap().to_owned()
    }

    /// Appends a line to the allowed signers file: what stands before the key, and whose key.
    pub(super) fn allow(&self, before: &str, key: &str) {
        self.sh("echo \"$1 $(cat $2.pub)\" >>signers", &[before, key]);
    }

    /// Runs GnuPG at the time of the forge, and gives what it prints.
    pub(super) fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let time = format!("{}!", self.gpg_time());
        let fixed = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
        self.must("gpg", &[&["--faked-system-time", &time], &fixed[..], arguments].concat())
    }

    fn gpg_time(&self) -> String {
        let seconds = u64::try_from(self.now).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let text = humantime::format_rfc3339_seconds(time).to_string();
        text.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect()
    }

    /// The fingerprints of a certificate: of its primary key, then of its subkeys.
    pub(super) fn fingerprints(&self, user: &str) -> Vec<String> {
        let listed = String::from_utf8(self.gpg(&["--with-colons", "--list-keys", user])).unwrap();
        let lines = listed.lines().filter_map(|line| line.strip_prefix("fpr:"));
        lines.map(|line| line.trim_matches(':').to_owned()).collect()
    }

    /// Makes an OpenPGP key that signs, and gives its fingerprint.
    pub(super) fn gpg_key(&self, user: &str, kind: &str, until: &str) -> String {
        self.gpg(&["--quick-generate-key", user, kind, "sign,cert", until]);
        self.fingerprints(user).remove(0)
    }

    /// Writes a keyring of these certificates to the file `keyring`.
    pub(super) fn export(&self, users: &[&str]) {
        fs::write(self.path("keyring"), self.gpg(&[&["--export"], users].concat())).unwrap();
    }

    /// Commits an empty change, with or without a key, and gives its name.
    pub(super) fn commit(&self, message: &str, key: Signing<'_>) -> String {
        let mut all: Vec<String> = vec!["-C".into(), "repo".into()];
        match key {
            Signing::Nobody => {}
            Signing::Ssh(key) => {
                all.extend(["-c", "gpg.format=ssh", "-c"].map(Into::into));
                all.push(format!("user.signingKey={}", self.path(key).display()));
            }
            Signing::Gpg(key, options) => {
                // GnuPG must live at the same time as Git.
                let wrapper = self.path("gpg-then");
                let time = self.gpg_time();
                let line = format!(
                    "#!/bin/sh\nexec gpg --batch --pinentry-mode loopback --passphrase '' \
                     --faked-system-time {time}! {options} \"$@\"\n"
                );
                fs::write(&wrapper, line).unwrap();
                self.sh("chmod 755 gpg-then", &[]);
                all.extend(["-c".into(), format!("gpg.program={}", wrapper.display())]);
                all.extend(["-c".into(), format!("user.signingKey={key}!")]);
            }
        }
        all.extend(["commit", "--quiet", "--allow-empty", "-m", message].map(Into::into));
        if !matches!(key, Signing::Nobody) {
            all.push("-S".into());
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.git(&all);
        self.repo(&["rev-parse", "HEAD"])
    }

    /// Writes bytes as a commit object, and gives its name.
    pub(super) fn write_commit(&self, raw: &[u8]) -> String {
        fs::write(self.path("raw"), raw).unwrap();
        self.repo(&["hash-object", "-t", "commit", "-w", "--literally", "../raw"])
    }

    /// The bytes of a commit object.
    pub(super) fn raw(&self, commit: &str) -> Vec<u8> {
        self.must("git", &["-C", "repo", "cat-file", "commit", commit])
    }

    pub(super) fn repository(&self) -> git2::Repository {
        git2::Repository::open(self.path("repo")).unwrap()
    }

    /// The policy of the files `signers` and `keyring`, as far as they are there.
    pub(super) fn policy(&self, mode: Mode) -> Result<Policy, PolicyError> {
        let there = |name: &str| Some(self.path(name)).filter(|path| path.exists());
        let settings =
            Settings { mode, allowed_signers: there("signers"), keyring: there("keyring") };
        Policy::load(&settings)
    }

    /// What gw says about one commit.
    pub(super) fn head(&self, commit: &str) -> Result<Signer, Refusal> {
        let policy = self.policy(Mode::Head).unwrap();
        verify(&self.repository(), commit.parse().unwrap(), None, &policy)
            .map(|signer| signer.expect("mode head tells a signer"))
    }

    /// What gw says about all commits since `last_good`.
    pub(super) fn strict(&self, wanted: &str, last_good: Option<&str>) -> Result<Signer, Refusal> {
        self.strict_in("repo", wanted, last_good)
    }

    /// The same in another repository.
    pub(super) fn strict_in(
        &self,
        repository: &str,
        wanted: &str,
        last_good: Option<&str>,
    ) -> Result<Signer, Refusal> {
        let repository = git2::Repository::open(self.path(repository)).unwrap();
        let last_good = last_good.map(|commit| commit.parse().unwrap());
        let policy = self.policy(Mode::Strict).unwrap();
        verify(&repository, wanted.parse().unwrap(), last_good, &policy)
            .map(|signer| signer.expect("mode strict tells a signer"))
    }
}

impl Drop for Forge {
    /// Ends the agent that GnuPG started. It has no terminal, no parent and no other end.
    fn drop(&mut self) {
        let _ = self.command("gpgconf").args(["--kill", "all"]).output();
    }
}

/// Who signs a commit.
#[derive(Clone, Copy)]
pub(super) enum Signing<'a> {
    Nobody,
    /// The SSH key in a file.
    Ssh(&'a str),
    /// The OpenPGP key of a fingerprint, with further options for GnuPG.
    Gpg(&'a str, &'a str),
}

/// All that the programs see of the environment.
fn command_environment(root: &TempDir, now: i64) -> Vec<(String, String)> {
    let folder = |name: &str| path_text(&root.path().join(name));
    let date = format!("{now} +0000");
    let fixed = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_AUTHOR_EMAIL", "ann@example.com"),
        ("GIT_AUTHOR_DATE", &date),
        ("GIT_COMMITTER_NAME", "Ann"),
        ("GIT_COMMITTER_EMAIL", "ann@example.com"),
        ("GIT_COMMITTER_DATE", &date),
    ];
    let mut all: Vec<(String, String)> =
        fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    all.push(("HOME".to_owned(), folder("home")));
    all.push(("GNUPGHOME".to_owned(), folder("gpg")));
    all
}

fn path_text(path: &Path) -> String {
    path.to_str().expect("folders of tests have plain names").to_owned()
}
