//! What runs. STUB, to be finished by whoever owns the reconciler: objects, drift and holds need the
//! intent of the generation on disk and are not compared yet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    diff::Scope,
    haproxy::Capabilities,
    model::{BackendName, Live, LiveServer, Note, ServerName, ServerNote},
    observe::observe,
    plan::Object,
    report::status::{BackendStatus, Generation, Pending, ServerCounts, Status, Worker},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// Reads what runs and what is on disk. Changes nothing.
    pub async fn status(&mut self) -> Result<Status, ReconcileError> {
        let disk = self.disk()?;
        let mut status = Status::default();
        let structure = disk.current.as_ref().map(|current| current.metadata.structure.clone());
        status.generation = disk.current.map(|current| Generation {
            number: current.number,
            time: UNIX_EPOCH + Duration::from_secs(current.metadata.created),
            cause: current.metadata.cause,
        });
        let Some(mut connection) = self.connect().await? else { return Ok(status) };
        let capabilities = Capabilities::probe(&mut connection).await?;
        let live = observe(&mut connection, &capabilities, &Scope::WHOLE, []).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        status.haproxy = Some(Worker {
            version: live.process.version.clone(),
            pid: live.process.pid,
            uptime: now.saturating_sub(Duration::from_secs(live.process.started)),
        });
        status.revision = live.notes.get(&Note::Revision).cloned();
        status.structure_in_sync = structure.is_some() && live.structure == structure;
        status.backends = live.backends.iter().filter_map(backend).collect();
        status.pending = pending(&live);
        Ok(status)
    }
}

fn backend(
    (name, servers): (&String, &std::collections::BTreeMap<String, LiveServer>),
) -> Option<BackendStatus> {
    let name = BackendName::from_haproxy(name)?;
    Some(BackendStatus { name, servers: servers.values().map(count).sum() })
}

fn count(server: &LiveServer) -> ServerCounts {
    let mut counts = ServerCounts::default();
    if server.maintenance {
        counts.maintenance = 1;
    } else if server.draining {
        counts.drain = 1;
    } else if server.up {
        counts.up = 1;
    } else {
        counts.down = 1;
    }
    counts
}

/// What the notebook says was begun.
fn pending(live: &Live) -> Vec<Pending> {
    let notes = live.notes.iter().filter_map(|(note, value)| match note {
        Note::Server(backend, server) => Some((backend, server, value.parse().ok()?)),
        Note::Revision
        | Note::Profile(_)
        | Note::Backend(_)
        | Note::Certificate(_)
        | Note::Weight(..) => None,
    });
    notes
        .filter_map(|(backend, server, note)| {
            let why = match note {
                ServerNote::Adding => "added; it waits for its first good health check",
                ServerNote::Removing => "leaving; it waits for its last request",
                ServerNote::Maintenance | ServerNote::Enabled => return None,
            };
            let object = Object::Server(
                BackendName::from_haproxy(backend)?,
                ServerName::from_haproxy(server)?,
            );
            Some(Pending { object, why: why.to_owned() })
        })
        .collect()
}
