//! Carrying a plan out: files first, then commands or a reload, then a look whether it is so.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    apply::{self, Progress, Reloading},
    diff::{Differences, Scope, diff},
    haproxy::{Capabilities, Command, Connection, SocketError, Verdict},
    intent::Intent,
    model::{BackendName, Live, Process, ServerName},
    observe::{identity, observe},
    plan::{self, Action, Loading, Object, Outcome, Plan, Report},
    render::read_back,
    store::{self, Generation, Metadata},
};

use super::{Disk, Pass, ReconcileError, Reconciler, files_differ, memory};

/// How often a change is read back before it counts as not made: `set server addr` takes effect a
/// moment after its reply from 3.0 on.
const READ_BACK: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(3),
    Duration::from_millis(20),
    Duration::from_millis(200),
];

/// The pause between two looks at servers that are to come up.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The level that a socket must have for changes (HAProxy manual, `stats socket`).
const ADMIN: &str = "admin";

impl Reconciler {
    /// Carries out a plan that [`plan`](Self::plan) made for the same intent.
    pub async fn apply(
        &mut self,
        intent: &Intent,
        mut pass: Pass,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReconcileError> {
        if pass.plan.is_empty() {
            let report =
                Report { remarks: pass.remarks.clone(), ..Report::nothing(pass.generation) };
            let process = pass.live.map(|live| live.process);
            self.remember(intent, process, pass.disk, &report);
            return Ok(report);
        }
        if !pass.refusals.is_empty() {
            return Err(ReconcileError::Guarded(pass.refusals));
        }
        self.store.create()?;
        let _lock = self.store.lock()?;
        if self.disk()?.current != pass.disk.current {
            return Err(ReconcileError::Stale);
        }
        let connection = match &pass.live {
            Some(live) => Some(self.still(pass.connection.take(), &live.process).await?),
            None => None,
        };
        self.store.prune()?;
        if !self.store.has_no_server_state() {
            // Left by a gw that was killed in the middle of a reload.
            self.store.write_server_state("")?;
        }
        let (next, written) = self.stage(intent, &pass)?;
        let is_new = pass.disk.current.as_ref() != Some(&next);
        if !is_new {
            // The files keep the revision that they have, and so does the process.
            pass.plan.closing.clear();
        }
        let mut report = Report {
            outcomes: vec![Outcome::Done; pass.plan.steps.len()],
            bytes_written: written,
            remarks: pass.remarks.clone(),
            ..Report::nothing(Some(next.number))
        };
        let went = match (&pass.live, connection) {
            (Some(live), Some(connection)) if pass.plan.reload => {
                // A connection would keep the old worker alive.
                drop(connection);
                self.load_by_reload(intent, &pass, live, &next, &mut report).await
            }
            (Some(_), Some(mut connection)) => {
                let connection = &mut connection;
                self.run_commands(intent, &pass, connection, &next, &mut report, progress).await
            }
            (None, _) | (_, None) => self.load_at_start(&pass, &next, &mut report).await,
        };
        let process = match went {
            Ok(process) => process,
            Err(error) => {
                if is_new && self.store.current().is_ok_and(|now| now.as_ref() != Some(&next)) {
                    self.store.discard(&next);
                }
                return Err(error);
            }
        };
        let disk = Disk { current: Some(next), files: intent.rendered.files.clone() };
        self.remember(intent, process, disk, &report);
        // What is left now is removed before the next one is written.
        let _ = self.store.prune();
        Ok(report)
    }

    /// The generation with the wanted files, and the bytes written for it.
    fn stage(&self, intent: &Intent, pass: &Pass) -> Result<(Generation, u64), ReconcileError> {
        let files = &intent.rendered.files;
        if let Some(current) = &pass.disk.current
            && !files_differ(&pass.disk.files, files)
        {
            // A pass that finishes what an earlier one began has nothing to write.
            return Ok((current.clone(), 0));
        }
        let metadata = Metadata {
            revision: intent.revision.clone(),
            structure: intent.rendered.structure.clone(),
            created: store::now(),
            cause: pass.plan.summary().to_string(),
            contents: Some(intent.contents()),
        };
        let previous = pass.disk.current.as_ref().map(|current| (current, &pass.disk.files));
        Ok(self.store.stage(files, &metadata, previous)?)
    }

    /// Carries out a plan without reload.
    async fn run_commands(
        &self,
        intent: &Intent,
        pass: &Pass,
        connection: &mut Connection,
        next: &Generation,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Process>, ReconcileError> {
        let is_new = pass.disk.current.as_ref() != Some(next);
        if pass.plan.renews_certificates() && self.is_refused(pass, next, report).await? {
            return Ok(None);
        }
        if is_new {
            self.store.switch(next)?;
        }
        let process = self.run_waves(intent, pass, connection, report, progress).await?;
        if is_new {
            self.check_after(pass, next, report).await?;
        }
        Ok(process)
    }

    /// The connection over which a plan was made, if it still leads to the worker that the plan is
    /// for; else a new one.
    async fn still(
        &self,
        connection: Option<Connection>,
        planned: &Process,
    ) -> Result<Connection, ReconcileError> {
        if let Some(mut connection) = connection
            && connection.level() == ADMIN
            && let Ok(now) = identity(&mut connection).await
            && now.process == *planned
        {
            return Ok(connection);
        }
        self.same_worker(planned).await
    }

    /// A connection to the worker that the plan was made for, or the news that it is another one.
    async fn same_worker(&self, planned: &Process) -> Result<Connection, ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        if connection.level() != ADMIN {
            return Err(SocketError::Level { level: connection.level().to_owned() }.into());
        }
        if identity(&mut connection).await?.process == *planned {
            Ok(connection)
        } else {
            Err(ReconcileError::Stale)
        }
    }

    /// Whether HAProxy refuses the files: asked before anything is changed where they hold what gw
    /// can't judge itself. Where it can't be asked, the check after the change says so.
    async fn is_refused(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<bool, ReconcileError> {
        let Ok(Err(message)) = pass.service.check(&next.path).await else { return Ok(false) };
        report.bytes_written += self.store.note_refusal(next, &message)?;
        report.generation = pass.generation;
        report.outcomes.fill(Outcome::Failed(message.clone()));
        let generation = next.path.display().to_string();
        report.loading = Loading::Refused { message, generation };
        Ok(true)
    }

    async fn load_at_start(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<Option<Process>, ReconcileError> {
        report.loading = match pass.service.check(&next.path).await {
            Ok(Ok(())) => {
                self.store.switch(next)?;
                Loading::AtStart
            }
            Ok(Err(message)) => {
                report.bytes_written += self.store.note_refusal(next, &message)?;
                let generation = next.path.display().to_string();
                report.generation = pass.generation;
                Loading::Refused { message, generation }
            }
            Err(why) => return Err(ReconcileError::Check(why)),
        };
        Ok(None)
    }

    async fn load_by_reload(
        &self,
        intent: &Intent,
        pass: &Pass,
        live: &Live,
        next: &Generation,
        report: &mut Report,
    ) -> Result<Option<Process>, ReconcileError> {
        match pass.service.check(&next.path).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                self.is_refused(pass, next, report).await?;
                return Ok(None);
            }
            Err(why) => return Err(ReconcileError::Check(why)),
        }
        // What operators set while the plan was read and the files were checked counts as well.
        let mut connection = self.same_worker(&live.process).await?;
        let now = observe(&mut connection, &Scope::WHOLE, &intent.desired).await?;
        let structure = &intent.rendered.structure;
        let held = diff(&intent.desired, structure, &now, &Scope::WHOLE).held;
        let states = connection.run_one(&Command::show_servers_state()).await?;
        if let Verdict::Refused(words) = states.verdict {
            return Err(ReconcileError::States(words));
        }
        drop(connection);
        let adding: BTreeSet<String> = memory::adding(&now);
        let server_state = apply::carry_over(&states.text, &intent.desired, &held, &adding);
        let structure = live.structure.as_deref().unwrap_or_default();
        let earlier = self.store.before(next, structure);
        let previous = match &pass.disk.current {
            Some(current) if current != next => Some(current),
            Some(_) | None => earlier.as_ref(),
        };
        let reloading = Reloading {
            store: &self.store,
            service: &pass.service,
            next,
            previous,
            running_state: &without_format(&states.text),
            server_state: &server_state,
            old_pid: live.process.pid,
        };
        let reloaded = apply::reload(reloading).await?;
        report.bytes_written += reloaded.written;
        report.remarks.extend(reloaded.remarks);
        report.loading = reloaded.loading;
        match &report.loading {
            Loading::Reloaded { .. } => report.reloads = 1,
            Loading::Refused { message, .. } | Loading::Broken { message } => {
                report.generation = pass.generation;
                report.outcomes.fill(Outcome::Failed(message.clone()));
                return Ok(None);
            }
            Loading::Running | Loading::AtStart => {}
        }
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        self.await_newcomers(&mut connection, intent, &pass.plan, report).await?;
        let (live, left) = self.read_back(&mut connection, intent, &Scope::WHOLE).await?;
        for (step, outcome) in pass.plan.steps.iter().zip(&mut report.outcomes) {
            if *outcome == Outcome::Done && left.contains(&step.object.to_string()) {
                *outcome = Outcome::Failed("it still differs after the reload".to_owned());
            }
        }
        report.remarks.extend(left.into_iter().map(|object| {
            format!("{object} differs from the manifests after the reload; apply again")
        }));
        Ok(Some(live.process))
    }

    /// Waits for the first good check of the servers that came with a reload. They count as down
    /// until then, so nothing is at stake but what the report says.
    async fn await_newcomers(
        &self,
        connection: &mut Connection,
        intent: &Intent,
        plan: &Plan,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let is_checked = |name: &BackendName| {
            intent.desired.backends.get(name).is_some_and(|backend| backend.profile.checked)
        };
        let mut waiting: Vec<(usize, &BackendName, &ServerName)> = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.action == Action::Add)
            .filter_map(|(index, step)| {
                let Object::Server(backend, server) = &step.object else { return None };
                is_checked(backend).then_some((index, backend, server))
            })
            .collect();
        let begin = Instant::now();
        while !waiting.is_empty() {
            let names = waiting.iter().map(|(_, backend, _)| (*backend).clone()).collect();
            let scope = Scope { backends: Some(names), limits: false, routing: false };
            let live = observe(connection, &scope, &intent.desired).await?;
            waiting.retain(|(_, backend, server)| {
                let servers = live.backends.get(backend.as_str());
                let state = servers.and_then(|servers| servers.get(server.as_str()));
                // In maintenance it is for a reason, and not there at all for another pass.
                state.is_some_and(|state| !state.up && !state.maintenance)
            });
            if begin.elapsed() >= self.patience.ready {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        for (index, _, _) in waiting {
            report.outcomes[index] = Outcome::Pending(format!(
                "no good health check within {:?}; it takes requests after the first one",
                self.patience.ready
            ));
        }
        Ok(())
    }

    async fn run_waves(
        &self,
        intent: &Intent,
        pass: &Pass,
        connection: &mut Connection,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Process>, ReconcileError> {
        let planned = pass.live.as_ref().map(|live| live.process.clone());
        if pass.plan.steps.iter().all(|step| step.instructions().next().is_none()) {
            return Ok(planned);
        }
        let capabilities = Capabilities::probe(connection).await?;
        let run =
            apply::run(&pass.plan, connection, &capabilities, self.patience, progress).await?;
        report.outcomes = run.outcomes;
        report.commands_sent = run.commands_sent;
        let scope = memory::touched(&pass.plan, &intent.desired);
        // On a connection of its own: the old one would lead to a worker that was replaced.
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let (live, left) = self.read_back(&mut connection, intent, &scope).await?;
        if Some(&live.process) != planned.as_ref() {
            report.remarks.push(
                "HAProxy was reloaded by somebody else meanwhile, and loaded the new files; apply \
                 again to be sure"
                    .to_owned(),
            );
        }
        for (step, outcome) in pass.plan.steps.iter().zip(&mut report.outcomes) {
            if *outcome == Outcome::Done && left.contains(&step.object.to_string()) {
                *outcome = Outcome::Failed(
                    "HAProxy took the commands, but reads back something else".to_owned(),
                );
            }
        }
        Ok(Some(live.process))
    }

    /// Reads the process again, until nothing differs any more or it is no matter of time. Returns
    /// what was read last, and the objects that still differ.
    async fn read_back(
        &self,
        connection: &mut Connection,
        intent: &Intent,
        scope: &Scope,
    ) -> Result<(Live, BTreeSet<String>), ReconcileError> {
        let capabilities = Capabilities::probe(connection).await?;
        let mut last = (Live::default(), BTreeSet::new());
        for pause in READ_BACK {
            tokio::time::sleep(pause).await;
            let live = observe(connection, scope, &intent.desired).await?;
            let differences = diff(&intent.desired, &intent.rendered.structure, &live, scope);
            let left = objects(&differences, intent, &live, &capabilities);
            let done = left.is_empty();
            last = (live, left);
            if done {
                break;
            }
        }
        Ok(last)
    }

    /// Checks the files after a change by commands. They hold what gw has written before in the
    /// same shapes, so a refusal is an alarm: the change is undone by a reload of what was before.
    async fn check_after(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        match pass.service.check(&next.path).await {
            Ok(Ok(())) => {}
            Err(why) => report.remarks.push(format!("the files could not be checked: {why}")),
            Ok(Err(said)) => {
                let Some(previous) = &pass.disk.current else {
                    report.loading = Loading::Broken { message: said };
                    return Ok(());
                };
                if let Ok(Err(_)) = pass.service.check(&previous.path).await {
                    report.remarks.push(format!(
                        "HAProxy refuses its configuration, with and without this change, so a \
                         restart would fail: {said}"
                    ));
                    return Ok(());
                }
                report.bytes_written += self.store.note_refusal(next, &said)?;
                report.generation = pass.generation;
                self.undo(pass, previous, next, said, report).await?;
            }
        }
        Ok(())
    }

    /// Reloads what was before a change by commands.
    async fn undo(
        &self,
        pass: &Pass,
        previous: &Generation,
        next: &Generation,
        said: String,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let old_pid = identity(&mut connection).await?.process.pid;
        let states = connection.run_one(&Command::show_servers_state()).await?;
        drop(connection);
        let before = read_back(&pass.disk.files);
        let state = apply::carry_over(&states.text, &before, &pass.plan.held, &BTreeSet::default());
        let reloaded = apply::reload(Reloading {
            store: &self.store,
            service: &pass.service,
            next: previous,
            previous: None,
            running_state: &state,
            server_state: &state,
            old_pid,
        })
        .await?;
        report.reloads += 1;
        report.bytes_written += reloaded.written;
        report.remarks.extend(reloaded.remarks);
        report.loading = match reloaded.loading {
            Loading::Reloaded { .. } => {
                let generation = next.path.display().to_string();
                Loading::Refused { message: said, generation }
            }
            other => other,
        };
        Ok(())
    }
}

/// The reply of `show servers state` without the line that tells its format.
fn without_format(states: &str) -> String {
    let rest = states.split_once('\n').map_or("", |(_, rest)| rest.trim_end_matches('\n'));
    format!("{rest}\n")
}

/// The objects that differ, as a plan would name them; those that wait for their first good check
/// are on their way and do not count.
fn objects(
    differences: &Differences<'_>,
    intent: &Intent,
    live: &Live,
    capabilities: &Capabilities,
) -> BTreeSet<String> {
    let context = plan::Context {
        desired: &intent.desired,
        live,
        capabilities,
        loaded: &intent.rendered.files,
        rendered: &intent.rendered.files,
        revision: &intent.revision,
        files_differ: false,
    };
    plan::plan(differences, context)
        .steps
        .into_iter()
        .filter(|step| step.because != plan::Reason::AwaitsCheck)
        .map(|step| step.object.to_string())
        .collect()
}
