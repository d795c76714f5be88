//! Running the `gw` binary as a user does, in a clean environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::haproxy::Haproxy;
use super::process::Process;

/// No command of gw may take longer in a test, unless [`Gw::patience`] says so.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings for a gw that refuses nothing.
const UNGUARDED: &str = "guards: {massDelete: allow, emptyBackend: allow, shrunkSource: allow, \
                         oldWorkers: allow}\n";

/// The `gw` binary, run in a folder with nothing of the caller's environment.
#[derive(Clone, Debug)]
pub(crate) struct Gw {
    binary: PathBuf,
    root: PathBuf,
    variables: Vec<(OsString, OsString)>,
    patience: Duration,
}

impl Gw {
    /// Runs in `root`, which is also where HOME is.
    pub(crate) fn new(root: &Path) -> Self {
        let home = root.join("home");
        fs::create_dir_all(&home).expect("the test's folder is writable");
        Self { binary: binary(), root: root.to_owned(), variables: Vec::new(), patience: PATIENCE }
            .env("HOME", home)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            // Many run at a time; a test that wants to be answered names a port.
            .env("GW_HTTP", "off")
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Turns all guards off, for tests that are about something else.
    pub(crate) fn unguarded(self) -> Self {
        let file = self.root.join("home").join("unguarded.yaml");
        fs::write(&file, UNGUARDED).expect("the test's folder is writable");
        self.env("GW_CONFIG", file)
    }

    /// Takes a variable out of its environment.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// Lets it write colours, though it does not write to a terminal.
    pub(crate) fn colored(mut self) -> Self {
        self.variables.retain(|(name, _)| name != "NO_COLOR");
        self.env("CLICOLOR_FORCE", "1")
    }

    /// Points it at a running HAProxy and a state directory, by the environment.
    pub(crate) fn using(self, haproxy: &Haproxy, state: &Path) -> Self {
        let gw = self
            .env("GW_SOCKET", &haproxy.socket)
            .env("GW_BASE", &haproxy.base)
            .env("GW_STATE", state)
            .env("GW_HAPROXY", &haproxy.version.binary);
        match &haproxy.master {
            Some(master) => gw.env("GW_MASTER", master),
            None => gw,
        }
    }

    /// How long a command may take.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs a command to its end. Panics only if it does not end in time.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        self.run_under::<&str, S>(&[], arguments)
    }

    /// The same under another program, such as a shell that takes rights away first.
    pub(crate) fn run_under<P: AsRef<OsStr>, S: AsRef<OsStr>>(
        &self,
        prefix: &[P],
        arguments: &[S],
    ) -> Outcome {
        let (stdout, stderr) = (self.scratch("stdout"), self.scratch("stderr"));
        let mut command = self.command(prefix, arguments);
        let started = Process::start_split(&mut command, &stdout, &stderr);
        let mut process = self.started(started);
        let status = process.wait(self.patience);
        let stderr = process.log();
        let stdout = fs::read(&stdout).expect("the file was just written");
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        let shown: Vec<_> = arguments.iter().map(|part| part.as_ref().to_string_lossy()).collect();
        let command = format!("gw {}", shown.join(" "));
        assert!(status.is_some(), "`{command}` hangs:\n{stdout}\n{stderr}");
        let code = status.and_then(|status| status.code());
        Outcome { command, code, stdout, stderr, root: self.root.clone() }
    }

    /// Starts a command that goes on, such as `up`. Both its outputs are in its log.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Process {
        self.start_under::<&str, S>(&[], arguments)
    }

    /// The same under another program, which must become gw.
    pub(crate) fn start_under<P: AsRef<OsStr>, S: AsRef<OsStr>>(
        &self,
        prefix: &[P],
        arguments: &[S],
    ) -> Process {
        let mut command = self.command(prefix, arguments);
        self.started(Process::start(&mut command, &self.scratch("log")))
    }

    fn command<P: AsRef<OsStr>, S: AsRef<OsStr>>(&self, prefix: &[P], arguments: &[S]) -> Command {
        let mut words = prefix.iter().map(AsRef::as_ref).chain([self.binary.as_os_str()]);
        let mut command = Command::new(words.next().expect("at least the binary"));
        command.args(words).args(arguments).current_dir(&self.root).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn started(&self, started: io::Result<Process>) -> Process {
        started.unwrap_or_else(|error| {
            panic!("{}: {error} (`cargo build` makes it)", self.binary.display());
        })
    }

    /// A new file for outputs, out of the way of manifests and state.
    fn scratch(&self, what: &str) -> PathBuf {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let folder = self.root.join("home").join(".output");
        fs::create_dir_all(&folder).expect("the test's folder is writable");
        folder.join(format!("{}.{what}", SERIAL.fetch_add(1, Ordering::Relaxed)))
    }
}

/// What a command of gw said and how it ended.
#[derive(Clone, Debug)]
#[must_use = "a command may have failed"]
pub(crate) struct Outcome {
    /// The command as one would type it.
    pub(crate) command: String,
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    root: PathBuf,
}

impl Outcome {
    /// Panics, with all that was said, unless the exit code is `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}:\n{}", self.transcript());
        self
    }

    /// Panics unless it succeeded.
    pub(crate) fn ok(self) -> Self {
        self.expect(0)
    }

    /// The standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}):\n{}", self.transcript()))
    }

    /// All in one text for golden files: the command, both outputs and the exit code, with the
    /// folder of the test as `$ROOT`.
    pub(crate) fn transcript(&self) -> String {
        let mut text = format!("$ {}\n{}", self.command, self.stdout);
        if !self.stderr.is_empty() {
            let _ = write!(text, "[stderr]\n{}", self.stderr);
        }
        let code = self.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        let _ = writeln!(text, "[exit {code}]");
        redact(&text, &self.root)
    }
}

/// `text` with `root` as `$ROOT`.
pub(crate) fn redact(text: &str, root: &Path) -> String {
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    text.replace(&*real.to_string_lossy(), "$ROOT").replace(&*root.to_string_lossy(), "$ROOT")
}

/// Where cargo put the binary: known to tests and benches, one folder above for examples.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_gw") {
        return path.into();
    }
    let own = env::current_exe().expect("a running program has a path");
    let folder = own.parent().and_then(Path::parent).expect("examples lie in target/*/examples");
    folder.join("gw")
}
