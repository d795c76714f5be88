//! A real HAProxy process with its two sockets.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::clock;
use super::process::Process;
use super::versions::Version;

/// How long HAProxy may take to start, to reload, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How HAProxy is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A master with a socket of its own and a worker: `-W -S`.
    MasterWorker,
    /// A master by the keyword `master-worker` of the configuration, without a socket of its own.
    Keyword,
    /// One process without master: `-db`.
    Plain,
}

/// A running HAProxy. Ended when dropped; its log is printed if that is for a panic.
#[derive(Debug)]
pub(crate) struct Haproxy {
    /// The runtime socket (`stats socket` of [`base_config`]).
    pub(crate) socket: PathBuf,
    /// The master socket, where there is a master.
    pub(crate) master: Option<PathBuf>,
    /// The operator's file, as given.
    pub(crate) base: PathBuf,
    /// Which HAProxy it is.
    pub(crate) version: Version,
    process: Process,
}

impl Haproxy {
    /// Starts HAProxy in `dir` (an absolute path, short enough for a socket: at most 90 bytes) on
    /// `base`, which becomes `<dir>/base.cfg`, followed by `extra` (files or folders), and waits until
    /// its sockets answer. Panics with HAProxy's own words where it does not come up.
    pub(crate) fn start(
        version: &Version,
        dir: &Path,
        base: &str,
        extra: &[&Path],
        mode: Mode,
    ) -> Self {
        Self::try_start(version, dir, base, extra, mode)
            .unwrap_or_else(|log| panic!("HAProxy {version} did not start:\n{log}"))
    }

    /// Like [`Haproxy::start`], but returns HAProxy's log where it does not come up.
    pub(crate) fn try_start(
        version: &Version,
        dir: &Path,
        base: &str,
        extra: &[&Path],
        mode: Mode,
    ) -> Result<Self, String> {
        assert!(dir.is_absolute(), "HAProxy needs an absolute folder, not {}", dir.display());
        let base_file = dir.join("base.cfg");
        let base = match mode {
            Mode::Keyword => base.replace("global\n", "global\n    master-worker\n"),
            Mode::MasterWorker | Mode::Plain => base.to_owned(),
        };
        std::fs::write(&base_file, base).expect("the test's folder is writable");
        let master = (mode == Mode::MasterWorker).then(|| dir.join("master.sock"));

        let mut command = Command::new(&version.binary);
        match &master {
            Some(socket) => drop(command.arg("-W").arg("-S").arg(socket)),
            None if mode == Mode::Plain => drop(command.arg("-db")),
            None => {}
        }
        command.arg("-f").arg(&base_file);
        for path in extra {
            command.arg("-f").arg(path);
        }
        let process = Process::start(&mut command, &dir.join("haproxy.log"))
            .expect("a HAProxy that told its version can be started");
        let socket = dir.join("haproxy.sock");
        let haproxy = Self { socket, master, base: base_file, version: version.clone(), process };

        let answers = || haproxy.worker().is_some() && haproxy.master_answers();
        // It may be reloaded as soon as it is up, and not answer for a moment then.
        let mut is_up = false;
        clock::eventually(PATIENCE, || {
            is_up = answers();
            is_up || haproxy.process.has_ended()
        });
        if is_up { Ok(haproxy) } else { Err(haproxy.log()) }
    }

    /// The process that was started: the master, where there is one.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process that answers on the runtime socket, `None` while none does.
    pub(crate) fn worker(&self) -> Option<u32> {
        let info = exchange(&self.socket, "show info\n").ok()?;
        info.lines().find_map(|line| line.strip_prefix("Pid: "))?.parse().ok()
    }

    /// Sends one line to the runtime socket and returns the whole reply.
    pub(crate) fn command(&self, line: &str) -> String {
        exchange(&self.socket, &format!("{line}\n"))
            .unwrap_or_else(|error| panic!("{line:?} to HAProxy {}: {error}", self.version))
    }

    /// Sends one line to the master socket and returns the whole reply.
    pub(crate) fn master_command(&self, line: &str) -> String {
        let socket = self.master.as_deref().expect("started with a master");
        exchange_and_close(socket, &format!("{line}\n"))
            .unwrap_or_else(|error| panic!("{line:?} to the master {}: {error}", self.version))
    }

    /// The same, where the master may be at work and answer nobody.
    pub(crate) fn try_master_command(&self, line: &str) -> io::Result<String> {
        let socket = self.master.as_deref().expect("started with a master");
        exchange_and_close(socket, &format!("{line}\n"))
    }

    /// Reloads by signal, which works alike on every version, and waits until the new worker
    /// answers.
    pub(crate) fn reload(&self) {
        assert!(self.master.is_some(), "only a master can reload");
        let old = self.worker().expect("a worker to replace");
        self.signal(Signal::USR2);
        let is_new = || self.worker().is_some_and(|worker| worker != old);
        let reloaded = clock::eventually(PATIENCE, || is_new() && self.master_answers());
        assert!(reloaded, "HAProxy {} did not reload", self.version);
    }

    /// Whether the master answers, if there is one: for a moment after a start or a reload it
    /// refuses connections though its worker serves already.
    pub(crate) fn master_answers(&self) -> bool {
        self.master
            .as_deref()
            .is_none_or(|socket| exchange_and_close(socket, "show proc\n").is_ok())
    }

    /// Sends a signal to the process that was started.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends a signal to the process that answers on the runtime socket, if one does.
    pub(crate) fn signal_worker(&self, signal: Signal) {
        let worker = self.worker().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(worker) = worker {
            // It may be on its way out.
            let _ = kill_process(worker, signal);
        }
    }

    /// Waits until a reload that is under way, if any, is over.
    pub(crate) fn settle(&self) {
        let mut last = self.worker();
        for _ in 0..20 {
            clock::pause(Duration::from_millis(100));
            let now = self.worker();
            if now.is_some() && now == last && self.master_answers() {
                return;
            }
            last = now;
        }
    }

    /// All that HAProxy wrote so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Ends HAProxy and all its workers.
    pub(crate) fn stop(&mut self) {
        self.process.stop();
    }
}

/// The operator's file of tests: sockets and limits in `global`, no `defaults`, no proxies.
pub(crate) fn base_config(dir: &Path) -> String {
    let socket = dir.join("haproxy.sock");
    format!(
        "global\n    \
             stats socket {} mode 600 level admin\n    \
             hard-stop-after 10s\n    \
             nbthread 2\n",
        socket.display()
    )
}

/// The runtime socket closes by itself after one line; half-closing it early would cancel `wait`.
fn exchange(socket: &Path, line: &str) -> io::Result<String> {
    let mut stream = connect(socket, line)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// The master socket stays open after a reply unless it is half-closed.
fn exchange_and_close(socket: &Path, line: &str) -> io::Result<String> {
    let mut stream = connect(socket, line)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn connect(socket: &Path, line: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(line.as_bytes())?;
    Ok(stream)
}
