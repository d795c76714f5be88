//! One pass: what is wanted, what runs, what is on disk; the plan that makes them equal; and
//! carrying it out.

mod carry_out;
mod decide;
mod disk;
mod drift;
mod error;
mod fingerprint;
mod generation;
mod health;
mod holds;
mod kept_out;
mod memory;
mod scribe;
mod standing;
mod status;
mod unmet;
mod worker;

use tokio::task::JoinHandle;

use crate::{
    apply::Patience,
    diff::{Scope, diff_held},
    guard::Refusal,
    haproxy::Connection,
    intent::{Builder, Intent},
    model::{Desired, Holds, Live, Process, Suspension},
    observe::observe,
    plan::{self, Plan, Report, Step},
    report::FileDiff,
    service::Service,
    settings::Settings,
    source::{self, LoadError, Source},
    store::Store,
};

use self::{
    disk::{Disk, config_diff, files_differ},
    memory::Memory,
    scribe::Scribe,
    worker::{Look, look},
};
pub use self::{
    error::ReconcileError,
    health::touched,
    holds::{HoldError, HoldRequest},
    kept_out::{LastState, wanted},
    worker::{old_workers, running},
};
pub use crate::apply::Progress;

/// A plan and what it was made from.
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
    /// What differs and is left alone, since drift is only reported.
    pub drift_left: Vec<Step>,
    /// Why the manifests are not followed at present. While that is so, the plan is not carried out.
    pub suspended: Option<Suspension>,
    /// Why guards refuse the plan. While there are any, it is not carried out.
    pub refusals: Vec<Refusal>,
    service: Service,
    disk: Disk,
    /// What operators held when it was made.
    holds: Holds,
    /// The connection over which HAProxy was read, for carrying the plan out.
    connection: Option<Connection>,
}

impl Pass {
    /// Closes the connection to HAProxy, for a while that may be long: an old worker lives for as
    /// long as it is connected to.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }
}

/// Plans and applies, again and again, for one HAProxy.
pub struct Reconciler {
    settings: Settings,
    store: Store,
    builder: Option<(Source, Builder)>,
    memory: Option<Memory>,
    patience: Patience,
    /// Whether plans are carried out although following is suspended.
    even_if_suspended: bool,
    look: Option<JoinHandle<Result<Option<Look>, ReconcileError>>>,
    waits_for_lock: bool,
    /// The generation that may be gone back to, which stays on disk.
    good: Option<u64>,
    scribe: Scribe,
}

impl Reconciler {
    /// Prepares; touches nothing.
    pub fn new(settings: &Settings) -> Self {
        let store = Store::new(&settings.state);
        let patience = Patience::new(settings.ready_timeout, settings.removal_timeout);
        let (settings, scribe) = (settings.clone(), Scribe::new(&store));
        Self {
            settings,
            store,
            builder: None,
            memory: None,
            patience,
            even_if_suspended: false,
            look: None,
            waits_for_lock: false,
            good: None,
            scribe,
        }
    }

