//! A child process that can't outlive the test: its own process group, a log file, a deadline.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::clock;

/// How long a process may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// What the watchman does: wait until the pipe from this process closes, then end the group.
const WATCHMAN: &str = "read -r _; kill -s TERM -- -$1; sleep 2; kill -s KILL -- -$1";

/// A running process with all that it forks. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// A shell that ends the group should this process die without dropping anything (SIGKILL,
    /// abort, Ctrl-C).
    watchman: Child,
    log: PathBuf,
    what: String,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in a process group of its own, with both its outputs written to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let output = File::create(log)?;
        command.stdout(output.try_clone()?).stderr(output);
        Self::spawn(command, log)
    }

    /// The same with its standard output in a file of its own; `log` gets the standard error.
    pub(crate) fn start_split(
        command: &mut Command,
        stdout: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        command.stdout(File::create(stdout)?).stderr(File::create(log)?);
        Self::spawn(command, log)
    }

    fn spawn(command: &mut Command, log: &Path) -> io::Result<Self> {
        let what = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).stdin(Stdio::null()).spawn()?;
        let watchman = Command::new("sh")
            .args(["-c", WATCHMAN, "watchman", &child.id().to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, watchman, log: log.to_owned(), what, status: None })
    }

    /// The process id, which is also the id of the group.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that the process wrote so far.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| format!("{}: {error}", self.log.display()),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Waits until the log holds `text`. Panics, with the log, when that takes too long or the
    /// process ends before.
    pub(crate) fn wait_for_log(&self, text: &str, patience: Duration) {
        let said = || self.log().contains(text);
        // What a process says last is still seen: the log is read once more after its end.
        clock::eventually(patience, || self.has_ended() || said());
        assert!(said(), "{} did not say {text:?}:\n{}", self.what, self.log());
    }

    /// Sends a signal to the process alone, not to its group.
    pub(crate) fn signal(&self, signal: Signal) {
        // Not yet reaped, so the id is still its own.
        let _ = rustix::process::kill_process(self.group(), signal);
    }

    /// Whether the process ended. It stays unreaped, so that its id is not given to another.
    pub(crate) fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.status.is_some()
            || !matches!(rustix::process::waitid(WaitId::Pid(self.group()), look), Ok(None))
    }

    /// Waits until the process ends by itself; `None` where it did not.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        clock::eventually(patience, || self.has_ended()).then(|| self.stop())
    }

    /// Ends the process and its group: SIGTERM, and SIGKILL for what is left after two seconds.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        let _ = self.watchman.kill();
        let _ = self.watchman.wait();
        let _ = rustix::process::kill_process_group(self.group(), Signal::TERM);
        clock::eventually(GRACE, || self.has_ended());
        // The leader is unreaped: the group is still ours, even if only its children are left.
        let _ = rustix::process::kill_process_group(self.group(), Signal::KILL);
        let status = self.child.wait().expect("a child of ours can be waited for");
        *self.status.insert(status)
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            eprintln!("--- log of {}\n{}---", self.what, self.log());
        }
    }
}
