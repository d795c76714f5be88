//! From what is wanted to HAProxy: planned, carried out, and told.

use std::time::{Duration, Instant};

use crate::{
    apply::Patience,
    guard::Refusal,
    intent::Intent,
    model::{Fault, Quarantine},
    plan::{Loading, Object, Report},
    reconcile::{Pass, ReconcileError},
    report::{
        PlanView, WatchEvent,
        pass::{Obstacle, PassResult},
    },
};

use super::{Follower, Left, Rest};

/// What is to be reached.
#[derive(Clone, Copy)]
pub(super) struct Goal<'a> {
    pub(super) intent: &'a Intent,
    /// Whether all of HAProxy is compared.
    pub(super) is_whole: bool,
    /// Whether the manifests are others than before.
    pub(super) is_news: bool,
    pub(super) purpose: Purpose,
}

/// Why it is to be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The manifests ask for it.
    Manifests,
    /// It is what was there before, and what the manifests ask for is bad or not known.
    Stay,
    /// It is what was good before a change that was worse: no guard and no wait may keep it out.
    WayBack,
}

impl Follower<'_> {
    /// Plans and applies.
    pub(super) async fn reach(
        &mut self,
        goal: Goal<'_>,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<Left, ReconcileError> {
        let Goal { intent, is_news, purpose, .. } = goal;
        let begun = Instant::now();
        let mut pass = if goal.is_whole {
            self.reconciler.plan(intent).await?
        } else {
            self.reconciler.plan_changes(intent).await?
        };
        self.record.phases.plan = begun.elapsed();
        self.record.is_running = Some(pass.live.is_some());
        self.tell_others(pass.generation, on_event)?;
        self.tell_suspension(pass.suspended.as_ref(), on_event);
        if pass.suspended.is_some() {
            // What a person does meanwhile is not what to follow afterwards.
            self.others.note(pass.generation);
            return Ok(Left::Nothing);
        }
        let is_manifests = purpose == Purpose::Manifests;
        let is_followed = self.history.is_some() && !is_news && is_manifests;
        if is_followed && self.others.are_new(pass.generation) && self.adopt(on_event)? {
            self.record.result =
                PassResult::Pending("another gw applied a commit that is followed now".into());
            return Ok(Left::Behind(Instant::now()));
        }
        if is_followed && let Some(due) = self.others.wait(pass.generation) {
            self.record.result = PassResult::Pending(
                "another gw applied something: is there a newer commit?".into(),
            );
            return Ok(Left::Behind(due));
        }
        self.others.note(pass.generation);
        if purpose == Purpose::WayBack {
            pass.refusals.clear();
        } else if let Some(due) = self.reload_due(&pass) {
            let wait = due.saturating_duration_since(Instant::now()).as_secs_f64();
            self.record.result = PassResult::Pending(format!("the next reload is in {wait:.1} s"));
            return Ok(Left::At(due));
        }
        self.record.drift_left = pass.drift_left.iter().map(|step| step.object.clone()).collect();
        self.record.refusals = pass.refusals.iter().map(Refusal::guard).collect();
        let revision = &intent.revision;
        let plan = pass.plan.clone();
        self.record.plan = Some(plan.clone());
        let objects: Vec<Object> = plan.steps.iter().map(|step| step.object.clone()).collect();
        let is_told = !is_news && objects == self.told;
        if plan.is_empty() {
            if is_news {
                on_event(WatchEvent::Unchanged { revision });
            }
        } else if !is_told && (is_news || objects != self.shown) {
            self.shown.clone_from(&objects);
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
        let before = self.gate.before(&pass).filter(|_| is_manifests);
        let pid = pass.live.as_ref().map(|live| live.process.pid);
        let may_reload = pass.plan.reload && pass.live.is_some();
        let begun = Instant::now();
        let applied = self.reconciler.apply(intent, pass, &mut |_| {}).await;
        self.record.phases.apply = begun.elapsed();
        // One that failed counts, too: HAProxy may have been asked.
        if may_reload && applied.as_ref().map_or_else(is_unread, |report| report.reloads_tried > 0)
        {
            self.reloaded = Some(Instant::now());
        }
        let report = applied?;
        self.shown.clear();
        self.others.note(report.generation);
        if !plan.is_empty() && (!is_told || report.is_complete()) {
            on_event(WatchEvent::Applied { revision, plan: &plan, report: &report });
        }
        // What was not waited for has its time in the next pass.
        let had_time = !self.patience.is_over();
        self.told = if had_time && !report.is_complete() { objects } else { Vec::new() };
        self.tell_flapping(&plan, &report, on_event);
        self.record.result = PassResult::of(&plan, &report);
        let is_loaded = report.loading.is_taken();
        let is_blameless = !is_loaded && self.is_blameless(&report, pid).await;
        if is_manifests && !is_blameless {
            self.judge_loading(intent, &report, on_event)?;
        }
        if let Some(before) = before.filter(|_| is_loaded) {
            self.gate.begin(&self.reconciler, intent, before, &report).await;
            self.reconciler.keep_generation(self.gate.good());
        }
        // What HAProxy refused is not tried again. Where to stay is, and what is not to blame.
        let is_finished = report.is_complete() || is_manifests && !is_loaded && !is_blameless;
        self.record.report = Some(report);
        Ok(if is_finished { Left::Nothing } else { Left::Work(Rest::Unfinished) })
    }

    /// Whether what is current was made of a commit that another gw found good, as `gw apply` of the
    /// branch does: that one is followed from now on.
    fn adopt(&mut self, on_event: &mut dyn FnMut(WatchEvent<'_>)) -> Result<bool, ReconcileError> {
        let (Some(history), Some(current)) = (&mut self.history, self.reconciler.last_state()?)
        else {
            return Ok(false);
        };
        Ok(history.adopt(&current.revision, on_event))
    }

    /// Whether HAProxy refuses what it runs as well, so that it is the configuration beside gw's that
    /// has to be mended: that is tried again. Tells so.
    async fn is_blameless(&mut self, report: &Report, pid: Option<u32>) -> bool {
        let Loading::Refused { message, .. } = &report.loading else { return false };
        let is_blameless = report.reloads_tried == 0 && self.reconciler.refuses_current(pid).await;
        if is_blameless {
            self.record.result = PassResult::Refused(format!(
                "HAProxy refuses what it runs as well, so mend the configuration beside gw's: {message}"
            ));
        }
        is_blameless
    }

    /// Sees to it that what HAProxy refused is not tried again.
    fn judge_loading(
        &self,
        intent: &Intent,
        report: &Report,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> Result<(), ReconcileError> {
        let (fault, message) = match &report.loading {
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => return Ok(()),
            Loading::Refused { message, .. } => (Fault::Refused, message),
            Loading::Broken { message } => (Fault::Broken, message),
        };
        // A refusal before the change took nothing back.
        if fault == Fault::Broken || report.reloads_tried > 0 {
            let (revision, is_good) = (Some(intent.revision.as_str()), fault == Fault::Refused);
            on_event(WatchEvent::RolledBack { revision, message, is_good });
        }
        let files = &intent.rendered.files;
        self.reconciler.quarantine(&Quarantine::new(&intent.revision, files, fault, message))
    }

    /// When the reload that a plan needs may be made; `None` where it may be made now.
    fn reload_due(&self, pass: &Pass) -> Option<Instant> {
        let due = self.reloaded? + self.reload_interval;
        let is_needed = pass.plan.reload && pass.live.is_some();
        (is_needed && due > Instant::now()).then_some(due)
    }
}

/// Whether HAProxy did not answer, perhaps after it was asked for a reload.
fn is_unread(error: &ReconcileError) -> bool {
    error.obstacle() == Some(Obstacle::Socket)
}