    /// Changes how long the passes to come wait for what takes its time.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Whether the last pass left this process as it should be, with nothing left to do.
    pub fn knows(&self, process: &Process) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.process == *process)
    }

    /// Lets objects that are wrong stay what they were when they were last good, while the rest goes
    /// on. For a source that was not compiled yet; see [`Builder::keep_objects`].
    pub fn keep_objects(&mut self, source: &Source, good: Option<source::Look<'_>>) {
        self.builder(source).keep_objects(good);
    }

    /// Waits for another gw to end where that is at work on the state directory, instead of failing.
    pub fn wait_for_lock(&mut self) {
        self.waits_for_lock = true;
    }

    /// Keeps a generation on disk, for a way back; another one before is no longer kept.
    pub fn keep_generation(&mut self, good: Option<u64>) {
        self.good = good;
    }

    /// Carries plans out although following is suspended.
    pub fn set_even_if_suspended(&mut self, even: bool) {
        self.even_if_suspended = even;
    }

    /// Begins to read all of HAProxy's state for the next [`plan`](Self::plan), which goes on while
    /// the manifests are compiled. Must be called on a runtime.
    pub fn look_ahead(&mut self) {
        let settings = self.settings.clone();
        self.look =
            Some(tokio::spawn(
                async move { look(&settings, &Scope::WHOLE, &Desired::default()).await },
            ));
    }

    /// Reads and compiles manifests; from a repository, what its server has now. HAProxy is not
    /// involved. Blocks for as long as that takes.
    pub fn compile(&mut self, source: &Source) -> Result<Intent, LoadError> {
        self.compile_changed(source, source::Look::Everything)
    }

    /// As [`compile`](Self::compile), of the same source as the last time, where only a part need be
    /// looked at, or at a commit that was fetched before.
    pub fn compile_changed(
        &mut self,
        source: &Source,
        look: source::Look<'_>,
    ) -> Result<Intent, LoadError> {
        self.builder(source).build(look)
    }

    /// What builds from this source, with what it remembers.
    fn builder(&mut self, source: &Source) -> &mut Builder {
        if self.builder.as_ref().is_none_or(|(known, _)| known != source) {
            self.builder = None;
        }
        let (_, builder) = self.builder.get_or_insert_with(|| {
            let state_file = self.store.server_state_file();
            (source.clone(), Builder::new(source, self.store.root(), &state_file))
        });
        builder
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
        let pass = self.plan_in(intent, &scope).await?;
        // What operators hold anywhere must be known before a reload.
        if pass.plan.reload { self.plan(intent).await } else { Ok(pass) }
    }

    async fn plan_in(&mut self, intent: &Intent, scope: &Scope) -> Result<Pass, ReconcileError> {
        if !intent.is_valid() {
            return Err(ReconcileError::Invalid);
        }
        let disk = self.disk()?;
        let holds = self.holds()?;
        let mut scope = scope.clone();
        if let Some(backends) = &mut scope.backends {
            // A hold that ended changes what no manifest changed.
            backends.extend(holds.backends().cloned());
        }
        let begun = self.look.take().filter(|_| scope == Scope::WHOLE);
        let looked = match begun {
            Some(begun) => begun.await.map_err(|_| ReconcileError::Gone)??,
            None => look(&self.settings, &scope, &intent.desired).await?,
        };
        let Some(Look { mut connection, capabilities, mut live }) = looked else {
            return self.plan_start(intent, disk).await;
        };
        let same = self.memory.as_ref().is_some_and(|memory| memory.is_about(&live, &disk));
        if scope != Scope::WHOLE && !same {
            scope = Scope::WHOLE;
            live = observe(&mut connection, &scope, &intent.desired).await?;
        }
        let service = self.serving(&live)?;
        let loaded = self.loaded(&live, &disk)?;
        let structure = &intent.rendered.structure;
        tracing::debug!(process = ?live.process, ?scope, "read HAProxy's state");
        let differences = diff_held(&intent.desired, structure, &live, &scope, &holds);
        let context = plan::Context {
            desired: &intent.desired,
            live: &live,
            capabilities: &capabilities,
            loaded: &loaded,
            rendered: &intent.rendered.files,
            revision: &intent.revision,
            files_differ: files_differ(&disk.files, &intent.rendered.files)
                || !self.store.has_no_server_state(),
        };
        let mut remarks = Vec::new();
        let (plan, drift_left) = self.decide(differences, context, intent, &disk, &mut remarks);
        let config_diff =
            if plan.reload { config_diff(&loaded, &intent.rendered.files) } else { Vec::new() };
        if plan.reload && service.reloads_by_signal() {
            remarks.push(
                "there is no master socket, so the reload goes by SIGUSR2; start HAProxy with \
                 `-S <socket>` and set --master to hear what it says"
                    .to_owned(),
            );
        }
        if plan.reload && service.has_no_reload() {
            let error = ReconcileError::NoReload;
            let hint = error.hint().unwrap_or_default();
            remarks.push(format!("this can't be applied: {error}; {hint}"));
        }
        if connection.is_through_master() {
            remarks.push(
                "the runtime socket does not answer; gw talks through the master socket".to_owned(),
            );
        }
        let judgement = self.judge(&plan, intent, &disk, Some((&live, &service))).await;
        remarks.extend(judgement.warnings.iter().map(ToString::to_string));
        let suspended = self.kept_out(intent, &mut remarks)?;
        Ok(Pass {
            plan,
            generation: disk.current.as_ref().map(|generation| generation.number),
            live: Some(live),
            config_diff,
            remarks,
            refusals: judgement.refusals,
            drift_left,
            suspended,
            service,
            disk,
            holds,
            connection: Some(connection),
        })
    }

    /// The plan while HAProxy does not run: the files that it will load.
    async fn plan_start(&self, intent: &Intent, disk: Disk) -> Result<Pass, ReconcileError> {
        self.assert_stopped()?;
        let mut plan = Plan::default();
        if files_differ(&disk.files, &intent.rendered.files) {
            plan = plan::plan_start(&intent.desired);
        }
        let judgement = self.judge(&plan, intent, &disk, None).await;
        let mut remarks = vec![format!(
            "HAProxy does not answer at {}: it will load this at its start, given `-f {}`",
            self.socket()?,
            self.store.current_link().display()
        )];
        remarks.extend(judgement.warnings.iter().map(ToString::to_string));
        let suspended = self.kept_out(intent, &mut remarks)?;
        Ok(Pass {
            plan,
            live: None,
            generation: disk.current.as_ref().map(|generation| generation.number),
            config_diff: config_diff(&disk.files, &intent.rendered.files),
            remarks,
            refusals: judgement.refusals,
            drift_left: Vec::new(),
            suspended,
            service: self.service(None)?,
            disk,
            holds: self.holds()?,
            connection: None,
        })
    }

    /// Remembers a state that was reached with nothing left to do; else the next pass looks at all.
    fn remember(&mut self, intent: &Intent, process: Option<Process>, disk: Disk, report: &Report) {
        let process = process.filter(|_| report.is_complete() && report.remarks.is_empty());
        self.memory = process.map(|process| Memory::new(intent, process, disk));
    }
}
