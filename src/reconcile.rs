//! One pass: what is wanted, what runs, what is on disk; the plan that makes them equal; and
//! carrying it out.

mod error;
mod memory;
mod status;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    apply::{self, Patience, Reloading},
    diff::{Differences, Scope, diff},
    haproxy::{Capabilities, Command, Connection, Endpoint, SocketError},
    intent::{Builder, Intent},
    model::{Live, NOTEBOOK},
    observe::{self, identity, observe},
    plan::{self, Loading, Outcome, Plan, Report},
    provider::Provider,
    report::FileDiff,
    settings::Settings,
    source::LoadError,
    store::{self, Files, Generation, Metadata, Store},
};

pub use self::error::ReconcileError;
use self::memory::Memory;
pub use crate::apply::Progress;

/// How often a change is read back before it counts as not made: `set server addr` takes effect a
/// moment after its reply from 3.0 on.
const READ_BACK: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(3),
    Duration::from_millis(20),
    Duration::from_millis(200),
];

/// A plan and what it was made from.
#[derive(Debug)]
pub struct Pass {
    /// What is to be done.
    pub plan: Plan,
    /// What runs; `None` where HAProxy does not.
    pub live: Option<Live>,
    /// The number of the generation that is current on disk.
    pub generation: Option<u64>,
    /// The configuration files that a reload would load, where they differ.
    pub config_diff: Vec<FileDiff>,
    /// What an operator should know besides.
    pub remarks: Vec<String>,
    provider: Provider,
    disk: Disk,
}

/// What is on disk.
#[derive(Clone, Debug, Default)]
struct Disk {
    current: Option<Generation>,
    files: Files,
}

/// Plans and applies, again and again, for one HAProxy.
#[derive(Debug)]
pub struct Reconciler {
    settings: Settings,
    store: Store,
    builder: Option<(Vec<PathBuf>, Builder)>,
    memory: Option<Memory>,
}

impl Reconciler {
    /// Prepares; touches nothing.
    pub fn new(settings: &Settings) -> Self {
        let store = Store::new(&settings.state);
        Self { settings: settings.clone(), store, builder: None, memory: None }
    }

    /// Reads and compiles manifests. HAProxy is not involved.
    pub fn compile(&mut self, paths: &[PathBuf]) -> Result<Intent, LoadError> {
        self.compile_changed(paths, None)
    }

    /// As [`compile`](Self::compile), of the same paths as the last time, where only `changed`
    /// need be looked at.
    pub fn compile_changed(
        &mut self,
        paths: &[PathBuf],
        changed: Option<&[PathBuf]>,
    ) -> Result<Intent, LoadError> {
        if self.builder.as_ref().is_none_or(|(known, _)| known != paths) {
            self.builder = None;
        }
        let state_file = self.store.server_state_file();
        let (_, builder) =
            self.builder.get_or_insert_with(|| (paths.to_vec(), Builder::new(paths, &state_file)));
        builder.build(changed)
    }

    /// Compares what is wanted with what runs and what is on disk. Changes nothing.
    pub async fn plan(&mut self, intent: &Intent) -> Result<Pass, ReconcileError> {
        self.plan_in(intent, &Scope::WHOLE).await
    }

    /// As [`plan`](Self::plan), but reads of HAProxy only what differs between this intent and the
    /// last one that was reached, where the process is still the same. Others' changes elsewhere go
    /// unnoticed until the next whole pass.
    pub async fn plan_changes(&mut self, intent: &Intent) -> Result<Pass, ReconcileError> {
        let scope = self.memory.as_ref().map_or(Scope::WHOLE, |memory| memory.scope(intent));
        self.plan_in(intent, &scope).await
    }

