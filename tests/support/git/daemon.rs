//! `git daemon`.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::isolated;
use crate::support::{clock, ports, process::Process};

/// A running `git daemon`. Ended when dropped.
pub(crate) struct Daemon {
    port: u16,
    _process: Process,
}

impl Daemon {
    /// Serves the repositories below a folder.
    pub(crate) fn start(root: &Path) -> Self {
        Self::start_at(root, ports::free_port())
    }

    /// The same on a port that was in use before.
    pub(crate) fn start_at(root: &Path, port: u16) -> Self {
        let mut command = Command::new("git");
        isolated(&mut command, root)
            .args(["daemon", "--listen=127.0.0.1", "--reuseaddr", "--export-all", "--verbose"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", root.display()))
            .arg(root);
        let log = root.join(format!("daemon-{port}.log"));
        let process = Process::start(&mut command, &log).expect("git is installed");
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let started = clock::eventually(Duration::from_secs(10), answers);
        assert!(started, "git daemon does not listen:\n{}", process.log());
        Self { port, _process: process }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a repository below the folder.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}", self.port)
    }
}
