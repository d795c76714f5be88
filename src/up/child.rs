//! The HAProxy process of `gw up`.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::{
    haproxy::{BinaryError, Connection, Endpoint, Master, Version},
    settings::Settings,
    store::Store,
};

use super::{UpError, base_configuration, tail};

/// How long HAProxy may take to start, and to stop when asked kindly.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running HAProxy in master-worker mode.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    socket: PathBuf,
    log: PathBuf,
    version: Version,
}

impl Child {
    /// Writes the base configuration, starts HAProxy and waits until it answers.
    pub(super) async fn start(
        settings: &Settings,
        store: &Store,
        socket: PathBuf,
        master: &Path,
    ) -> Result<Self, UpError> {
        let base = store.root().join("base.cfg");
        let text = base_configuration(&socket);
        fs::write(&base, text).map_err(UpError::io(format!("write {}", base.display())))?;
        let theirs = settings.base.iter().flat_map(|base| [OsStr::new("-f"), base.as_os_str()]);
        let log = store.root().join("haproxy.log");
        let output = File::create(&log).map_err(UpError::io(format!("write {}", log.display())))?;
        let copy = output.try_clone().map_err(UpError::io("share the log"))?;
        let binary = settings.binary();
        let process = Command::new(&binary)
            .args(["-W", "-S"])
            .arg(master)
            .args(theirs)
            .arg("-f")
            .arg(&base)
            .arg("-f")
            .arg(store.current_link())
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(output)
            // A group of its own: the terminal's Ctrl-C is for gw, which stops HAProxy gracefully.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => BinaryError::Missing(binary.clone()).into(),
                _ => UpError::io(format!("start {}", binary.display()))(error),
            })?;
        let mut child = Self { process, socket, log, version: Version::MINIMUM };
        child.await_start(master).await?;
        Ok(child)
    }

    /// The process id of the master.
    pub(super) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// What runs.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Waits until HAProxy ends by itself, which it should not. Cancel-safe.
    pub(super) async fn ended(&mut self) -> UpError {
        let what = match self.process.wait().await {
            Ok(status) => format!("ended ({status})"),
            Err(error) => format!("can't be waited for ({error})"),
        };
        UpError::Haproxy { what, log: tail(&self.log) }
    }

    /// Both sockets must answer: on 2.6 the master's comes a moment after the worker's.
    async fn await_start(&mut self, master: &Path) -> Result<(), UpError> {
        let begin = Instant::now();
        let worker = Endpoint::Unix(self.socket.clone());
        let master = Master::new(Endpoint::Unix(master.to_owned()), PATIENCE);
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                let what = format!("did not start ({status})");
                return Err(UpError::Haproxy { what, log: tail(&self.log) });
            }
            if let Ok(connection) = Connection::open(&worker, PATIENCE).await
                && master.show_proc().await.is_ok()
            {
                self.version = connection.version();
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                let what = format!("does not answer {PATIENCE:?} after its start");
                return Err(UpError::Haproxy { what, log: tail(&self.log) });
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Lets HAProxy finish its requests (SIGUSR1), then ends it.
    pub(super) async fn stop(mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        for signal in [Signal::USR1, Signal::TERM] {
            let Some(pid) = pid else { break };
            // It may have ended by itself meanwhile, which is as well.
            let _ = kill_process(pid, signal);
            if timeout(PATIENCE, self.process.wait()).await.is_ok() {
                return;
            }
        }
        let _ = self.process.kill().await;
    }
}
