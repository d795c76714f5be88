//! A private HAProxy under its master, for one test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gw::haproxy::Endpoint;
use tempfile::TempDir;

/// How long calls may take on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// The binaries of all versions present.
pub(super) fn binaries() -> Vec<PathBuf> {
    let Some(dir) = std::env::var_os("GW_HAPROXY_DIR") else {
        println!("skipped: GW_HAPROXY_DIR names no folder of HAProxy versions");
        return Vec::new();
    };
    let entries = fs::read_dir(dir).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path().join("haproxy")).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found
}

/// A running HAProxy with its sockets in a directory of its own; killed when dropped.
pub(super) struct Haproxy {
    child: Child,
    pub(super) dir: TempDir,
}

impl Haproxy {
    /// Starts one with these sections after `global`, `$DIR` standing for its directory.
    pub(super) async fn start(binary: &Path, files: &[(&str, &str)], sections: &str) -> Self {
        let dir = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let this = Self { child: spawn(binary, dir.path(), sections), dir };
        let limit = Instant::now() + DEADLINE;
        let up = |name| std::os::unix::net::UnixStream::connect(this.path(name)).is_ok();
        // A master executes itself anew when its worker is ready: its socket is away for a moment.
        while !(this.log().contains("Loading success") && up("master.sock") && up("admin.sock")) {
            assert!(Instant::now() < limit, "HAProxy did not start: {}", this.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        this
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn socket(&self) -> Endpoint {
        Endpoint::Unix(self.path("admin.sock"))
    }

    pub(super) fn master(&self) -> Endpoint {
        Endpoint::Unix(self.path("master.sock"))
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Writes the configuration anew.
    pub(super) fn configure(&self, sections: &str) {
        configure(self.dir.path(), sections);
    }
}

fn configure(dir: &Path, sections: &str) {
    let text = format!(
        "global\n  stats socket $DIR/admin.sock mode 600 level admin\n  nbthread 2\n\
         defaults base\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  \
         timeout server 5s\n{sections}"
    );
    fs::write(dir.join("haproxy.cfg"), text.replace("$DIR", dir.to_str().unwrap())).unwrap();
}

fn spawn(binary: &Path, dir: &Path, sections: &str) -> Child {
    configure(dir, sections);
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(binary);
    command.arg("-W").arg("-S").arg(dir.join("master.sock")).arg("-f").arg(dir.join("haproxy.cfg"));
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // A master that gets SIGTERM ends its workers too; SIGKILL would leave them.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}
