//! One pass: from the source to HAProxy, told as it goes.

mod gate;
mod others;
mod reach;
mod stay;
mod tell;

use std::{
    mem::{self, Discriminant},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::{Instrument as _, Span, field};

use crate::{
    apply::Patience,
    control::Flaps,
    intent::Intent,
    model::{Commit, MapName, Problems, Process, Severity, Suspension},
    plan::Object,
    reconcile::{ReconcileError, Reconciler},
    report::{
        PassRecord, WatchEvent,
        json::CauseWord,
        pass::{PassCause, PassResult},
    },
    settings::{BadManifests, Settings},
    source::{LoadError, Look, Source},
};

pub(super) use self::tell::chain;
use self::{gate::Gate, others::Others, tell::noted};
use super::{files::Changed, history::History, vitals::Vitals, work::Work};

/// What a pass left to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// Something that should be tried again soon.
    Work(Rest),
    /// Something that may be done from this moment on.
    At(Instant),
    /// The same, once it is known whether what another gw applied is newer than what is known here.
    Behind(Instant),
}

/// What should be tried again, by its kind alone.
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
    /// The plan that was shown and could not be begun, which is not shown again while it stays the same.
    shown: Vec<Object>,
    /// The problems of the manifests, which are not told again while they stay the same.
    problems: Problems,
    /// The failure of the last pass, which is not told again while it stays the same.
    failure: Option<String>,
    /// What another gw did.
    others: Others,
    /// Hastens fetches.
    vitals: Vitals,
    /// What changes have to prove.
    gate: Gate,
    /// When HAProxy was reloaded last.
    reloaded: Option<Instant>,
    /// The least time between two reloads.
    reload_interval: Duration,
    /// Whether what was good was recalled.
    recalled: bool,
    /// How many objects the manifests asked for the last time.
    objects: usize,
    /// Who keeps changing back what is corrected.
    flaps: Flaps,
    /// Why following was suspended at the last pass.
    suspended: Option<Suspension>,
    /// Why a way back failed, which is not told again while it stays the same.
    way_back_failure: Option<String>,
    /// The generation that was told to be held without a source.
    staying: Option<u64>,
    /// Whether HAProxy ran at the last pass that could tell.
    was_running: Option<bool>,
    /// Why the manifests could not be read by the last pass.
    unreadable: Option<String>,
    /// The pass under way, or the last one.
    record: PassRecord,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        settings: &Settings,
        source: &'a Source,
        command: CauseWord,
        vitals: &Vitals,
    ) -> Self {
        let mut reconciler = Reconciler::new(settings);
        reconciler.act_as(command);
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
            shown: Vec::new(),
            problems: Problems::default(),
            failure: None,
            others: Others::new(vitals),
            vitals: vitals.clone(),
            gate: Gate::new(settings.health),
            reloaded: None,
            reload_interval: settings.reload_interval,
            // Only objects that are kept are asked for what they were.
            recalled: settings.bad_manifests != BadManifests::Object,
            objects: 0,
            flaps: Flaps::default(),
            suspended: None,
            way_back_failure: None,
            staying: None,
            was_running: None,
            unreadable: None,
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

    /// Whether the last pass was about other manifests than the one before.
    pub(super) fn had_news(&self) -> bool {
        self.record.is_news()
    }

    /// Whether the last pass left this process as it should be.
    pub(super) fn knows(&self, process: &Process) -> bool {
        self.reconciler.knows(process)
    }

    /// Reads and compiles the source, or only the files of it that changed.
    fn compile(&mut self, changed: Option<&Changed>) -> Result<Intent, LoadError> {
        self.recall_good_objects();
        let commit = self.history.as_ref().and_then(History::commit);
        let look = match (commit, changed) {
            (Some(commit), _) => Look::Commit(commit),
            (None, Some(Changed::Paths(paths))) => Look::Paths(paths),
            (None, Some(Changed::Everything) | None) => Look::Everything,
        };
        self.reconciler.compile_changed(self.source, look)
    }

    /// Recalls what was good, before the first look: what is wrong now stays what it was, also where gw
    /// was started anew meanwhile.
    fn recall_good_objects(&mut self) {
        if mem::replace(&mut self.recalled, true) {
            return;
        }
        let good = self
            .history
            .as_ref()
            .and_then(|history| history.last_good().filter(|good| Some(good) != history.commit()));
        self.reconciler.keep_objects(self.source, good.as_ref().map(Look::Commit));
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
        for fetch in work.take_fetched() {
            let Some(history) = &mut self.history else { break };
            let is_awaited = self.others.hear(fetch.begun);
            let was_lost = history.lost().is_some();
            if history.take_over(fetch, on_event) {
                is_news = true;
                causes.push(PassCause::Commit);
            } else if !was_lost && history.lost().is_some() {
                causes.push(PassCause::Start);
                work.look_at_everything();
            } else if is_awaited {
                causes.push(PassCause::Resync);
                work.look_at_everything();
            }
        }
        self.note_unread();
        if work.is_health_due() && !is_news && self.is_worse(on_event).await {
            causes.push(PassCause::Health);
            work.look_at_everything();
        }
        let is_asked = |history: &History| history.commit().is_some() || history.lost().is_some();
        if !self.history.as_ref().is_none_or(is_asked) || !is_news && !work.is_whole() {
            return None;
        }
        let (number, is_whole) = (self.record.number + 1, work.is_whole());
        self.record = PassRecord { number, causes, is_whole, ..PassRecord::default() };
        let span = tracing::info_span!("pass", pass = number, revision = field::Empty);
        async {
            on_event(WatchEvent::PassBegun { number, causes: &self.record.causes });
            let left = self.look(&work, is_news, on_event).await;
            self.note_unread();
            self.tell_haproxy(on_event);
            self.record.on_trial = self.gate.generation();
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
        if let Some(why) = self.history.as_ref().and_then(History::lost) {
            let why = why.to_owned();
            let went = self.stay_without_source(why, on_event).await;
            return self.tried(None, went, on_event);
        }
        let begun = Instant::now();
        let compiled = self.compile(work.files().filter(|_| !work.is_whole()));
        self.record.phases.compile = begun.elapsed();
        self.unreadable = compiled.as_ref().err().map(|error| chain(error));
        let intent = match compiled {
            Ok(intent) => intent,
            Err(error) => {
                if let Ok(suspended) = self.reconciler.suspended(None) {
                    self.tell_suspension(suspended.as_ref(), on_event);
                }
                if error.may_be_damage() {
                    // A fetch mends it.
                    self.vitals.hasten();
                }
                self.reconciler.note_failure(None, &chain(&error));
                self.failed(&error, error.hint().as_deref(), on_event);
                return Left::Work(Rest::from(&error));
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
        let wrong = wrong.map(|error| format!("{}: {}{}", error.at, error.message, whose(&intent)));
        if !intent.is_valid() {
            noted(self.reconciler.note_wanted(&intent.revision, None, wrong.clone(), false));
            let wrong = wrong.unwrap_or_default();
            let told = format!("the manifests are invalid: {wrong}");
            self.reconciler.note_failure(Some(&intent.revision), &told);
            self.record.result = PassResult::Invalid(wrong);
            return Left::Nothing;
        }
        self.objects = objects(&intent);
        let wrong_now = wrong.as_deref();
        let went = self.reach_or_stay(&intent, work, is_news, wrong_now, on_event).await;
        if let (Some(wrong), PassResult::Done) = (wrong, &self.record.result) {
            self.record.result = PassResult::Partial(wrong);
        }
        self.tried(Some(&intent.revision), went, on_event)
    }

    /// What is left after a try that went well or not.
    fn tried(
        &mut self,
        revision: Option<&str>,
        went: Result<Left, ReconcileError>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Left {
        match went {
            Ok(left) => {
                self.failure = None;
                left
            }
            Err(error) => {
                self.reconciler.note_failure(revision, &error.in_full());
                self.record.obstacle = error.obstacle();
                self.failed(&error, error.hint().as_deref(), on_event);
                Left::Work(Rest::from(&error))
            }
        }
    }

    /// When to look how HAProxy serves since the last change.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.gate.next_look()
    }

    /// Remembers the commit that runs as good.
    async fn keep(&self) {
        if let Some(history) = &self.history {
            history.keep().await;
        }
    }
}

/// Whose commit it is, in brackets.
fn whose(intent: &Intent) -> String {
    let commit = intent.commit.as_ref();
    commit.map_or_else(String::new, |commit| {
        format!(" (commit {} by {})", commit.short(), commit.author)
    })
}

/// How many servers, backends and routing entries the manifests ask for.
fn objects(intent: &Intent) -> usize {
    let servers = intent.desired.backends.values().map(|backend| backend.servers.len() + 1);
    let entries = MapName::ALL.map(|map| intent.desired.routing.table(map).len());
    servers.sum::<usize>() + entries.iter().sum::<usize>()
}
