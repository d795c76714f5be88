//! The program `haproxy`, run to ask for its version and to check a configuration.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{
    Version,
    log::{self, Place},
};

/// A program `haproxy`: a path, or a name to look up in `PATH`.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    deadline: Duration,
}

/// What `haproxy -c` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Whether HAProxy would start with it, as far as it can tell without trying: a port that is
    /// taken shows up only at the start.
    pub ok: bool,
    /// Its words, warnings included, without what changes from run to run.
    pub text: String,
}

impl CheckReport {
    /// The places in the configuration that the words name.
    pub fn places(&self) -> Vec<Place> {
        log::places(&self.text)
    }

    /// Only the lines that say why it is refused.
    pub fn alerts(&self) -> String {
        log::alerts(&self.text)
    }
}

/// Why the program could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// No such program.
    #[error("there is no program {}: install haproxy, or name it with --haproxy", .0.display())]
    Missing(PathBuf),
    /// It can't be run.
    #[error("can't run {}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It did not end in time.
    #[error("{} did not end within {limit:?} and was killed", path.display())]
    Timeout {
        /// The program.
        path: PathBuf,
        /// The deadline.
        limit: Duration,
    },
    /// It ended by a signal.
    #[error("{} was killed while it checked the configuration: {status}", path.display())]
    Killed {
        /// The program.
        path: PathBuf,
        /// How it ended.
        status: String,
    },
    /// It is something else.
    #[error("{} does not tell HAProxy's version: it printed {said:?}", path.display())]
    NotHaproxy {
        /// The program.
        path: PathBuf,
        /// The begin of its output.
        said: String,
    },
}

impl Binary {
    /// A program and how long it may take.
    pub fn new(path: impl Into<PathBuf>, deadline: Duration) -> Self {
        Self { path: path.into(), deadline }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, which need not be the running one: a package may have been upgraded.
    pub async fn version(&self) -> Result<Version, BinaryError> {
        let said = self.version_text().await?;
        Version::parse(&said).ok_or_else(|| self.not_haproxy(&said))
    }

    /// Its version with patch level and packaging, in the form of the `Version` of `show info`.
    pub async fn version_text(&self) -> Result<String, BinaryError> {
        let output = self.run(Command::new(&self.path).arg("-v")).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let word = said
            .split_once("HAProxy version ")
            .and_then(|(_, rest)| rest.split_whitespace().next().map(str::to_owned));
        word.ok_or_else(|| self.not_haproxy(&said))
    }

    fn not_haproxy(&self, said: &str) -> BinaryError {
        let said = said.chars().take(80).collect();
        BinaryError::NotHaproxy { path: self.path.clone(), said }
    }

    /// Checks a configuration, given as HAProxy would get it: files and directories, in order. They
    /// should be absolute: after `default-path config`, 2.8 and 3.0 lose relative ones.
    pub async fn check<P: AsRef<Path>>(&self, parts: &[P]) -> Result<CheckReport, BinaryError> {
        let mut command = Command::new(&self.path);
        // Not -q: with it, not even errors are printed.
        command.arg("-c");
        for part in parts {
            command.arg("-f").arg(part.as_ref());
        }
        let output = self.run(&mut command).await?;
        if output.status.code().is_none() {
            let (path, status) = (self.path.clone(), output.status.to_string());
            return Err(BinaryError::Killed { path, status });
        }
        let text = log::clean(&String::from_utf8_lossy(&output.stderr));
        Ok(CheckReport { ok: output.status.success(), text })
    }

    async fn run(&self, command: &mut Command) -> Result<Output, BinaryError> {
        // A group of its own, in the background of a terminal: what asks there for a passphrase, as
        // OpenSSL does, must neither take what is typed for gw nor leave the terminal without echo.
        // Where the deadline passes, the dropped child is killed.
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        match timeout(self.deadline, command.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(BinaryError::Missing(self.path.clone()))
            }
            Ok(Err(source)) => Err(BinaryError::Start { path: self.path.clone(), source }),
            Err(_) => Err(BinaryError::Timeout { path: self.path.clone(), limit: self.deadline }),
        }
    }
}
