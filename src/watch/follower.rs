//! One pass: from the source to HAProxy, told as it goes.

use std::{
    error::Error,
    iter,
    mem::{self, Discriminant},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::{Instrument as _, Span, field};

use crate::{
    apply::Patience,
    control::Flaps,
    guard::Refusal,
    intent::Intent,
    model::{Commit, MapName, Problems, Process, Severity},
    plan::{Cause as StepCause, Loading, Object, Outcome, Plan, Report},
    reconcile::{ReconcileError, Reconciler},
    report::{
        PassRecord, PlanView, WatchEvent,
        json::CauseWord,
        pass::{PassCause, PassResult},
    },
    settings::{BadManifests, Settings},
    source::{LoadError, Look, Source},
    store::Files,
};

use super::{files::Changed, history::History, work::Work};

/// Why a pass should be repeated soon; `None` where nothing is left to do.
pub(super) type Left = Option<Rest>;

/// What is left to do, by its kind alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The source can't be read.
    Source(Discriminant<LoadError>),
    /// HAProxy can't be compared or changed.
    Pass(Discriminant<ReconcileError>),
    /// Objects wait for something.
    Unfinished,
}

impl From<&LoadError> for Rest {
    fn from(error: &LoadError) -> Self {
        Self::Source(mem::discriminant(error))
    }
}

impl From<&ReconcileError> for Rest {
    fn from(error: &ReconcileError) -> Self {
        Self::Pass(mem::discriminant(error))
    }
}

pub(super) struct Follower<'a> {
    reconciler: Reconciler,
    source: &'a Source,
    /// The commits of the repository, where one is followed.
    history: Option<History>,
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
    /// Who keeps changing back what is corrected.
    flaps: Flaps,
    /// Whether following was suspended at the last pass.
    is_suspended: bool,
    /// The pass under way, or the last one.
    record: PassRecord,
}

impl<'a> Follower<'a> {
    pub(super) fn new(settings: &Settings, source: &'a Source, command: CauseWord) -> Self {
        let mut reconciler = Reconciler::new(settings);
        reconciler.act_as(command);
        if settings.bad_manifests == BadManifests::Object {
            reconciler.keep_objects();
        }
        let history = match source {
            Source::Paths(_) => None,
            Source::Git(repository) => Some(History::new(repository, &settings.state)),
        };
        Self {
            reconciler,
            source,
            history,
            patience: Patience::new(settings.ready_timeout, settings.removal_timeout),
            told: Vec::new(),
            problems: Problems::default(),
            failure: None,
            refused: None,
            objects: 0,
            flaps: Flaps::default(),
            is_suspended: false,
            record: PassRecord::default(),
        }
    }

    /// What ends the waits of the next pass when it is set.
    pub(super) fn hurry(&mut self) -> watch::Sender<bool> {
        let (sender, receiver) = watch::channel(false);
        self.patience.hurry = Some(receiver);
        sender
    }

    /// The commit that is wanted, where a repository is followed.
    pub(super) fn commit(&self) -> Option<Commit> {
        self.history.as_ref()?.commit().cloned()
    }

    /// Whether the last pass left this process as it should be.
    pub(super) fn knows(&self, process: &Process) -> bool {
        self.reconciler.knows(process)
    }

    /// Reads and compiles the source, or only the files of it that changed.
    fn compile(&mut self, changed: Option<&Changed>) -> Result<Intent, LoadError> {
        let commit = self.history.as_ref().and_then(History::commit);
        let look = match (commit, changed) {
            (Some(commit), _) => Look::Commit(commit),
            (None, Some(Changed::Paths(paths))) => Look::Paths(paths),
            (None, Some(Changed::Everything) | None) => Look::Everything,
        };
        self.reconciler.compile_changed(self.source, look)
    }

    /// Whether the manifests are invalid after a change, or ask for less than before.
    pub(super) fn loses_something(&mut self, changed: &Changed) -> bool {
        match self.compile(Some(changed)) {
            Ok(intent) => !intent.is_valid() || objects(&intent) < self.objects,
            Err(_) => true,
        }
    }

