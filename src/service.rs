//! The HAProxy on this machine: how to reach it, check a configuration for it, and reload it.
//!
//! What nobody told gw it finds out from the running process: its binary, its `-f` arguments and
//! its master, all from `/proc`.

mod process;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    haproxy::{Binary, Endpoint, Master, ReloadOutcome},
    settings::Settings,
};

pub use self::process::running_with;
use self::process::{LocalProcess, children, is_named_haproxy, leads_to, shares_network};

/// How long `haproxy -c` may take.
const CHECK: Duration = Duration::from_secs(120);
/// How long the master may take to say who runs.
const LOOK: Duration = Duration::from_secs(5);
/// How long the master may take to answer a reload.
const RELOAD: Duration = Duration::from_secs(120);

/// One HAProxy.
#[derive(Clone, Debug)]
pub struct Service {
    socket: Endpoint,
    master: Option<Endpoint>,
    binary: PathBuf,
    /// The operator's own files and folders, in order.
    base: Vec<PathBuf>,
    current: PathBuf,
    /// The process id of the master, where the worker's parent is one.
    master_pid: Option<u32>,
    /// Whether it was started with the link; `None` where nobody can tell.
    loads_current: Option<bool>,
    /// The process id of the worker, which may be of another machine or container.
    pid: Option<u32>,
}

impl Service {
    /// Takes the settings, and fills in from the worker `pid` what they leave open.
    pub fn find(settings: &Settings, socket: Endpoint, current: &Path, pid: Option<u32>) -> Self {
        // The process may be on another machine or in another container, and its number here
        // somebody else's.
        let process = pid.and_then(LocalProcess::find).filter(LocalProcess::is_haproxy);
        let mut base: Vec<PathBuf> = settings.base.iter().cloned().collect();
        let mut loads_current = None;
        if let Some(process) = &process {
            let (ours, others): (Vec<PathBuf>, Vec<PathBuf>) =
                process.config.iter().cloned().partition(|path| leads_to(path, current));
            loads_current =
                if ours.is_empty() { process.has_plain_paths.then_some(false) } else { Some(true) };
            if base.is_empty() {
                base = others;
            }
        }
        let binary = match (&settings.haproxy, &process) {
            // Nobody named another one: what runs is what must understand the files.
            (None, Some(process)) => process.binary.clone(),
            (Some(_), _) | (None, None) => settings.binary(),
        };
        Self {
            socket,
            master: settings.master.clone(),
            binary,
            base,
            current: current.to_owned(),
            pid,
            master_pid: process.and_then(|process| process.master),
            loads_current,
        }
    }

    /// The runtime socket.
    pub fn socket(&self) -> &Endpoint {
        &self.socket
    }

    /// The link that HAProxy loads.
    pub fn current(&self) -> &Path {
        &self.current
    }

    /// The program that checks configurations.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The operator's own files and folders, in order.
    pub fn base(&self) -> &[PathBuf] {
        &self.base
    }

    /// Whether HAProxy was started with the link, so that a reload loads what gw writes; `None`
    /// where its process can't be looked at.
    pub fn loads_current(&self) -> Option<bool> {
        self.loads_current
    }

    /// Whether it listens on this machine's addresses, as gw sees them: both are in the same network
    /// namespace.
    pub fn shares_network(&self) -> bool {
        self.pid.is_some_and(|pid| is_named_haproxy(pid) && shares_network(pid))
    }

    /// Runs `haproxy -c` on the operator's files and a generation. The inner error is HAProxy's
    /// refusal in its own words; the outer one that it could not be asked.
    pub async fn check(&self, generation: &Path) -> Result<Result<(), String>, String> {
        let mut files = self.base.clone();
        files.push(generation.to_owned());
        let binary = Binary::new(&self.binary, CHECK);
        tracing::debug!(binary = %self.binary.display(), ?files, "checking the configuration");
        let report = binary.check(&files).await.map_err(|error| error.to_string())?;
        Ok(if report.ok { Ok(()) } else { Err(report.alerts()) })
    }

    /// How many workers of earlier configurations still live; `None` where nobody can tell.
    pub async fn old_workers(&self) -> Option<usize> {
        if let Some(endpoint) = &self.master
            && let Some(number) = old_workers(endpoint).await
        {
            return Some(number);
        }
        let others = children(self.master_pid?).filter(|pid| Some(*pid) != self.pid);
        // A master may run other programs, too.
        Some(others.filter(|pid| is_named_haproxy(*pid)).count())
    }

