//! The health gate: whether HAProxy serves worse after a change than before it. Looked at between
//! passes, so that nothing waits for it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    time::{Duration, Instant},
};

use crate::{
    health::{Census, Limits, Trial, Usual, Worse},
    intent::Intent,
    model::{BackendName, Fault, Quarantine},
    plan::Report,
    reconcile::{Pass, ReconcileError, Reconciler, touched},
    report::WatchEvent,
    store::Files,
};

use super::Follower;

/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many backends are named.
const NAMED: usize = 3;

/// Watches over changes for a while.
pub(super) struct Gate {
    limits: Option<Limits>,
    /// How requests are answered while nothing is on trial.
    usual: Usual,
    /// When that was looked at last.
    noted: Option<Instant>,
    trial: Option<OnTrial>,
}

/// A change that may be taken back.
struct OnTrial {
    trial: Trial,
    /// The backends that it touches; `None` where it may be all of them.
    backends: Option<BTreeSet<BackendName>>,
    /// The last generation that was good.
    good: u64,
    /// The generation on trial, its revision and its files.
    generation: u64,
    revision: String,
    files: Files,
    /// The revisions before it that are judged together with it.
    with_it: Vec<String>,
    /// When to look next.
    next: Instant,
    end: Instant,
}

/// What was so before a change.
pub(super) struct Before {
    limits: Limits,
    generation: u64,
    backends: Option<BTreeSet<BackendName>>,
    servers: Census,
}

/// What a look shows.
pub(super) enum Verdict {
    /// It is too early to tell, or nothing is on trial.
    Open,
    /// It is no worse, and the time is over. The generation that was on trial, and its revision.
    Good(u64, String),
    /// Somebody else put another one in its place, or wants to look for himself. The generation that
    /// was on trial.
    Dropped(u64),
    /// It is worse, and not to be tried again. The generation is on trial until [`Gate::end`].
    Worse(u64, Quarantine),
}

impl Gate {
    pub(super) fn new(limits: Option<Limits>) -> Self {
        Self { limits, usual: Usual::default(), noted: None, trial: None }
    }

    /// When to look next; `None` where nothing is on trial.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let limits = self.limits?;
        match &self.trial {
            Some(trial) => Some(trial.next),
            None => self.noted.map(|noted| noted + limits.period),
        }
    }

    /// Notes how requests are answered while nothing is on trial.
    pub(super) async fn note_usual(&mut self, reconciler: &Reconciler) {
        if self.limits.is_none() || self.trial.is_some() {
            return;
        }
        self.noted = Some(Instant::now());
        if let Ok(traffic) = reconciler.traffic().await {
            self.usual.note(traffic);
        }
    }

    /// What is so before a change; `None` where it is not judged.
    pub(super) fn before(&self, pass: &Pass) -> Option<Before> {
        let (limits, generation) = (self.limits?, pass.generation?);
        let backends = touched(&pass.plan);
        let servers = Census::of(pass.live.as_ref()?, backends.as_ref());
        Some(Before { limits, generation, backends, servers })
    }

    /// Puts a change on trial that HAProxy took. One that was on trial before and is not proven good is
    /// part of it: what was good before that one is gone back to.
    pub(super) async fn begin(
        &mut self,
        reconciler: &Reconciler,
        intent: &Intent,
        before: Before,
        report: &Report,
    ) {
        let Before { limits, generation: mut good, mut backends, mut servers } = before;
        let Some(generation) = report.generation.filter(|generation| *generation != good) else {
            return;
        };
        let begin = reconciler.traffic().await.unwrap_or_default();
        let mut with_it = Vec::new();
        if let Some(earlier) = self.trial.take() {
            if earlier.trial.is_proven(&begin) {
                self.usual.note(begin.clone());
            } else {
                good = earlier.good;
                with_it = earlier.with_it;
                with_it.push(earlier.revision);
            }
            servers = earlier.trial.servers.and(servers);
            backends =
                earlier.backends.zip(backends).map(|(a, b)| a.into_iter().chain(b).collect());
        }
        self.trial = Some(OnTrial {
            trial: Trial { limits, servers, usual: self.usual.clone(), begin },
            backends,
            good,
            generation,
            revision: intent.revision.clone(),
            files: intent.rendered.files.clone(),
            with_it,
            next: Instant::now() + limits.period.min(LOOK_AGAIN),
            end: Instant::now() + limits.period,
        });
    }

    /// Looks at what is on trial.
    pub(super) async fn look(
        &mut self,
        reconciler: &Reconciler,
    ) -> Result<Verdict, ReconcileError> {
        let (Some(limits), Some(on_trial)) = (self.limits, &mut self.trial) else {
            self.note_usual(reconciler).await;
            return Ok(Verdict::Open);
        };
        let is_over = on_trial.end <= Instant::now();
        let again = Instant::now() + LOOK_AGAIN;
        on_trial.next = if is_over { again } else { again.min(on_trial.end) };
        if reconciler.current()? != Some(on_trial.generation)
            || reconciler.suspended(Some((&on_trial.revision, &on_trial.files)))?.is_some()
        {
            let generation = on_trial.generation;
            self.trial = None;
            return Ok(Verdict::Dropped(generation));
        }
        let worse = match on_trial.look(reconciler, is_over).await {
            Ok(worse) => worse,
            // HAProxy may be in the middle of a restart.
            Err(_) if Instant::now() < on_trial.end + limits.period => return Ok(Verdict::Open),
            Err(error) => {
                self.trial = None;
                return Err(error);
            }
        };
        if worse.is_empty() && !is_over {
            return Ok(Verdict::Open);
        }
        let OnTrial { good, generation, revision, files, with_it, .. } = on_trial;
        if worse.is_empty() {
            let good = Verdict::Good(*generation, revision.clone());
            self.trial = None;
            return Ok(good);
        }
        let mut why = named(&worse);
        if !with_it.is_empty() {
            let _ =
                write!(why, "; with it goes back what was judged together: {}", with_it.join(", "));
        }
        let bad = Quarantine::new(revision, files, Fault::Unhealthy, &why);
        Ok(Verdict::Worse(*generation, Quarantine { back_to: Some(*good), ..bad }))
    }

    /// Ends the trial: what it showed is on disk.
    pub(super) fn end(&mut self) {
        self.trial = None;
    }

    /// The generation that was good before what is on trial.
    pub(super) fn good(&self) -> Option<u64> {
        self.trial.as_ref().map(|trial| trial.good)
    }

    /// The generation on trial.
    pub(super) fn generation(&self) -> Option<u64> {
        self.trial.as_ref().map(|trial| trial.generation)
    }
}

