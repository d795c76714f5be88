//! The process beside the current generation, without any manifests.

use std::time::Duration;

use crate::{
    diff::{Held, Scope, diff_held},
    haproxy::{Capabilities, Command, Connection, reply},
    model::{BackendName, Desired, Live, Note, ServerName, ServerNote},
    observe::observe,
    plan::{self, Cause, Goal, Object, Step},
    render::read_back,
    report::status::{Generation, Pending, Worker},
};

use super::{Disk, ReconcileError, Reconciler};

/// What runs, and how it differs from the current generation.
pub(super) struct Standing {
    pub(super) connection: Connection,
    pub(super) live: Live,
    pub(super) worker: Worker,
    /// Whether the process loaded the structure of the generation.
    pub(super) structure_in_sync: bool,
    /// What would repair the differences, but for what is under way.
    pub(super) drift: Vec<Step>,
    /// What operators set by hand.
    pub(super) held: Vec<Held>,
    /// What an earlier pass began and a later one will finish.
    pub(super) pending: Vec<Pending>,
}

impl Reconciler {
    /// Compares the process with what the generation on disk asks for; `None` where HAProxy does not
    /// run. Changes nothing.
    pub(super) async fn standing(
        &self,
        disk: &Disk,
        desired: &Desired,
    ) -> Result<Option<Standing>, ReconcileError> {
        let Some(mut connection) = self.connect().await? else { return Ok(None) };
        let capabilities = Capabilities::probe(&mut connection).await?;
        let live = observe(&mut connection, &Scope::WHOLE, &Desired::default()).await?;
        self.serving(&live)?;
        let info = connection.run_one(&Command::show_info()).await?;
        let uptime = reply::info::parse(&info.text).map_or(0, |info| info.uptime);
        let worker = Worker {
            version: live.process.version.clone(),
            pid: live.process.pid,
            uptime: Duration::from_secs(uptime),
        };
        let pending = pending(&live);
        let mut standing = Standing {
            connection,
            worker,
            structure_in_sync: false,
            drift: Vec::new(),
            held: Vec::new(),
            pending,
            live,
        };
        let Some(current) = &disk.current else { return Ok(Some(standing)) };
        let live = &standing.live;
        let structure = current.metadata.structure.as_str();
        standing.structure_in_sync = live.structure.as_deref() == Some(structure);
        let holds = self.holds()?;
        let differences = diff_held(desired, structure, live, &Scope::WHOLE, &holds);
        let loaded = self.loaded(live, disk)?;
        let mut plan = plan::plan(
            &differences,
            plan::Context {
                desired,
                live,
                capabilities: &capabilities,
                loaded: &loaded,
                rendered: &disk.files,
                revision: &current.metadata.revision,
                files_differ: false,
            },
        );
        let goal = Goal { desired, structure, files: &disk.files };
        plan.attribute(goal, goal, live);
        // What is noted as under way may be over.
        let is_over = |object: &Object| {
            plan.steps.iter().any(|step| step.cause == Cause::Note && step.object == *object)
        };
        standing.pending.retain(|pending| !is_over(&pending.object));
        let is_pending =
            |object: &Object| standing.pending.iter().any(|other| other.object == *object);
        let (drift, own): (Vec<Step>, Vec<Step>) = plan
            .steps
            .into_iter()
            .filter(|step| !is_pending(&step.object))
            .partition(|step| !matches!(step.cause, Cause::Hold | Cause::Note));
        standing.pending.extend(own.into_iter().map(|step| Pending {
            object: step.object,
            why: match step.cause {
                Cause::Hold => "an operator's hold is to be set again, or is over".to_owned(),
                _ => step.because.to_string(),
            },
        }));
        standing.drift = drift;
        standing.held = plan.held;
        Ok(Some(standing))
    }
}

/// The generation on disk, for people.
pub(super) fn generation(disk: &Disk) -> Option<Generation> {
    disk.current.as_ref().map(|current| Generation {
        number: current.number,
        time: current.metadata.created,
        cause: current.metadata.cause.clone(),
    })
}

/// What the generation on disk asks for.
pub(super) fn desired(disk: &Disk) -> Desired {
    read_back(&disk.files)
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
