//! The transaction around a reload: check, switch, reload, see the new worker; else the way back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    fault::{self, Point},
    haproxy::{Command, Connection, SocketError, reply::var},
    plan::Loading,
    service::Service,
    store::{Generation, Store, StoreError},
};

/// How long a new worker may take until it answers. 100,000 servers take 5 s on a slow machine.
const NEW_WORKER: Duration = Duration::from_secs(60);
/// The pause between two looks at it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// Why a reload could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a reload is about.
#[derive(Clone, Copy, Debug)]
pub struct Reloading<'a> {
    /// Where generations are.
    pub store: &'a Store,
    /// How to reach HAProxy.
    pub service: &'a Service,
    /// The staged generation.
    pub next: &'a Generation,
    /// The one that runs.
    pub previous: Option<&'a Generation>,
    /// What `show servers state` says now, without its first line: for the way back.
    pub running_state: &'a str,
    /// The same for the new worker, with what Git owns put in.
    pub server_state: &'a str,
    /// The worker that runs, to tell the new one from it.
    pub old_pid: u32,
}

/// How a reload went.
#[derive(Debug)]
pub struct Reloaded {
    /// What serves now.
    pub loading: Loading,
    /// How many bytes were written.
    pub written: u64,
    /// What could not be tidied up. The server state file must not stay, so the next apply tries.
    pub remarks: Vec<String>,
}

/// Switches to a generation that was checked, and reloads; else goes the way back. Once the switch
/// is done nothing ends this early.
pub async fn reload(reloading: Reloading<'_>) -> Result<Reloaded, ReloadError> {
    let Reloading { store, service, next, previous, running_state, server_state, old_pid } =
        reloading;
    let mut written = store.write_server_state(server_state)?;
    fault::at(Point::StateWritten);
    store.switch(next)?;
    fault::at(Point::ReloadDue);
    let mut remarks = Vec::new();
    let mut tidy = |result: Result<u64, StoreError>| match result {
        Ok(bytes) => written += bytes,
        Err(error) => remarks.push(error.to_string()),
    };
    let loading = match attempt(service, &next.metadata.structure, old_pid).await {
        Ok(pid) => Loading::Reloaded { pid },
        Err(why) => {
            // 2.6 says nothing.
            let why = if why.trim().is_empty() {
                "HAProxy does not say why; a port that is taken is likely: look at its log".into()
            } else {
                why
            };
            fault::at(Point::ReloadRefused);
            tidy(store.note_refusal(next, &why));
            tidy(store.write_server_state(running_state));
            way_back(store, service, next, previous, old_pid, why).await
        }
    };
    fault::at(Point::ReloadOver);
    // A state file left behind would win over later manifests at somebody else's reload.
    tidy(store.write_server_state(""));
    Ok(Reloaded { loading, written, remarks })
}

/// Puts the previous generation back and sees to it that a worker with it answers.
async fn way_back(
    store: &Store,
    service: &Service,
    next: &Generation,
    previous: Option<&Generation>,
    old_pid: u32,
    why: String,
) -> Loading {
    let Some(previous) = previous else {
        let message = format!("{why}; there is no earlier generation to go back to");
        return Loading::Broken { message };
    };
    if let Err(error) = store.switch(previous) {
        return Loading::Broken { message: format!("{why}; and the way back failed: {error}") };
    }
    fault::at(Point::WentBack);
    match recover(service, &previous.metadata.structure, old_pid).await {
        Ok(()) => Loading::Refused { message: why, generation: next.path.display().to_string() },
        Err(again) => {
            let message = format!("{why}; and the way back failed as well: {again}");
            Loading::Broken { message }
        }
    }
}

/// Reloads and waits for a new worker with this structure: one that was there before may have it
/// too, and be met for a while after an earlier reload. The words of what went wrong otherwise.
async fn attempt(service: &Service, structure: &str, old_pid: u32) -> Result<u32, String> {
    let mut known = service.workers().await;
    known.insert(old_pid);
    service.reload().await?;
    let begin = Instant::now();
    let mut last = String::from("no worker answered");
    while begin.elapsed() < NEW_WORKER {
        match look(service).await {
            Ok((pid, _)) if known.contains(&pid) => {
                "the old worker still answers".clone_into(&mut last);
            }
            Ok((pid, Some(found))) if found == structure => return Ok(pid),
            Ok((_, found)) => {
                return Err(format!(
                    "the new worker did not load {}: it reports {}; is `-f {}` the last -f of \
                     HAProxy's command line?",
                    service.current().display(),
                    found.map_or("none of gw's".to_owned(), |found| format!("structure {found}")),
                    service.current().display(),
                ));
            }
            Err(error) => last = error.to_string(),
        }
        sleep(LOOK_AGAIN).await;
    }
    Err(format!("no new worker within {NEW_WORKER:?}: {last}"))
}

/// Sees to it that a worker with the old structure answers on the runtime socket: the old one
/// serves on as a rule, but from 3.2 on a reload that failed to bind takes its socket away.
async fn recover(service: &Service, structure: &str, old_pid: u32) -> Result<(), String> {
    let wrong = match look(service).await {
        Ok((_, Some(found))) if found == structure => return Ok(()),
        Ok((pid, _)) => pid,
        Err(_) => old_pid,
    };
    attempt(service, structure, wrong).await.map(|_| ())
}

/// Who answers on the runtime socket, and what it has loaded.
async fn look(service: &Service) -> Result<(u32, Option<String>), SocketError> {
    let mut connection = Connection::open(service.socket(), LOOK).await?;
    let get = Command::get_var("proc.gw_structure")
        .map_err(|error| SocketError::Protocol(error.to_string()))?;
    let replies = connection.run(&[Command::show_info(), get]).await?;
    let [info, structure] = replies.as_slice() else {
        return Err(SocketError::Closed { answered: replies.len() });
    };
    let info = crate::haproxy::reply::info::parse(&info.text)
        .map_err(|error| SocketError::Protocol(error.to_string()))?;
    Ok((info.pid, var::parse(&structure.text).ok().flatten()))
}
