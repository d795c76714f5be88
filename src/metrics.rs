//! What `gw watch` counts, in the format of OpenMetrics, which Prometheus reads. Names end in their
//! unit; labels take one of few values, never the name of an object.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry, Unit},
};

use crate::{
    plan::{Loading, Outcome, Plan, Reason, Report},
    report::{
        PassRecord, SourceFetch, WatchEvent,
        board::{About, Board, Moment, Sight, Truth},
        pass::{Obstacle, PassResult},
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
struct Guarded {
    guard: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    reason: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Drifted {
    kind: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Standing {
    sync: &'static str,
    health: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// All metrics.
pub struct Metrics {
    registry: Registry,
    target: Family<Standing, Gauge>,
    durations: Family<Phase, Histogram, fn() -> Histogram>,
    passes: Family<Ending, Counter>,
    applies: Family<Applied, Counter>,
    changes: Family<Changed, Counter>,
    reloads: Family<Reloaded, Counter>,
    reloads_avoided: Counter,
    rollbacks: Family<Ending, Counter>,
    refusals: Family<Guarded, Counter>,
    socket_errors: Counter,
    drift_found: Counter,
    drifted: Family<Drifted, Gauge>,
    held: Gauge,
    pending: Gauge,
    suspended: Gauge,
    ready: Gauge,
    haproxy_up: Gauge,
    old_workers: Option<Gauge>,
    lock_wait: Seconds,
    last_success: Seconds,
    notification_failures: Counter,
    source: Option<Source>,
    verified: Option<Gauge>,
}

/// Those of a repository, which are there where one is followed.
struct Source {
    durations: Histogram,
    fetches: Family<Ending, Counter>,
    age: Seconds,
    commit_lag: Seconds,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// A metric under its name.
fn new<M: Metric + Clone + Default>(to: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    to.register(name, help, metric.clone());
    metric
}

/// One in seconds, which its name tells.
fn seconds<M: Metric + Clone>(to: &mut Registry, name: &str, help: &str, metric: M) -> M {
    to.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("gw");
        let to = &mut registry;
        let build = Info::new(Build { version: env!("CARGO_PKG_VERSION") });
        to.register("build", "The version of gw", build);
        let parts = "How long the parts of passes took: compile, plan, apply";
        let means = "Plans carried out, by means (runtime, reload, start, or none where HAProxy refused \
                     the files before) and how they ended";
        let still = "Of these, how many differ still, by kind of object and class: reported only, or \
                     uncorrected";
        let stands =
            "1, with whether HAProxy is as the manifests say (sync) and whether it serves (health)";
        let success = "When HAProxy was last seen to be as the manifests say, since 1970";
        let waiting =
            "For how long another gw at work on the state directory has kept passes waiting";
        let by_phase: Family<Phase, Histogram, _> = Family::new_with_constructor(histogram as _);
        Self {
            target: new(to, "target_info", stands),
            durations: seconds(to, "reconcile_duration", parts, by_phase),
            passes: new(to, "reconcile", "Passes, by how they ended"),
            applies: new(to, "apply", means),
            changes: new(to, "changes", "Objects changed, by what and by means"),
            reloads: new(to, "reload", "Reloads tried, by the first reason"),
            reloads_avoided: new(to, "reloads_avoided", "Plans carried out by commands alone"),
            rollbacks: new(to, "rollback", "Changes taken back after they were made"),
            refusals: new(to, "guard_refusals", "Plans refused, by guard; each try counts"),
            socket_errors: new(to, "socket_errors", "Passes that failed at HAProxy's sockets"),
            drift_found: new(to, "drift_found", "Objects found to be changed by somebody else"),
            drifted: new(to, "drift_objects", still),
            held: new(to, "held_objects", "Fields that operators hold by hand"),
            pending: new(to, "pending_objects", "Objects that wait for something"),
            suspended: new(to, "suspended", "1 while the manifests are not followed"),
            ready: new(to, "ready", "1 while /readyz says so"),
            haproxy_up: new(to, "haproxy_up", "1 while HAProxy answers"),
            old_workers: None,
            lock_wait: seconds(to, "lock_wait", waiting, Seconds::default()),
            last_success: seconds(to, "last_success_timestamp", success, Seconds::default()),
            notification_failures: new(
                to,
                "notification_failures",
                "Notifications that were not delivered",
            ),
            source: None,
            verified: None,
            registry,
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
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
        for guard in &pass.refusals {
            self.refusals.get_or_create(&Guarded { guard: guard.name() }).inc();
        }
        if pass.obstacle == Some(Obstacle::Socket) {
            self.socket_errors.inc();
        }
        if let (Some(plan), Some(report)) = (&pass.plan, &pass.report)
            && !plan.is_empty()
        {
            self.applied(pass, plan, report);
        }
    }

    fn applied(&self, pass: &PassRecord, plan: &Plan, report: &Report) {
        // The pass may end otherwise: while a revision is not tried again, what is left of the good one
        // is carried out.
        let ended = PassResult::of(plan, report);
        let result = ended.as_str();
        let is_refused = matches!(report.loading, Loading::Refused { .. });
        let mechanism = match pass.is_running {
            Some(false) => "start",
            _ if is_refused && report.commands_sent == 0 && report.reloads_tried == 0 => "none",
            _ if plan.reload => "reload",
            _ => "runtime",
        };
        self.applies.get_or_create(&Applied { mechanism, result }).inc();
        let steps = plan.steps.iter().zip(&report.outcomes);
        for (step, _) in steps.filter(|(_, outcome)| **outcome == Outcome::Done) {
            let action = step.action.as_str();
            self.changes.get_or_create(&Changed { action, mechanism }).inc();
        }
        if report.reloads_tried > 0 {
            // After commands alone it is one that undoes them.
            let reason = plan.reload_reason().map_or("way_back", Reason::as_str);
            self.reloads.get_or_create(&Reloaded { reason, result }).inc();
        } else if mechanism == "runtime" && report.commands_sent > 0 && ended == PassResult::Done {
            self.reloads_avoided.inc();
        }
    }

    fn fetched(&mut self, fetch: &SourceFetch<'_>) {
        let registry = &mut self.registry;
        let source = self.source.get_or_insert_with(|| Source::register(registry));
        source.durations.observe(fetch.took.as_secs_f64());
        let result = fetch.answer.as_str();
        source.fetches.get_or_create(&Ending { result }).inc();
    }

    /// The text, with what is so now. `is_ready` is what `/readyz` says.
    pub fn text(&mut self, board: &Board, now: Moment, haproxy: &Sight, is_ready: bool) -> String {
        let is = |about| i64::from(board.conditions.get(about).truth == Truth::True);
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.drift_found.inner().store(board.drift.found, std::sync::atomic::Ordering::Relaxed);
        for (kind, class, count) in board.drift.counts() {
            self.drifted.get_or_create(&Drifted { kind, class }).set(number(count));
        }
        self.target.clear();
        let sync = board.sync(haproxy, is_ready).as_str();
        let health = board.health(haproxy).as_str();
        self.target.get_or_create(&Standing { sync, health }).set(1);
        self.held.set(number(board.held));
        self.pending.set(number(board.pending));
        self.suspended.set(is(About::Suspended));
        self.ready.set(i64::from(is_ready));
        self.haproxy_up.set(i64::from(haproxy.process.is_some()));
        if let Some(alive) = haproxy.old_workers {
            let to = &mut self.registry;
            let gauge = self.old_workers.get_or_insert_with(|| {
                new(to, "old_workers", "Workers of earlier configurations that still live")
            });
            gauge.set(number(alive));
        }
        let locked_out = board.locked_out.map(|since| now.up.saturating_sub(since.up));
        self.lock_wait.set(locked_out.unwrap_or_default().as_secs_f64());
        self.last_success.set(board.last_success.map_or(0.0, |last| last.wall.as_secs_f64()));
        if let (Some(metrics), Some(source)) = (&self.source, &board.source) {
            let answered = source.answered.unwrap_or(board.started);
            metrics.age.set(now.up.saturating_sub(answered.up).as_secs_f64());
            metrics.commit_lag.set(board.commit_lag.unwrap_or_default().as_secs_f64());
        }
        if board.is_verifying {
            let to = &mut self.registry;
            let gauge = self.verified.get_or_insert_with(|| {
                new(to, "source_verified", "1 where the revision is signed as it must be")
            });
            gauge.set(is(About::SourceVerified));
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a text takes whatever is written to it");
        out
    }
}

impl Source {
    fn register(to: &mut Registry) -> Self {
        let took = "How long the repository's server took";
        let fetches =
            "Fetches, by how they ended: done, refused (history was rewritten), untrusted, failed";
        let age = "How long ago the repository's server last told its newest commit";
        let lag =
            "How long the last commit that gw applied took from when it was made; 0 before one";
        Self {
            durations: seconds(to, "source_fetch_duration", took, histogram()),
            fetches: new(to, "source_fetch", fetches),
            age: seconds(to, "source_age", age, Seconds::default()),
            commit_lag: seconds(to, "commit_lag", lag, Seconds::default()),
        }
    }
}

#[cfg(test)]
mod tests;