impl Follower<'_> {
    /// Looks how HAProxy serves since the last change. Returns whether that is worse than before, and
    /// has it taken back by the next pass then.
    pub(super) async fn is_worse(&mut self, on_event: &mut dyn FnMut(WatchEvent<'_>)) -> bool {
        let looked = match self.gate.look(&self.reconciler).await {
            Ok(Verdict::Open) => Ok(false),
            Ok(Verdict::Good(generation, revision)) => {
                on_event(WatchEvent::Judged { generation, is_proven: true });
                // Not what is only wanted, nor a part of it.
                if self.commit().is_some_and(|commit| commit.short() == revision) {
                    self.keep().await;
                }
                Ok(false)
            }
            Ok(Verdict::Dropped(generation)) => {
                on_event(WatchEvent::Judged { generation, is_proven: false });
                Ok(false)
            }
            Ok(Verdict::Worse(generation, bad)) => {
                let condemned = self.reconciler.condemn(generation, &bad);
                if let Ok(is_worse) = condemned {
                    self.gate.end();
                    on_event(if is_worse {
                        let (revision, message) = (&*bad.revision, &*bad.reason);
                        WatchEvent::Worse { revision, message, back_to: bad.back_to }
                    } else {
                        WatchEvent::Judged { generation, is_proven: false }
                    });
                }
                condemned
            }
            Err(error) => Err(error),
        };
        if looked.as_ref().is_err_and(ReconcileError::is_passing) {
            // Another gw is at work: the next look finds what it made.
            return false;
        }
        looked.unwrap_or_else(|error| {
            self.failed(&error, error.hint().as_deref(), on_event);
            false
        })
    }
}

impl OnTrial {
    async fn look(
        &self,
        reconciler: &Reconciler,
        is_over: bool,
    ) -> Result<Vec<Worse>, ReconcileError> {
        let mut worse = self.trial.errors(&reconciler.traffic().await?);
        if let Some(touched) = &self.backends {
            worse.retain(|worse| touched.contains(worse.backend.as_str()));
        }
        if is_over {
            worse.extend(self.trial.servers(&reconciler.census(self.backends.as_ref()).await?));
        }
        Ok(worse)
    }
}

/// The first few, as one sentence.
fn named(worse: &[Worse]) -> String {
    let mut named: Vec<String> = worse.iter().take(NAMED).map(ToString::to_string).collect();
    if worse.len() > NAMED {
        named.push(format!("and {} more", worse.len() - NAMED));
    }
    named.join("; ")
}
