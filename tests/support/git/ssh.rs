//! sshd, as an ordinary user, with keys made for the test.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::isolated;
use crate::support::{clock, ports, process::Process};

/// A running sshd, which lets whoever has `user_key` in as the user who runs the tests. Ended when
/// dropped.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    /// The private key of the user.
    pub(crate) user_key: PathBuf,
    folder: PathBuf,
    _process: Process,
}

impl Sshd {
    /// Starts one with these host keys, in a folder of its own.
    pub(crate) fn start(folder: &Path, host_keys: &[&Path]) -> Self {
        let user_key = folder.join("user_key");
        keygen(&user_key, "ed25519");
        let sshd = Self::start_with(folder, host_keys, user_key);
        sshd.authorize(&sshd.user_key);
        sshd
    }

    /// Lets the owner of a key in.
    pub(crate) fn authorize(&self, key: &Path) {
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let path = self.folder.join("authorized_keys");
        let known = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, known + &public).unwrap();
    }

    fn start_with(folder: &Path, host_keys: &[&Path], user_key: PathBuf) -> Self {
        let port = ports::free_port();
        let keys: String =
            host_keys.iter().map(|key| format!("HostKey {}\n", key.display())).collect();
        let config = folder.join("sshd_config");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\n{keys}PidFile none\nStrictModes no\nUsePAM no\n\
             AuthorizedKeysFile {}/authorized_keys\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             MaxStartups 100\nLogLevel VERBOSE\n",
            folder.display()
        );
        fs::write(&config, text).unwrap();
        if rustix::process::geteuid().is_root() {
            // sshd insists on it, and only root can make it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let mut command = Command::new("/usr/sbin/sshd");
        isolated(&mut command, folder).args(["-D", "-e", "-f"]).arg(&config);
        let process = Process::start(&mut command, &folder.join("sshd.log"))
            .expect("sshd is installed: tests/setup.sh test");
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let started = clock::eventually(Duration::from_secs(10), answers);
        assert!(started, "sshd does not listen:\n{}", process.log());
        Self { port, user_key, folder: folder.to_owned(), _process: process }
    }

    /// The URL of a repository.
    pub(crate) fn url(&self, repository: &Path) -> String {
        let user = Command::new("id").arg("-un").output().expect("there is id").stdout;
        let user = String::from_utf8_lossy(&user);
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, repository.display())
    }
}

/// Makes a pair of keys: `path` and `path.pub`.
pub(crate) fn keygen(path: &Path, algorithm: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", algorithm, "-N", "", "-C", "", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status();
    assert!(made.expect("ssh-keygen is installed: tests/setup.sh test").success());
}