    /// One pass, told from its begin to its end. Returns what is left to do; `None` where there was
    /// nothing to look at.
    pub(super) async fn pass(
        &mut self,
        mut work: Work,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Option<Left> {
        let (mut is_news, mut causes) = (work.files().is_some(), work.causes());
        if let (Some(history), Some(fetch)) = (&mut self.history, work.take_fetched())
            && history.take_over(*fetch, on_event)
        {
            is_news = true;
            causes.push(PassCause::Commit);
        }
        let is_known = self.history.as_ref().is_none_or(|history| history.commit().is_some());
        if !is_known || !is_news && !work.is_whole() {
            return None;
        }
        let (number, is_whole) = (self.record.number + 1, work.is_whole());
        self.record = PassRecord { number, causes, is_whole, ..PassRecord::default() };
        let span = tracing::info_span!("pass", pass = number, revision = field::Empty);
        async {
            on_event(WatchEvent::PassBegun { number, causes: &self.record.causes });
            let left = self.look(&work, is_news, on_event).await;
            on_event(WatchEvent::PassEnded(&self.record));
            Some(left)
        }
        .instrument(span)
        .await
    }

    /// What a pass does.
    async fn look(
        &mut self,
        work: &Work,
        is_news: bool,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Left {
        if work.is_anew() {
            self.refused = None;
        }
        let begun = Instant::now();
        let compiled = self.compile(work.files().filter(|_| !work.is_whole()));
        self.record.phases.compile = begun.elapsed();
        let intent = match compiled {
            Ok(intent) => intent,
            Err(error) => {
                self.reconciler.note_failure(None, &chain(&error));
                self.failed(&error, error.hint().as_deref(), on_event);
                return Some(Rest::from(&error));
            }
        };
        Span::current().record("revision", &intent.revision);
        self.record.revision = Some(intent.revision.clone());
        if intent.problems.worst() > Some(Severity::Note) && self.problems != intent.problems {
            on_event(WatchEvent::Problems { problems: &intent.problems, files: &intent.files });
        }
        if let Some(kept) = &intent.kept
            && self.problems != intent.problems
        {
            on_event(WatchEvent::Kept { objects: kept });
        }
        self.problems.clone_from(&intent.problems);
        let wrong = intent.problems.first_error();
        let wrong = wrong.map(|error| format!("{}: {}", error.at, error.message));
        if !intent.is_valid() {
            self.reconciler.note_failure(Some(&intent.revision), "the manifests are invalid");
            self.record.result = PassResult::Invalid(wrong.unwrap_or_default());
            return None;
        }
        self.objects = objects(&intent);
        match self.reach(&intent, work.is_whole(), is_news, on_event).await {
            Ok(left) => {
                self.failure = None;
                if let (Some(wrong), PassResult::Done) = (wrong, &self.record.result) {
                    self.record.result = PassResult::Partial(wrong);
                }
                left
            }
            Err(error) => {
                self.reconciler.note_failure(Some(&intent.revision), &error.in_full());
                self.record.obstacle = error.obstacle();
                self.failed(&error, error.hint().as_deref(), on_event);
                Some(Rest::from(&error))
            }
        }
    }

    /// Plans and applies.
    async fn reach(
        &mut self,
        intent: &Intent,
        whole: bool,
        is_news: bool,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        if self.refused.as_ref() == Some(&intent.rendered.files) {
            self.record.result = PassResult::Refused("HAProxy refused it before".to_owned());
            return Ok(None);
        }
        let begun = Instant::now();
        let pass = if whole {
            self.reconciler.plan(intent).await?
        } else {
            self.reconciler.plan_changes(intent).await?
        };
        self.record.phases.plan = begun.elapsed();
        self.record.is_running = Some(pass.live.is_some());
        if let Some(suspended) = &pass.suspended {
            if !mem::replace(&mut self.is_suspended, true) {
                on_event(WatchEvent::Suspended {
                    reason: &suspended.reason,
                    by: &suspended.by,
                    since: suspended.since,
                    until: suspended.until,
                });
            }
            return Ok(None);
        }
        if mem::take(&mut self.is_suspended) {
            on_event(WatchEvent::Resumed);
        }
        self.record.drift_left = pass.drift_left.len();
        self.record.refusals = pass.refusals.iter().map(Refusal::guard).collect();
        let revision = &intent.revision;
        let plan = pass.plan.clone();
        let objects: Vec<Object> = plan.steps.iter().map(|step| step.object.clone()).collect();
        let is_told = !is_news && objects == self.told;
        if plan.is_empty() {
            if is_news {
                on_event(WatchEvent::Unchanged { revision });
            }
        } else if !is_told {
            on_event(WatchEvent::Planned(PlanView {
                plan: &plan,
                revision,
                running: pass.live.is_some(),
                config_diff: &pass.config_diff,
                remarks: &pass.remarks,
            }));
        }
        // A look at what was left does not keep a change waiting.
        self.reconciler.set_patience(if is_told {
            Patience::new(Duration::ZERO, Duration::ZERO)
        } else {
            self.patience.clone()
        });
        let begun = Instant::now();
        let applied = self.reconciler.apply(intent, pass, &mut |_| {}).await;
        self.record.phases.apply = begun.elapsed();
        let report = applied?;
        if !plan.is_empty() && (!is_told || report.is_complete()) {
            on_event(WatchEvent::Applied { revision, plan: &plan, report: &report });
        }
        self.told = if report.is_complete() { Vec::new() } else { objects };
        self.refused = match report.loading {
            Loading::Refused { .. } | Loading::Broken { .. } => Some(intent.rendered.files.clone()),
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => None,
        };
        match &report.loading {
            Loading::Broken { message } => {
                on_event(WatchEvent::RolledBack {
                    revision: Some(revision),
                    message,
                    is_good: false,
                });
            }
            // The files were refused after the change was made.
            Loading::Refused { message, .. } if report.reloads > 0 => {
                on_event(WatchEvent::RolledBack {
                    revision: Some(revision),
                    message,
                    is_good: true,
                });
            }
            _ => {}
        }
        self.tell_flapping(&plan, &report, on_event);
        let is_complete = report.is_complete();
        self.record.result = PassResult::of(&plan, &report);
        (self.record.plan, self.record.report) = (Some(plan), Some(report));
        if self.refused.is_some() {
            return Ok(None);
        }
        if let (Some(history), None) = (&self.history, &intent.kept) {
            history.keep().await;
        }
        Ok((!is_complete).then_some(Rest::Unfinished))
    }

    /// Tells which objects somebody keeps changing back.
    fn tell_flapping(
        &mut self,
        plan: &Plan,
        report: &Report,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        let corrected =
            plan.steps.iter().zip(&report.outcomes).filter(|(step, outcome)| {
                step.cause == StepCause::Drift && **outcome == Outcome::Done
            });
        let corrected: Vec<String> = corrected.map(|(step, _)| step.object.to_string()).collect();
        for flapping in self.flaps.hear(Instant::now(), corrected) {
            if flapping.is_news {
                let message = format!(
                    "somebody keeps changing {} back: gw corrected it {} times within {} s",
                    flapping.object,
                    flapping.times,
                    flapping.within.as_secs()
                );
                let hint = "find out who does; `gw hold` or `gw suspend` ends the quarrel";
                on_event(WatchEvent::Failed { message: &message, hint: Some(hint) });
            }
        }
    }

    /// Tells that a pass failed, with all causes.
    fn failed(
        &mut self,
        error: &dyn Error,
        hint: Option<&str>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) {
        let message = chain(error);
        if self.failure.as_ref() != Some(&message) {
            on_event(WatchEvent::Failed { message: &message, hint });
        }
        self.record.result = PassResult::Failed(message.clone());
        self.failure = Some(message);
    }
}

/// An error with all its causes, as one text.
pub(super) fn chain(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How many servers, backends and routing entries the manifests ask for.
fn objects(intent: &Intent) -> usize {
    let servers = intent.desired.backends.values().map(|backend| backend.servers.len() + 1);
    let entries = MapName::ALL.map(|map| intent.desired.routing.table(map).len());
    servers.sum::<usize>() + entries.iter().sum::<usize>()
}