    /// The process ids of all workers, those included that finish what they have: a new one is none
    /// of them. Empty where nobody can tell.
    pub async fn workers(&self) -> BTreeSet<u32> {
        if let Some(endpoint) = &self.master
            && let Ok(processes) = Master::new(endpoint.clone(), LOOK).show_proc().await
        {
            let workers = processes.workers.iter().chain(&processes.old_workers);
            return workers.map(|worker| worker.pid).collect();
        }
        let Some(master) = self.master_pid else { return BTreeSet::new() };
        children(master).collect()
    }

    /// Asks for a graceful reload, once: through the master socket, else by SIGUSR2 to the master,
    /// whose result only the new worker tells. HAProxy's words where it refused.
    pub async fn reload(&self) -> Result<(), String> {
        if let Some(endpoint) = &self.master {
            tracing::info!(master = %endpoint, "asking for a reload");
            let outcome = Master::new(endpoint.clone(), RELOAD).reload().await;
            match outcome {
                Ok(ReloadOutcome::Reloaded { .. }) => return Ok(()),
                Ok(ReloadOutcome::Failed { log }) => return Err(log),
                // A second reload would load what the first one leaves: no state of servers.
                Ok(ReloadOutcome::Unclear { why }) => {
                    tracing::warn!(%why, "the master does not say how the reload went");
                    return Ok(());
                }
                Err(error) if self.master_pid.is_none() => return Err(error.to_string()),
                // The master socket is gone, but its process is known.
                Err(_) => {}
            }
        }
        let Some(pid) = self.master_pid else {
            return Err("HAProxy can't be reloaded: it does not run in master-worker mode here; \
                        start it with `-W -S <socket>` and tell gw the socket by --master"
                .to_owned());
        };
        tracing::info!(pid, "asking for a reload by SIGUSR2");
        signal_reload(pid)
    }

    /// Whether nobody knows a way to reload it: it has no master, or one that gw can't reach.
    pub fn has_no_reload(&self) -> bool {
        self.master.is_none() && self.master_pid.is_none()
    }

    /// Whether a reload will go by signal, since there is no master socket.
    pub fn reloads_by_signal(&self) -> bool {
        self.master.is_none() && self.master_pid.is_some()
    }
}

/// How many workers of earlier configurations a master still has; `None` where it does not say.
async fn old_workers(master: &Endpoint) -> Option<usize> {
    let processes = Master::new(master.clone(), LOOK).show_proc().await.ok()?;
    let serving = processes.serving().map(|worker| worker.pid);
    Some(processes.old_workers.iter().filter(|old| Some(old.pid) != serving).count())
}

/// Sends SIGUSR2 to a master (management guide, section 4).
fn signal_reload(pid: u32) -> Result<(), String> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else { return Err(format!("{pid:?} is no process id")) };
    rustix::process::kill_process(pid, rustix::process::Signal::USR2)
        .map_err(|error| format!("can't signal HAProxy's master process: {error}"))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::process::ExitStatusExt as _,
        process::{Child, Command},
    };

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
    };

    use super::*;

    /// A service whose master is a process that ends at the first signal.
    fn service(master: &Path) -> (Service, Child) {
        let process = Command::new("sleep").arg("60").spawn().unwrap();
        let endpoint = Endpoint::Unix(master.to_owned());
        let service = Service {
            socket: endpoint.clone(),
            master: Some(endpoint),
            binary: PathBuf::new(),
            base: Vec::new(),
            current: PathBuf::new(),
            master_pid: Some(process.id()),
            loads_current: None,
            pid: None,
        };
        (service, process)
    }

    #[tokio::test]
    async fn what_was_asked_for_is_not_asked_for_again_by_signal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let processes = "#<PID> <type>\n1 master 0 [failed: 0] 0d00h00m01s 2.6\n# workers\n2 worker 0 0 2.6\n";
            for reply in [processes, "What?\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 100]).await;
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        let (service, mut process) = service(&path);
        assert_eq!(service.reload().await, Ok(()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(process.try_wait().unwrap(), None, "it was signalled as well");
        // Where nothing could be asked for, the signal is the way.
        fs::remove_file(&path).unwrap();
        assert_eq!(service.reload().await, Ok(()));
        let usr2 = rustix::process::Signal::USR2.as_raw();
        assert_eq!(process.wait().unwrap().signal(), Some(usr2));
    }
}
