//! The HAProxy that answers: how it is reached, read, and told from others.

use crate::{
    diff::Scope,
    haproxy::{Capabilities, Connection, Endpoint, SocketError},
    model::{Desired, Live, Process},
    observe::{self, observe},
    service::{self, Service},
    settings::Settings,
    store::Store,
};

use super::{ReconcileError, Reconciler};

/// A process and its state.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) connection: Connection,
    pub(super) capabilities: Capabilities,
    pub(super) live: Live,
}

impl Reconciler {
    /// A connection to the worker; `None` where HAProxy does not run.
    pub(super) async fn connect(&self) -> Result<Option<Connection>, ReconcileError> {
        connect(&self.settings).await
    }

    pub(super) fn service(&self, pid: Option<u32>) -> Result<Service, ReconcileError> {
        let current = self.store.current_link();
        Ok(Service::find(&self.settings, self.socket()?.clone(), &current, pid))
    }

    /// The HAProxy that was read, or the news that it does not load what is in our state directory:
    /// then nothing in there may be compared with it, and no reload would bring it in.
    pub(super) fn serving(&self, live: &Live) -> Result<Service, ReconcileError> {
        let service = self.service(Some(live.process.pid))?;
        let not_loaded = || {
            let current = self.store.current_link().display().to_string();
            ReconcileError::NotLoaded { current }
        };
        let structure = live.structure.as_ref().ok_or_else(not_loaded)?;
        match service.loads_current() {
            Some(true) => Ok(service),
            Some(false) => Err(not_loaded()),
            // What it runs must at least come from here.
            None if self.store.with_structure(structure)?.is_some() => Ok(service),
            None => {
                let state = self.store.root().display().to_string();
                Err(ReconcileError::OtherState { state })
            }
        }
    }

    pub(super) fn socket(&self) -> Result<&Endpoint, ReconcileError> {
        Ok(self.settings.socket()?)
    }

    /// An error where HAProxy runs after all, and just does not answer where it was looked for.
    pub(super) fn assert_stopped(&self) -> Result<(), ReconcileError> {
        match service::running_with(&self.store.current_link()) {
            Some(pid) => {
                Err(ReconcileError::OtherSocket { pid, socket: self.socket()?.to_string() })
            }
            None => Ok(()),
        }
    }
}

/// Reads the process; `None` where HAProxy does not run.
pub(super) async fn look(
    settings: &Settings,
    scope: &Scope,
    desired: &Desired,
) -> Result<Option<Look>, ReconcileError> {
    let Some(mut connection) = connect(settings).await? else { return Ok(None) };
    let capabilities = Capabilities::probe(&mut connection).await?;
    let live = observe(&mut connection, scope, desired).await?;
    Ok(Some(Look { connection, capabilities, live }))
}

/// The HAProxy that answers; `None` where none does.
pub async fn running(settings: &Settings) -> Option<Process> {
    let mut connection = connect(settings).await.ok()??;
    Some(observe::identity(&mut connection).await.ok()?.process)
}

/// How many workers of earlier configurations than that of `process` still live; `None` where nobody
/// can tell.
pub async fn old_workers(settings: &Settings, process: Option<&Process>) -> Option<usize> {
    let socket = settings.socket().ok()?.clone();
    let current = Store::new(&settings.state).current_link();
    let pid = process.map(|process| process.pid);
    Service::find(settings, socket, &current, pid).old_workers().await
}

/// A connection to the worker: through the master where the runtime socket is dead. `None` where
/// HAProxy does not run.
async fn connect(settings: &Settings) -> Result<Option<Connection>, ReconcileError> {
    match Connection::open(settings.socket()?, observe::DEADLINE).await {
        Ok(connection) => return Ok(Some(connection)),
        Err(SocketError::Missing(_) | SocketError::Refused(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let Some(master) = &settings.master else { return Ok(None) };
    match Connection::open(master, observe::DEADLINE).await {
        Ok(connection) => Ok(Some(connection)),
        Err(SocketError::Missing(_) | SocketError::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
