//! What runs beside what is on disk, for people to read.

use std::collections::BTreeMap;

use crate::{
    model::{BackendName, Contents, Live, LiveServer, Note, Unread},
    report::status::{BackendStatus, ServerCounts, Status},
};

use super::{ReconcileError, Reconciler, standing};

impl Reconciler {
    /// Compares the process with the files on disk; the manifests are not needed. Changes nothing.
    pub async fn status(&mut self) -> Result<Status, ReconcileError> {
        let disk = self.disk()?;
        let desired = standing::desired(&disk);
        let objects = Contents::of(&desired, 0).objects();
        let generation = standing::generation(&disk);
        let suspended = self.suspended(None)?;
        let (quarantine, wanted) = (self.bad()?, self.wanted()?);
        let unread = Unread::read(&self.store)?;
        let told = Status { suspended, quarantine, wanted, unread, ..Status::default() };
        let status = Status { generation, objects, ..told };
        let Some(standing) = self.standing(&disk, &desired).await? else {
            self.assert_stopped()?;
            return Ok(status);
        };
        Ok(Status {
            revision: standing.live.notes.get(&Note::Revision).cloned(),
            backends: backends(&standing.live),
            haproxy: Some(standing.worker),
            structure_in_sync: standing.structure_in_sync,
            drift: standing.drift,
            held: standing.held,
            pending: standing.pending,
            ..status
        })
    }
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