    async fn plan_in(&mut self, intent: &Intent, scope: &Scope) -> Result<Pass, ReconcileError> {
        if !intent.is_valid() {
            return Err(ReconcileError::Invalid);
        }
        let disk = self.disk()?;
        let Some(mut connection) = self.connect().await? else {
            return self.plan_start(intent, disk);
        };
        let capabilities = Capabilities::probe(&mut connection).await?;
        let certificates = intent.desired.certificates.keys();
        let mut scope = scope.clone();
        let mut live = observe(&mut connection, &capabilities, &scope, certificates).await?;
        let same = self.memory.as_ref().is_some_and(|memory| memory.is_about(&live, &disk));
        if scope != Scope::WHOLE && !same {
            scope = Scope::WHOLE;
            let certificates = intent.desired.certificates.keys();
            live = observe(&mut connection, &capabilities, &scope, certificates).await?;
        }
        let provider = self.provider(Some(live.process.pid))?;
        let loaded = self.loaded(&live, &disk)?;
        let structure = &intent.rendered.structure;
        let differences = diff(&intent.desired, structure, &live, &scope);
        let context = plan::Context {
            desired: &intent.desired,
            live: &live,
            capabilities: &capabilities,
            loaded: &loaded,
            rendered: &intent.rendered.files,
            revision: &intent.revision,
            files_differ: files_differ(&disk.files, &intent.rendered.files),
        };
        let plan = plan::plan(&differences, context);
        let config_diff =
            if plan.reload { config_diff(&loaded, &intent.rendered.files) } else { Vec::new() };
        let mut remarks = provider.remarks().to_vec();
        if plan.reload && provider.reloads_by_signal() {
            remarks.push(
                "there is no master socket, so the reload goes by SIGUSR2; start HAProxy with \
                 `-S <socket>` and set --master to hear what it says"
                    .to_owned(),
            );
        }
        if connection.is_through_master() {
            remarks.push(
                "the runtime socket does not answer; gw talks through the master socket".to_owned(),
            );
        }
        Ok(Pass {
            plan,
            generation: disk.current.as_ref().map(|generation| generation.number),
            live: Some(live),
            config_diff,
            remarks,
            provider,
            disk,
        })
    }

    /// The plan while HAProxy does not run: the files that it will load.
    fn plan_start(&self, intent: &Intent, disk: Disk) -> Result<Pass, ReconcileError> {
        let mut plan = Plan::default();
        if files_differ(&disk.files, &intent.rendered.files) {
            plan = plan::plan_start(&intent.desired);
        }
        Ok(Pass {
            plan,
            live: None,
            generation: disk.current.as_ref().map(|generation| generation.number),
            config_diff: config_diff(&disk.files, &intent.rendered.files),
            remarks: vec![format!(
                "HAProxy does not answer at {}: it will load this at its start, given `-f {}`",
                self.socket()?,
                self.store.current_link().display()
            )],
            provider: self.provider(None)?,
            disk,
        })
    }

