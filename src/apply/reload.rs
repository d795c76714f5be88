//! The transaction around a reload: check, switch, reload, see the new worker; else the way back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
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

/// Why a reload could not even be tried, or left things unclear.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The state directory.
    #[error("the state directory failed")]
    Store(#[from] StoreError),
    /// The binary for the check, the master.
    #[error("{0}")]
    Service(String),
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
    /// The lines of the server state file.
    pub server_state: &'a str,
    /// The worker that runs, to tell the new one from it.
    pub old_pid: u32,
}

/// Checks the staged generation, switches to it and reloads. Returns how that went, and the bytes
/// written.
pub async fn reload(reloading: Reloading<'_>) -> Result<(Loading, u64), ReloadError> {
    let Reloading { store, service, next, previous, server_state, old_pid } = reloading;
    let check = service.check(&next.path).await.map_err(ReloadError::Service)?;
    if let Err(said) = check {
        let written = store.note_refusal(next, &said)?;
        let generation = next.path.display().to_string();
        return Ok((Loading::Refused { message: said, generation }, written));
    }
    let mut written = store.write_server_state(server_state)?;
    store.switch(next)?;
    let attempt = attempt(service, &next.metadata.structure, Some(old_pid)).await;
    // A state file left behind would win over later manifests at somebody else's reload.
    written += store.write_server_state("")?;
    let why = match attempt {
        Ok(pid) => return Ok((Loading::Reloaded { pid }, written)),
        // 2.6 says nothing.
        Err(why) if why.trim().is_empty() => {
            "HAProxy does not say why; a port that is taken is likely: look at its log".to_owned()
        }
        Err(why) => why,
    };
    written += store.note_refusal(next, &why)?;
    let generation = next.path.display().to_string();
    let Some(previous) = previous else {
        let message = format!("{why}; there is no earlier generation to go back to");
        return Ok((Loading::Broken { message }, written));
    };
    store.switch(previous)?;
    match recover(service, &previous.metadata.structure).await {
        Ok(()) => Ok((Loading::Refused { message: why, generation }, written)),
        Err(again) => {
            let message = format!("{why}; and the way back failed as well: {again}");
            Ok((Loading::Broken { message }, written))
        }
    }
}

/// Reloads and waits for a worker with this structure. The words of what went wrong otherwise.
async fn attempt(service: &Service, structure: &str, old_pid: Option<u32>) -> Result<u32, String> {
    service.reload().await?;
    let begin = Instant::now();
    let mut last = String::from("no worker answered");
    while begin.elapsed() < NEW_WORKER {
        match look(service).await {
            Ok((pid, Some(found))) if found == structure && Some(pid) != old_pid => {
                return Ok(pid);
            }
            Ok((pid, _)) if Some(pid) == old_pid => {
                "the old worker still answers".clone_into(&mut last);
            }
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
async fn recover(service: &Service, structure: &str) -> Result<(), String> {
    if let Ok((_, Some(found))) = look(service).await
        && found == structure
    {
        return Ok(());
    }
    attempt(service, structure, None).await.map(|_| ())
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
