//! One pass: from the manifests to HAProxy, told as it goes.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::{Instrument as _, Span, field};

use crate::{
    apply::Patience,
    intent::Intent,
    model::{MapName, Problems, Process, Severity},
    plan::{Loading, Object},
    reconcile::{CheckResult, ReconcileError, Reconciler},
    report::{PassRecord, PlanView, WatchEvent, pass::PassResult},
    settings::Settings,
    source::{LoadError, Look, Source},
    store::Files,
};

use super::{files::Changed, work::Work};

/// Why a pass should be repeated soon, in a word or two that are the same while the cause is.
pub(super) type Left = Option<String>;

pub(super) struct Follower {
    reconciler: Reconciler,
    source: Source,
    /// How long to wait for servers where something changed.
    patience: Patience,
    /// What the last pass left undone, which is not told again while it stays so.
    told: Vec<Object>,
    /// The problems of the manifests, which are not told again while they stay the same.
    problems: Problems,
    /// The failure of the last pass, which is not told again while it stays the same.
    failure: Option<String>,
    /// The files that HAProxy refused. They are not tried again: only others may be better.
    refused: Option<Files>,
    /// How many objects the manifests asked for the last time.
    objects: usize,
    /// The pass under way, or the last one.
    record: PassRecord,
}

impl Follower {
    pub(super) fn new(settings: &Settings, paths: &[PathBuf]) -> Self {
        let mut reconciler = Reconciler::new(settings);
        reconciler.check_later();
        Self {
            reconciler,
            source: Source::Paths(paths.to_vec()),
            patience: Patience::new(settings.ready_timeout, settings.removal_timeout),
            told: Vec::new(),
            problems: Problems::default(),
            failure: None,
            refused: None,
            objects: 0,
            record: PassRecord::default(),
        }
    }

    /// What ends the waits of the next pass when it is set.
    pub(super) fn hurry(&mut self) -> watch::Sender<bool> {
        let (sender, receiver) = watch::channel(false);
        self.patience.hurry = Some(receiver);
        sender
    }

    /// Whether the last pass ended with this process as it should be.
    pub(super) fn knows(&self, process: &Process) -> bool {
        self.reconciler.knows(process)
    }

    /// Checks the files that the last pass left unchecked. Cancel-safe.
    pub(super) async fn check(&self) -> CheckResult {
        self.reconciler.check().await
    }

    /// Acts on the result of a check.
    pub(super) async fn judge(
        &mut self,
        checked: CheckResult,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        match self.reconciler.judge(checked).await {
            Ok(None) => {}
            Ok(Some(report)) => {
                if let Loading::Refused { message, .. } | Loading::Broken { message } =
                    &report.loading
                {
                    let is_good = matches!(report.loading, Loading::Refused { .. });
                    let revision = self.record.revision.as_deref();
                    on_event(WatchEvent::RolledBack { revision, message, is_good });
                    let hint = "the last change was undone; change the manifests";
                    on_event(WatchEvent::Failed { message, hint: Some(hint) });
                }
                for remark in &report.remarks {
                    on_event(WatchEvent::Failed { message: remark, hint: None });
                }
            }
            Err(error) => drop(self.failed(&error, error.hint().as_deref(), on_event)),
        }
    }

    /// Reads and compiles what the work is about.
    fn compile(&mut self, changed: Option<&Changed>) -> Result<Intent, LoadError> {
        let look = match changed {
            Some(Changed::Paths(paths)) => Look::Paths(paths),
            Some(Changed::Everything) | None => Look::Everything,
        };
        self.reconciler.compile_changed(&self.source, look)
    }

    /// Whether the manifests are invalid after a change, or ask for less than before.
    pub(super) fn loses_something(&mut self, changed: &Changed) -> bool {
        match self.compile(Some(changed)) {
            Ok(intent) => !intent.is_valid() || objects(&intent) < self.objects,
            Err(_) => true,
        }
    }

