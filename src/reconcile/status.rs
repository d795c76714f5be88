//! What runs beside what is on disk, for people to read.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    diff::{Scope, diff},
    haproxy::{Capabilities, Command, reply},
    model::{BackendName, Desired, Live, LiveServer, MapName, Note, ServerName, ServerNote},
    observe::observe,
    plan::{self, Object},
    render::read_back,
    report::status::{BackendStatus, Generation, Pending, ServerCounts, Status, Worker},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// Compares the process with the files on disk; the manifests are not needed. Changes nothing.
    pub async fn status(&mut self) -> Result<Status, ReconcileError> {
        let disk = self.disk()?;
        let desired = read_back(&disk.files);
        let generation = disk.current.as_ref().map(|current| Generation {
            number: current.number,
            time: current.metadata.created,
            cause: current.metadata.cause.clone(),
        });
        let mut status = Status { generation, objects: count(&desired), ..Status::default() };
        let Some(mut connection) = self.connect().await? else {
            self.assert_stopped()?;
            return Ok(status);
        };
        let capabilities = Capabilities::probe(&mut connection).await?;
        let live = observe(&mut connection, &Scope::WHOLE, &Desired::default()).await?;
        let info = connection.run_one(&Command::show_info()).await?;
        let uptime = reply::info::parse(&info.text).map_or(0, |info| info.uptime);
        status.haproxy = Some(Worker {
            version: live.process.version.clone(),
            pid: live.process.pid,
            uptime: Duration::from_secs(uptime),
        });
        status.revision = live.notes.get(&Note::Revision).cloned();
        status.pending = pending(&live);
        status.backends = backends(&live);
        let Some(current) = &disk.current else { return Ok(status) };
        let structure = &current.metadata.structure;
        status.structure_in_sync = live.structure.as_ref() == Some(structure);
        let differences = diff(&desired, structure, &live, &Scope::WHOLE);
        let loaded = self.loaded(&live, &disk)?;
        let plan = plan::plan(
            &differences,
            plan::Context {
                desired: &desired,
                live: &live,
                capabilities: &capabilities,
                loaded: &loaded,
                rendered: &disk.files,
                revision: &current.metadata.revision,
                files_differ: false,
            },
        );
        let is_pending =
            |object: &Object| status.pending.iter().any(|other| other.object == *object);
        status.drift = plan.steps.into_iter().filter(|step| !is_pending(&step.object)).collect();
        status.held = plan.held;
        Ok(status)
    }
}

/// How many objects a generation has: backends, servers, routes.
fn count(desired: &Desired) -> usize {
    let servers: usize = desired.backends.values().map(|backend| backend.servers.len()).sum();
    let routes: usize =
        [MapName::Exact, MapName::Prefix].map(|map| desired.routing.table(map).len()).iter().sum();
    desired.backends.len() + servers + routes
}

/// What the notebook says is under way.
fn pending(live: &Live) -> Vec<Pending> {
    live.notes
        .iter()
        .filter_map(|(note, value)| {
            let Note::Server(backend, server) = note else { return None };
            let why = match value.parse().ok()? {
                ServerNote::Adding => "it waits for its first good health check",
                ServerNote::Removing => "it waits for its last request to end",
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

fn backends(live: &Live) -> Vec<BackendStatus> {
    live.backends
        .iter()
        .filter_map(|(name, servers)| {
            let name = BackendName::from_haproxy(name)?;
            Some(BackendStatus { name, servers: tally(servers) })
        })
        .collect()
}

fn tally(servers: &BTreeMap<String, LiveServer>) -> ServerCounts {
    let mut counts = ServerCounts::default();
    for server in servers.values() {
        let count = if server.maintenance {
            &mut counts.maintenance
        } else if server.draining {
            &mut counts.drain
        } else if server.up {
            &mut counts.up
        } else {
            &mut counts.down
        };
        *count += 1;
    }
    counts
}
