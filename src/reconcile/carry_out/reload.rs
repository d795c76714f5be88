//! A plan that needs a reload.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    apply::{self, Reloading},
    diff::{Scope, diff_held},
    fault::{self, Point},
    haproxy::{Command, Connection, SocketError, Verdict},
    intent::Intent,
    model::{BackendName, Desired, FrontendName, Live, Process, ServerName},
    observe::{identity, observe},
    plan::{Action, Loading, Object, Outcome, Plan, Report, Step},
    render::read_back,
    store::Generation,
};

use super::super::{Pass, ReconcileError, Reconciler, memory};

/// The pause between two looks at servers that are to come up.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// So often a port is looked at that seems to be taken.
const LOOKS: usize = 10;
/// So long the old worker may still be met on the socket.
const OLD_WORKER: Duration = Duration::from_secs(10);

impl Reconciler {
    /// Checks the files, reloads, and reads all of it back.
    pub(super) async fn load_by_reload(
        &self,
        intent: &Intent,
        pass: &Pass,
        live: &Live,
        next: &Generation,
        report: &mut Report,
    ) -> Result<Option<Process>, ReconcileError> {
        match pass.service.check(&next.path).await {
            Ok(Ok(())) => self.store.note_checked(next),
            Ok(Err(_)) => {
                self.is_refused(pass, next, report).await?;
                return Ok(None);
            }
            Err(why) => return Err(ReconcileError::Check(why)),
        }
        fault::at(Point::CheckedBefore);
        // In another container, say, other ports are free.
        if pass.service.shares_network()
            && let Some(why) = obstacle(&new_sockets(&pass.plan, &intent.desired)).await
        {
            let message = format!("{why}, so HAProxy could not listen there");
            self.refuse(message, pass, next, report)?;
            return Ok(None);
        }
        // What operators set while the plan was read and the files were checked counts as well.
        let mut connection = self.same_worker(&live.process).await?;
        let now = observe(&mut connection, &Scope::WHOLE, &intent.desired).await?;
        let structure = &intent.rendered.structure;
        let held = diff_held(&intent.desired, structure, &now, &Scope::WHOLE, &pass.holds).held;
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
        fault::at(Point::ReadBackDue);
        report.reloads_tried += 1;
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
        let (live, left) = self.read_after(intent, pass, live.process.pid, report).await?;
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

    /// Reads the new worker back. For a moment the old one still takes connections, and takes them
    /// along when it ends.
    async fn read_after(
        &self,
        intent: &Intent,
        pass: &Pass,
        old_pid: u32,
        report: &mut Report,
    ) -> Result<(Live, BTreeSet<String>), ReconcileError> {
        let begin = Instant::now();
        loop {
            let read = async {
                let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
                if identity(&mut connection).await?.process.pid == old_pid {
                    return Err(SocketError::Closed { answered: 0 }.into());
                }
                self.await_newcomers(&mut connection, intent, &pass.plan, report).await?;
                self.read_back(&mut connection, intent, pass, &Scope::WHOLE, report).await
            };
            match read.await {
                Err(ReconcileError::Socket(SocketError::Closed { .. }))
                    if begin.elapsed() < OLD_WORKER =>
                {
                    sleep(LOOK_AGAIN).await;
                }
                read => return read,
            }
        }
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
            if begin.elapsed() >= self.patience.ready || self.patience.is_over() {
                break;
            }
            self.patience.pause(LOOK_AGAIN).await;
        }
        let why = if self.patience.is_over() {
            "not waited for any longer, since there is something newer to do".to_owned()
        } else {
            let patience = self.patience.ready;
            format!(
                "no good health check within {patience:?}; it takes requests after the first one"
            )
        };
        for (index, _, _) in waiting {
            report.outcomes[index] = Outcome::Pending(why.clone());
        }
        Ok(())
    }

    /// Reloads what was before a change by commands.
    pub(super) async fn undo(
        &self,
        pass: &Pass,
        next: &Generation,
        previous: &Generation,
        said: String,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let old_pid = identity(&mut connection).await?.process.pid;
        let states = connection.run_one(&Command::show_servers_state()).await?;
        drop(connection);
        let before = read_back(&self.store.read(previous)?);
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
        report.reloads_tried += 1;
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

/// What HAProxy is to listen on with a plan, and does not listen on before.
fn new_sockets(plan: &Plan, desired: &Desired) -> Vec<SocketAddr> {
    let steps = plan.steps.iter();
    let (added, known): (Vec<&Step>, Vec<&Step>) = steps
        .filter(|step| matches!(step.object, Object::Frontend(_)))
        .partition(|step| step.action == Action::Add);
    let is_added = |name: &FrontendName| {
        let object = Object::Frontend(name.to_string());
        added.iter().any(|step| step.object == object)
    };
    let (new, stay): (Vec<&FrontendName>, Vec<&FrontendName>) =
        desired.frontends.keys().partition(|name| is_added(name));
    // Where HAProxy has a socket of this port, it may look taken to us, and only the address counts.
    let has_port = |name: &FrontendName| {
        let end = format!(":{}", name.port);
        let leaves = |step: &&Step| step.object.to_string().ends_with(&end);
        stay.iter().any(|known| known.port == name.port) || known.iter().any(leaves)
    };
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let port = |name: &FrontendName| if has_port(name) { 0 } else { name.port };
    let socket = |name: &FrontendName| SocketAddr::new(name.address.unwrap_or(any), port(name));
    new.into_iter().map(socket).collect()
}

/// Why HAProxy could not listen at one of these addresses. A worker that has just been replaced may listen
/// for a moment still.
async fn obstacle(addresses: &[SocketAddr]) -> Option<String> {
    for _ in 0..LOOKS {
        apply::obstacle(addresses.iter().copied())?;
        sleep(LOOK_AGAIN).await;
    }
    apply::obstacle(addresses.iter().copied())
}

/// The reply of `show servers state` without the line that tells its format.
fn without_format(states: &str) -> String {
    let rest = states.split_once('\n').map_or("", |(_, rest)| rest.trim_end_matches('\n'));
    format!("{rest}\n")
}
