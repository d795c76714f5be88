//! What `gw watch` counts, in the format of OpenMetrics, which Prometheus reads. Names end in their
//! unit; labels take one of few values, never the name of an object.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::{
    plan::{Outcome, Plan, Reason, Report},
    report::{
        PassRecord, SourceFetch, WatchEvent,
        board::{About, Board, Moment, Sight, Truth},
        pass::PassResult,
    },
};

/// The content type of the text (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The bounds of histograms, in seconds: from a look at a small process to a wait for servers.
const BUCKETS: [f64; 12] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Applied {
    mechanism: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    action: &'static str,
    mechanism: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    reason: &'static str,
    result: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// All metrics.
pub struct Metrics {
    registry: Registry,
    durations: Family<Phase, Histogram, fn() -> Histogram>,
    passes: Family<Ending, Counter>,
    applies: Family<Applied, Counter>,
    changes: Family<Changed, Counter>,
    reloads: Family<Reloaded, Counter>,
    reloads_avoided: Counter,
    rollbacks: Family<Ending, Counter>,
    drift_found: Counter,
    drifted: Gauge,
    held: Gauge,
    pending: Gauge,
    suspended: Gauge,
    ready: Gauge,
    haproxy_up: Gauge,
    last_success: Seconds,
    source: Option<Source>,
    notification_failures: Counter,
}

/// Those of a repository, which are there where one is followed.
struct Source {
    durations: Histogram,
    fetches: Family<Ending, Counter>,
    age: Seconds,
    verified: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gw"),
            durations: Family::new_with_constructor(histogram),
            passes: Family::default(),
            applies: Family::default(),
            changes: Family::default(),
            reloads: Family::default(),
            reloads_avoided: Counter::default(),
            rollbacks: Family::default(),
            drift_found: Counter::default(),
            drifted: Gauge::default(),
            held: Gauge::default(),
            pending: Gauge::default(),
            suspended: Gauge::default(),
            ready: Gauge::default(),
            haproxy_up: Gauge::default(),
            last_success: Gauge::default(),
            source: None,
            notification_failures: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    fn register(&mut self) {
        let build = Info::new(Build { version: env!("CARGO_PKG_VERSION") });
        let to = &mut self.registry;
        to.register("build", "The version of gw", build);
        to.register_with_unit(
            "reconcile_duration",
            "How long the parts of passes took: compile, plan, apply",
            Unit::Seconds,
            self.durations.clone(),
        );
        to.register("reconcile", "Passes, by how they ended", self.passes.clone());
        to.register(
            "apply",
            "Plans carried out, by means (runtime, reload, start) and how they ended",
            self.applies.clone(),
        );
        to.register("changes", "Objects changed, by what and by means", self.changes.clone());
        to.register("reload", "Reloads tried, by the first reason", self.reloads.clone());
        to.register(
            "reloads_avoided",
            "Plans carried out by commands alone",
            self.reloads_avoided.clone(),
        );
        to.register("rollback", "Changes taken back after they were made", self.rollbacks.clone());
        to.register(
            "drift_found",
            "Objects found to be changed by somebody else",
            self.drift_found.clone(),
        );
        to.register("drift_objects", "Of these, how many differ still", self.drifted.clone());
        to.register("held_objects", "Fields that operators hold by hand", self.held.clone());
        to.register("pending_objects", "Objects that wait for something", self.pending.clone());
        to.register("suspended", "1 while the manifests are not followed", self.suspended.clone());
        to.register("ready", "1 while /readyz says so", self.ready.clone());
        to.register("haproxy_up", "1 while HAProxy answers", self.haproxy_up.clone());
        to.register_with_unit(
            "last_success_timestamp",
            "When HAProxy was last seen to be as the manifests say, since 1970",
            Unit::Seconds,
            self.last_success.clone(),
        );
        to.register(
            "notification_failures",
            "Notifications that were not delivered",
            self.notification_failures.clone(),
        );
    }

    /// Counts an event.
    pub fn count(&mut self, event: &WatchEvent<'_>) {
        match event {
            WatchEvent::PassEnded(pass) => self.pass(pass),
            WatchEvent::SourceFetched(fetch) => self.fetched(fetch),
            WatchEvent::RolledBack { is_good, .. } => {
                let result = if *is_good { "done" } else { "failed" };
                self.rollbacks.get_or_create(&Ending { result }).inc();
            }
            _ => {}
        }
    }

    /// The counter of notifications that were not delivered.
    pub fn notification_failures(&self) -> Counter {
        self.notification_failures.clone()
    }

    fn pass(&self, pass: &PassRecord) {
        let phases = &pass.phases;
        let parts = [("compile", phases.compile), ("plan", phases.plan), ("apply", phases.apply)];
        for (phase, took) in parts.into_iter().filter(|(_, took)| !took.is_zero()) {
            self.durations.get_or_create(&Phase { phase }).observe(took.as_secs_f64());
        }
        self.passes.get_or_create(&Ending { result: pass.result.as_str() }).inc();
        if let (Some(plan), Some(report)) = (&pass.plan, &pass.report)
            && !plan.is_empty()
        {
            self.applied(pass, plan, report);
        }
    }

    fn applied(&self, pass: &PassRecord, plan: &Plan, report: &Report) {
        let result = pass.result.as_str();
        let mechanism = match pass.is_running {
            Some(false) => "start",
            _ if plan.reload => "reload",
            _ => "runtime",
        };
        self.applies.get_or_create(&Applied { mechanism, result }).inc();
        let steps = plan.steps.iter().zip(&report.outcomes);
        for (step, _) in steps.filter(|(_, outcome)| **outcome == Outcome::Done) {
            let action = step.action.as_str();
            self.changes.get_or_create(&Changed { action, mechanism }).inc();
        }
        match mechanism {
            "reload" => {
                let reason = plan.reload_reason().map_or("other", Reason::as_str);
                self.reloads.get_or_create(&Reloaded { reason, result }).inc();
            }
            "runtime" if report.commands_sent > 0 && pass.result == PassResult::Done => {
                self.reloads_avoided.inc();
            }
            _ => {}
        }
    }

    fn fetched(&mut self, fetch: &SourceFetch<'_>) {
        let registry = &mut self.registry;
        let source = self.source.get_or_insert_with(|| Source::register(registry));
        source.durations.observe(fetch.took.as_secs_f64());
        let result = if fetch.found.is_ok() { "done" } else { "failed" };
        source.fetches.get_or_create(&Ending { result }).inc();
    }

    /// The text, with what is so now. `is_ready` is what `/readyz` says.
    pub fn text(&self, board: &Board, now: Moment, haproxy: &Sight, is_ready: bool) -> String {
        let is = |about| i64::from(board.conditions.get(about).truth == Truth::True);
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.drift_found.inner().store(board.drift_found, std::sync::atomic::Ordering::Relaxed);
        self.drifted.set(number(board.drifted));
        self.held.set(number(board.held));
        self.pending.set(number(board.pending));
        self.suspended.set(is(About::Suspended));
        self.ready.set(i64::from(is_ready));
        self.haproxy_up.set(i64::from(haproxy.process.is_some()));
        self.last_success.set(board.last_success.map_or(0.0, |last| last.wall.as_secs_f64()));
        if let (Some(metrics), Some(source)) = (&self.source, &board.source) {
            let answered = source.answered.unwrap_or(board.started);
            metrics.age.set(now.up.saturating_sub(answered.up).as_secs_f64());
            metrics.verified.set(is(About::SourceVerified));
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a text takes whatever is written to it");
        out
    }
}

impl Source {
    fn register(to: &mut Registry) -> Self {
        let source = Self {
            durations: histogram(),
            fetches: Family::default(),
            age: Gauge::default(),
            verified: Gauge::default(),
        };
        to.register_with_unit(
            "source_fetch_duration",
            "How long the repository's server took",
            Unit::Seconds,
            source.durations.clone(),
        );
        to.register("source_fetch", "Fetches, by how they ended", source.fetches.clone());
        to.register_with_unit(
            "source_age",
            "For how long the repository's server has not answered",
            Unit::Seconds,
            source.age.clone(),
        );
        to.register(
            "source_verified",
            "1 where the revision is signed as it must be",
            source.verified.clone(),
        );
        source
    }
}

#[cfg(test)]
mod tests;