    /// Carries out a plan that [`plan`](Self::plan) made for the same intent.
    pub async fn apply(
        &mut self,
        intent: &Intent,
        pass: Pass,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReconcileError> {
        if pass.plan.is_empty() {
            let report =
                Report { remarks: pass.remarks.clone(), ..Report::nothing(pass.generation) };
            self.remember(intent, pass.live, pass.disk, &report);
            return Ok(report);
        }
        self.store.create()?;
        let _lock = self.store.lock()?;
        if self.disk()?.current != pass.disk.current {
            return Err(ReconcileError::Stale);
        }
        let metadata = Metadata {
            revision: intent.revision.clone(),
            structure: intent.rendered.structure.clone(),
            created: store::now(),
            cause: pass.plan.summary().to_string(),
        };
        let previous = pass.disk.current.as_ref().map(|current| (current, &pass.disk.files));
        let files = &intent.rendered.files;
        let (next, written) = self.store.stage(files, &metadata, previous)?;
        let mut report = Report {
            outcomes: vec![Outcome::Done; pass.plan.steps.len()],
            bytes_written: written,
            remarks: pass.remarks.clone(),
            ..Report::nothing(Some(next.number))
        };
        let live = match &pass.live {
            None => {
                self.load_at_start(&pass, &next, &mut report).await?;
                None
            }
            Some(live) if pass.plan.reload => {
                self.load_by_reload(intent, &pass, live, &next, &mut report).await?
            }
            Some(live) => {
                self.store.switch(&next)?;
                self.run_waves(intent, &pass, live, &mut report, progress).await?;
                self.check_after(&pass, &next, &mut report).await?;
                None
            }
        };
        self.store.prune()?;
        let disk = Disk { current: Some(next), files: files.clone() };
        self.remember(intent, live, disk, &report);
        Ok(report)
    }

    async fn load_at_start(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        report.loading = match pass.provider.check(&next.path).await {
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
        Ok(())
    }

    async fn load_by_reload(
        &self,
        intent: &Intent,
        pass: &Pass,
        live: &Live,
        next: &Generation,
        report: &mut Report,
    ) -> Result<Option<Live>, ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        if identity(&mut connection).await?.process != live.process {
            return Err(ReconcileError::Stale);
        }
        let states = connection.run_one(&Command::show_servers_state()).await?;
        let adding: BTreeSet<String> = memory::adding(live);
        let desired = &intent.desired;
        let server_state = apply::carry_over(&states.text, desired, &pass.plan.held, &adding);
        drop(connection);
        let reloading = Reloading {
            store: &self.store,
            provider: &pass.provider,
            next,
            previous: pass.disk.current.as_ref(),
            server_state: &server_state,
            old_pid: live.process.pid,
        };
        let (loading, written) = apply::reload(reloading).await?;
        report.bytes_written += written;
        report.loading = loading;
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
        let (live, left) = self.read_back(&mut connection, intent, &Scope::WHOLE).await?;
        report.remarks.extend(left.into_iter().map(|object| {
            format!("{object} differs from the manifests after the reload; apply again")
        }));
        Ok(Some(live))
    }

    async fn run_waves(
        &self,
        intent: &Intent,
        pass: &Pass,
        live: &Live,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ReconcileError> {
        if pass.plan.steps.iter().all(|step| step.instructions().next().is_none()) {
            return Ok(());
        }
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        if identity(&mut connection).await?.process != live.process {
            return Err(ReconcileError::Stale);
        }
        let patience =
            Patience { ready: self.settings.ready_timeout, removal: self.settings.removal_timeout };
        let capabilities = Capabilities::probe(&mut connection).await?;
        let run =
            apply::run(&pass.plan, &mut connection, &capabilities, patience, progress).await?;
        report.outcomes = run.outcomes;
        report.commands_sent = run.commands_sent;
        let scope = memory::touched(&pass.plan);
        let (_, left) = self.read_back(&mut connection, intent, &scope).await?;
        for (step, outcome) in pass.plan.steps.iter().zip(&mut report.outcomes) {
            if *outcome == Outcome::Done && left.contains(&step.object.to_string()) {
                *outcome = Outcome::Failed(
                    "HAProxy took the commands, but reads back something else".to_owned(),
                );
            }
        }
        Ok(())
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
            let certificates = intent.desired.certificates.keys();
            let live = observe(connection, &capabilities, scope, certificates).await?;
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
        match pass.provider.check(&next.path).await {
            Ok(Ok(())) => {}
            Err(why) => report.remarks.push(format!("the files could not be checked: {why}")),
            Ok(Err(said)) => {
                report.bytes_written += self.store.note_refusal(next, &said)?;
                let Some(previous) = &pass.disk.current else {
                    report.loading = Loading::Broken { message: said };
                    return Ok(());
                };
                self.store.switch(previous)?;
                report.loading = match pass.provider.reload().await {
                    Ok(()) => Loading::Refused {
                        message: said,
                        generation: next.path.display().to_string(),
                    },
                    Err(again) => Loading::Broken { message: format!("{said}\n{again}") },
                };
                report.reloads += 1;
            }
        }
        Ok(())
    }

    fn remember(&mut self, intent: &Intent, live: Option<Live>, disk: Disk, report: &Report) {
        self.memory = match live {
            Some(live) if report.is_complete() => Some(Memory::new(intent, &live, disk)),
            // A change by commands leaves the same process on a new generation.
            None if report.is_complete() && report.loading == Loading::Running => {
                self.memory.take().map(|memory| memory.moved_on(intent, disk))
            }
            Some(_) | None => None,
        };
    }

    /// A connection to the worker: through the master where the runtime socket is dead. `None`
    /// where HAProxy does not run.
    async fn connect(&self) -> Result<Option<Connection>, ReconcileError> {
        match Connection::open(self.socket()?, observe::DEADLINE).await {
            Ok(connection) => return Ok(Some(connection)),
            Err(SocketError::Missing(_) | SocketError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(master) = &self.settings.master else { return Ok(None) };
        match Connection::open(master, observe::DEADLINE).await {
            Ok(connection) => Ok(Some(connection)),
            Err(SocketError::Missing(_) | SocketError::Refused(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn provider(&self, pid: Option<u32>) -> Result<Provider, ReconcileError> {
        let current = self.store.current_link();
        Ok(Provider::find(&self.settings, self.socket()?.clone(), &current, pid))
    }

    fn socket(&self) -> Result<&Endpoint, ReconcileError> {
        Ok(self.settings.socket()?)
    }

    /// What is on disk. A state directory that does not exist yet is an empty one.
    fn disk(&self) -> Result<Disk, ReconcileError> {
        let current = match self.store.current() {
            Ok(current) => current,
            Err(store::StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(memory) = &self.memory
            && memory.disk.current == current
        {
            return Ok(memory.disk.clone());
        }
        let files = match &current {
            Some(generation) => self.store.read(generation)?,
            None => Files::new(),
        };
        Ok(Disk { current, files })
    }

    /// The files that the process has loaded: those of the generation with its structure.
    fn loaded(&self, live: &Live, disk: &Disk) -> Result<Files, ReconcileError> {
        let Some(structure) = &live.structure else { return Ok(Files::new()) };
        let is_current = |generation: &Generation| generation.metadata.structure == *structure;
        if disk.current.as_ref().is_some_and(is_current) {
            return Ok(disk.files.clone());
        }
        match self.store.with_structure(structure) {
            Ok(Some(generation)) => Ok(self.store.read(&generation)?),
            Ok(None) | Err(store::StoreError::Missing(_)) => Ok(Files::new()),
            Err(error) => Err(error.into()),
        }
    }
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

/// Whether the files say something else to HAProxy: comments and the revision aside.
fn files_differ(old: &Files, new: &Files) -> bool {
    fn meaning<'a>(name: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
        let notes = name == NOTEBOOK;
        text.lines().map(str::trim).filter(move |line| {
            let says_nothing = line.is_empty() || line.starts_with('#');
            !(says_nothing || notes && line.starts_with("revision "))
        })
    }
    old.len() != new.len()
        || old.iter().zip(new).any(|((old_name, old), (name, new))| {
            old_name != name
                || (!Arc::ptr_eq(old, new)
                    && old != new
                    && !meaning(name, old).eq(meaning(name, new)))
        })
}

/// The configuration files that differ.
fn config_diff(old: &Files, new: &Files) -> Vec<FileDiff> {
    let is_config = |name: &&String| name.ends_with(".cfg");
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).filter(is_config).collect();
    names
        .into_iter()
        .map(|name| FileDiff {
            path: name.clone(),
            old: old.get(name).cloned().unwrap_or_default(),
            new: new.get(name).cloned().unwrap_or_default(),
        })
        .filter(|diff| diff.old != diff.new)
        .collect()
}
