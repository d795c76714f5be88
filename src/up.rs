//! `gw up`: an HAProxy of our own, which follows a directory of manifests.

mod child;
mod watcher;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};

use crate::{
    apply::Patience,
    haproxy::Endpoint,
    intent::Intent,
    model::{MapName, Severity},
    plan::{Loading, Object},
    reconcile::{ReconcileError, Reconciler},
    report::{PlanView, UpEvent, json::CauseWord},
    service::running_with,
    settings::Settings,
    source::LoadError,
    store::{Files, Store, StoreError},
};

use self::{
    child::Child,
    watcher::{Changed, Watcher},
};

/// How long a burst of changes may go on until the first look: an editor writes, renames and
/// removes within a moment.
const BURST: Duration = Duration::from_millis(2);
/// How long an invalid state may be the middle of a longer write before it is reported.
const HALF_WRITTEN: Duration = Duration::from_millis(150);
/// How often everything is compared, whether or not a file changed.
const WHOLE: Duration = Duration::from_secs(60);
/// How soon a pass follows one that left something to do.
const UNFINISHED: Duration = Duration::from_secs(2);

/// Why it ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or a process.
    #[error("can't {action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// HAProxy ended, or did not start.
    #[error("HAProxy {what}{}", last_words(log))]
    Haproxy {
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// The directory can't be watched.
    #[error("can't watch the manifests")]
    Watch(#[from] notify::Error),
}

impl UpError {
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// Starts HAProxy, applies the manifests, follows them, and stops HAProxy at SIGINT or SIGTERM.
///
/// The sockets are in the state directory where the settings name none. A base configuration that
/// they name is loaded before our own.
pub async fn run(
    settings: &Settings,
    paths: &[PathBuf],
    on_event: &mut dyn FnMut(UpEvent<'_>),
) -> Result<(), UpError> {
    let store = Store::new(&settings.state);
    let inside = |name: &str| Some(Endpoint::Unix(store.root().join(name)));
    let settings = &Settings {
        socket: settings.socket.clone().or_else(|| inside("haproxy.sock")),
        master: settings.master.clone().or_else(|| inside("master.sock")),
        ..settings.clone()
    };
    crate::init::init(&store)?;
    let _only = store.lock_as("up.lock")?;
    if let Some(pid) = running_with(&store.current_link()) {
        let what = format!("runs on this state directory already (process {pid}): end it first");
        return Err(UpError::Haproxy { what, log: String::new() });
    }
    let mut child = Child::start(settings, &store).await?;
    let version = child.version().to_string();
    on_event(UpEvent::Started { version: &version, pid: child.pid(), state: store.root() });
    let followed = follow(settings, paths, &mut child, on_event).await;
    on_event(UpEvent::Stopping);
    child.stop().await;
    followed
}

async fn follow(
    settings: &Settings,
    paths: &[PathBuf],
    child: &mut Child,
    on_event: &mut dyn FnMut(UpEvent<'_>),
) -> Result<(), UpError> {
    let terminated = |kind| signal(kind).map_err(UpError::io("listen for signals"));
    let (mut interrupt, mut terminate) =
        (terminated(SignalKind::interrupt())?, terminated(SignalKind::terminate())?);
    let mut watcher = Watcher::new(paths, &settings.state)?;
    let mut reconciler = Reconciler::new(settings);
    reconciler.act_as(CauseWord::Up);
    let mut follower = Follower { reconciler, paths, told: Vec::new(), refused: None, objects: 0 };
    let patience = Patience { ready: settings.ready_timeout, removal: settings.removal_timeout };
    let mut unfinished = follower.pass(&Trigger::Whole, on_event).await;
    on_event(UpEvent::Watching);
    let mut whole = interval(WHOLE);
    whole.tick().await;
    loop {
        // Every arm only waits, so that dropping it loses nothing.
        let mut trigger = tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            what = child.ended() => return Err(what),
            changed = watcher.changed() => Trigger::Files(changed),
            _ = whole.tick() => Trigger::Whole,
            () = tokio::time::sleep(UNFINISHED), if unfinished => Trigger::Retry,
        };
        if let Trigger::Files(first) = trigger {
            let mut changed = watcher.rest_of_burst(first, BURST).await;
            if follower.loses_something(&changed) {
                // Perhaps the middle of a longer write: what is missing may come in a moment.
                changed = watcher.rest_of_burst(changed, HALF_WRITTEN).await;
            }
            trigger = Trigger::Files(changed);
        }
        // A look at what was left does not keep a change waiting.
        follower.reconciler.set_patience(match trigger {
            Trigger::Files(_) | Trigger::Whole => patience,
            Trigger::Retry => Patience { ready: Duration::ZERO, removal: Duration::ZERO },
        });
        unfinished = follower.pass(&trigger, on_event).await;
    }
}

/// Why a pass is made.
#[derive(Debug)]
enum Trigger {
    /// Files changed.
    Files(Changed),
    /// The last pass left something to do.
    Retry,
    /// It is time to compare everything, whether or not something changed.
    Whole,
}

struct Follower<'a> {
    reconciler: Reconciler,
    paths: &'a [PathBuf],
    /// What the last pass left undone, which is not told again while it stays so.
    told: Vec<Object>,
    /// The files that HAProxy refused. They are not tried again: only others may be better.
    refused: Option<Files>,
    /// How many objects the manifests asked for the last time.
    objects: usize,
}

impl Follower<'_> {
    /// Reads and compiles what a trigger is about.
    fn compile(&mut self, trigger: &Trigger) -> Result<Intent, LoadError> {
        let changed = match trigger {
            Trigger::Files(Changed::Paths(paths)) => Some(paths.as_slice()),
            Trigger::Files(Changed::Everything) | Trigger::Retry | Trigger::Whole => None,
        };
        self.reconciler.compile_changed(self.paths, changed)
    }

    /// Whether the manifests are invalid after a change, or ask for less than before.
    fn loses_something(&mut self, changed: &Changed) -> bool {
        match self.compile(&Trigger::Files(changed.clone())) {
            Ok(intent) => !intent.is_valid() || objects(&intent) < self.objects,
            Err(_) => true,
        }
    }

    /// One pass. Returns whether another one should follow soon.
    async fn pass(&mut self, trigger: &Trigger, on_event: &mut dyn FnMut(UpEvent<'_>)) -> bool {
        let only_changes = matches!(trigger, Trigger::Files(_));
        if matches!(trigger, Trigger::Whole) {
            // A port may be free by now.
            self.refused = None;
        }
        let intent = match self.compile(trigger) {
            Ok(intent) => intent,
            Err(error) => {
                let message = chain(&error);
                self.reconciler.note_failure(None, &message);
                on_event(UpEvent::Failed { message: &message, hint: None });
                return true;
            }
        };
        if intent.problems.worst() > Some(Severity::Note) && only_changes || !intent.is_valid() {
            on_event(UpEvent::Problems { problems: &intent.problems, files: &intent.files });
        }
        if !intent.is_valid() {
            self.reconciler.note_failure(Some(&intent.revision), "the manifests are invalid");
            return false;
        }
        self.objects = objects(&intent);
        match self.reach(&intent, only_changes, on_event).await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                let (message, hint) = (error.in_full(), error.hint());
                self.reconciler.note_failure(Some(&intent.revision), &message);
                on_event(UpEvent::Failed { message: &message, hint: hint.as_deref() });
                true
            }
        }
    }

    /// Plans and applies. Returns whether something is left to do.
    async fn reach(
        &mut self,
        intent: &Intent,
        only_changes: bool,
        on_event: &mut dyn FnMut(UpEvent<'_>),
    ) -> Result<bool, ReconcileError> {
        if self.refused.as_ref() == Some(&intent.rendered.files) {
            return Ok(false);
        }
        let pass = if only_changes {
            self.reconciler.plan_changes(intent).await?
        } else {
            self.reconciler.plan(intent).await?
        };
        let revision = &intent.revision;
        let plan = pass.plan.clone();
        let objects: Vec<Object> = plan.steps.iter().map(|step| step.object.clone()).collect();
        let is_news = only_changes || objects != self.told;
        if plan.is_empty() {
            if only_changes {
                on_event(UpEvent::Unchanged { revision });
            }
        } else if is_news {
            on_event(UpEvent::Planned(PlanView {
                plan: &plan,
                revision,
                running: pass.live.is_some(),
                config_diff: &pass.config_diff,
                remarks: &pass.remarks,
            }));
        }
        let report = self.reconciler.apply(intent, pass, &mut |_| {}).await?;
        if !plan.is_empty() && (is_news || report.is_complete()) {
            on_event(UpEvent::Applied { revision, plan: &plan, report: &report });
        }
        self.told = if report.is_complete() { Vec::new() } else { objects };
        self.refused = match report.loading {
            Loading::Refused { .. } | Loading::Broken { .. } => Some(intent.rendered.files.clone()),
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => None,
        };
        Ok(!report.is_complete() && self.refused.is_none())
    }
}

/// How many servers, backends and routing entries the manifests ask for.
fn objects(intent: &Intent) -> usize {
    let servers = intent.desired.backends.values().map(|backend| backend.servers.len() + 1);
    let entries = MapName::ALL.map(|map| intent.desired.routing.table(map).len());
    servers.sum::<usize>() + entries.iter().sum::<usize>()
}

/// An error with all its causes, as one text.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The end of HAProxy's log as part of a message.
fn last_words(log: &str) -> String {
    if log.is_empty() { String::new() } else { format!("; its last words:\n{log}") }
}

/// The base configuration of an HAProxy of our own: its sockets, and nothing that needs rights.
fn base_configuration(socket: &Path) -> String {
    format!(
        "# Written by `gw up`.\n\
         global\n\
         \x20   stats socket {} mode 600 level admin\n\
         \x20   stats timeout 1h\n\
         \x20   hard-stop-after 30s\n",
        crate::config::argument(&socket.display().to_string()),
    )
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