    /// One pass, told from its begin to its end. Returns why another one should follow soon.
    pub(super) async fn pass(
        &mut self,
        work: &Work,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Left {
        let (number, causes) = (self.record.number + 1, work.causes());
        let is_whole = work.only_files().is_none();
        self.record = PassRecord { number, causes, is_whole, ..PassRecord::default() };
        let span = tracing::info_span!("pass", pass = number, revision = field::Empty);
        async {
            on_event(WatchEvent::PassBegun { number, causes: &self.record.causes });
            let left = self.look(work, on_event).await;
            on_event(WatchEvent::PassEnded(&self.record));
            left
        }
        .instrument(span)
        .await
    }

    /// What a pass does.
    async fn look(&mut self, work: &Work, on_event: &mut dyn FnMut(WatchEvent<'_>)) -> Left {
        if work.is_anew() {
            self.refused = None;
        }
        let begun = Instant::now();
        let compiled = self.compile(work.only_files());
        self.record.phases.compile = begun.elapsed();
        let intent = match compiled {
            Ok(intent) => intent,
            Err(error) => return Some(self.failed(&error, None, on_event)),
        };
        Span::current().record("revision", &intent.revision);
        self.record.revision = Some(intent.revision.clone());
        if intent.problems.worst() > Some(Severity::Note) && self.problems != intent.problems {
            on_event(WatchEvent::Problems { problems: &intent.problems, files: &intent.files });
        }
        self.problems.clone_from(&intent.problems);
        if let Some(error) = intent.problems.first_error() {
            self.record.result = PassResult::Invalid(format!("{}: {}", error.at, error.message));
            return None;
        }
        self.objects = objects(&intent);
        match self.reach(&intent, work, on_event).await {
            Ok(left) => {
                self.failure = None;
                left
            }
            Err(error) => Some(self.failed(&error, error.hint().as_deref(), on_event)),
        }
    }

    /// Plans and applies.
    async fn reach(
        &mut self,
        intent: &Intent,
        work: &Work,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        if self.refused.as_ref() == Some(&intent.rendered.files) {
            self.record.result = PassResult::Refused("HAProxy refused it before".to_owned());
            return Ok(None);
        }
        let begun = Instant::now();
        let pass = if work.only_files().is_some() {
            self.reconciler.plan_changes(intent).await?
        } else {
            self.reconciler.plan(intent).await?
        };
        self.record.phases.plan = begun.elapsed();
        self.record.is_running = Some(pass.live.is_some());
        let revision = &intent.revision;
        let plan = pass.plan.clone();
        let objects: Vec<Object> = plan.steps.iter().map(|step| step.object.clone()).collect();
        let is_news = work.has_changes() || objects != self.told;
        if plan.is_empty() {
            if work.has_changes() {
                on_event(WatchEvent::Unchanged { revision });
            }
        } else if is_news {
            on_event(WatchEvent::Planned(PlanView {
                plan: &plan,
                revision,
                running: pass.live.is_some(),
                config_diff: &pass.config_diff,
                remarks: &pass.remarks,
            }));
        }
        // A look at what was left does not keep a change waiting.
        let is_retry = !is_news && !work.has_changes();
        let patience = self.patience.clone();
        let at_once = Patience { ready: Duration::ZERO, removal: Duration::ZERO, hurry: None };
        self.reconciler.set_patience(if is_retry { at_once } else { patience });
        let begun = Instant::now();
        let applied = self.reconciler.apply(intent, pass, &mut |_| {}).await;
        self.record.phases.apply = begun.elapsed();
        let report = applied?;
        if !plan.is_empty() && (is_news || report.is_complete()) {
            on_event(WatchEvent::Applied { revision, plan: &plan, report: &report });
        }
        self.told = if report.is_complete() { Vec::new() } else { objects };
        self.refused = match report.loading {
            Loading::Refused { .. } | Loading::Broken { .. } => Some(intent.rendered.files.clone()),
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => None,
        };
        let is_left = !report.is_complete() && self.refused.is_none();
        self.record.result = PassResult::of(&plan, &report);
        (self.record.plan, self.record.report) = (Some(plan), Some(report));
        Ok(is_left.then(|| "unfinished".to_owned()))
    }

    /// Tells that a pass failed, with all causes, which it returns.
    fn failed(
        &mut self,
        error: &dyn std::error::Error,
        hint: Option<&str>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> String {
        let causes = std::iter::successors(Some(error), |&error| error.source());
        let message = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if self.failure.as_ref() != Some(&message) {
            on_event(WatchEvent::Failed { message: &message, hint });
        }
        self.record.result = PassResult::Failed(message.clone());
        self.failure = Some(message.clone());
        message
    }
}

/// How many servers, backends and routing entries the manifests ask for.
fn objects(intent: &Intent) -> usize {
    let servers = intent.desired.backends.values().map(|backend| backend.servers.len() + 1);
    let entries = MapName::ALL.map(|map| intent.desired.routing.table(map).len());
    servers.sum::<usize>() + entries.iter().sum::<usize>()
}
