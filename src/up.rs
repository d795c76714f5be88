//! `gw up`: an HAProxy of our own, which follows a directory of manifests.

mod child;
mod watcher;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::{interval, timeout},
};

use crate::{
    haproxy::Endpoint,
    intent::Intent,
    plan::Report,
    reconcile::{Pass, ReconcileError, Reconciler},
    settings::Settings,
    source::LoadError,
    store::{Store, StoreError},
};

use self::{child::Child, watcher::Watcher};

/// How long a burst of changes may go on until the first look: an editor writes, renames and
/// removes within a moment.
const BURST: Duration = Duration::from_millis(2);
/// How long an invalid state may be the middle of a longer write before it is reported.
const HALF_WRITTEN: Duration = Duration::from_millis(150);
/// How often everything is compared, whether or not a file changed.
const WHOLE: Duration = Duration::from_secs(60);
/// How soon a pass follows one that left something to do.
const UNFINISHED: Duration = Duration::from_secs(2);

/// What happens while HAProxy is up.
#[derive(Debug)]
pub enum Event<'a> {
    /// HAProxy runs.
    Started {
        /// Its master's process id.
        pid: u32,
        /// Its binary.
        binary: &'a Path,
        /// Its runtime socket.
        socket: &'a Path,
    },
    /// The manifests are wrong, so HAProxy keeps what it runs.
    Invalid(&'a Intent),
    /// The manifests could not be read, so HAProxy keeps what it runs.
    Unreadable(&'a LoadError),
    /// A plan with something in it is about to be applied.
    Planned(&'a Intent, &'a Pass),
    /// It was applied.
    Applied {
        /// What was planned.
        plan: &'a crate::plan::Plan,
        /// What became of it.
        report: &'a Report,
        /// From the first sign of the change on.
        took: Duration,
    },
    /// There was nothing to do, the first time.
    InSync {
        /// The revision.
        revision: &'a str,
    },
    /// A pass failed; another one follows.
    Failed(&'a ReconcileError),
    /// HAProxy is being stopped.
    Stopping,
}

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
    #[error("HAProxy {what}; its last words:\n{log}")]
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
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), UpError> {
    let store = Store::new(&settings.state);
    let inside = |name: &str| Some(Endpoint::Unix(store.root().join(name)));
    let settings = &Settings {
        socket: settings.socket.clone().or_else(|| inside("haproxy.sock")),
        master: settings.master.clone().or_else(|| inside("master.sock")),
        ..settings.clone()
    };
    crate::init::init(&store)?;
    let mut child = Child::start(settings, &store).await?;
    on_event(Event::Started {
        pid: child.pid(),
        binary: &settings.haproxy,
        socket: child.socket(),
    });
    let followed = follow(settings, paths, &mut child, on_event).await;
    on_event(Event::Stopping);
    child.stop().await;
    followed
}

async fn follow(
    settings: &Settings,
    paths: &[PathBuf],
    child: &mut Child,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), UpError> {
    let terminated = |kind| signal(kind).map_err(UpError::io("listen for signals"));
    let (mut interrupt, mut terminate) =
        (terminated(SignalKind::interrupt())?, terminated(SignalKind::terminate())?);
    let mut watcher = Watcher::new(paths, &settings.state)?;
    let mut follower = Follower { reconciler: Reconciler::new(settings), paths, first: true };
    let mut unfinished = follower.pass(None, Instant::now(), on_event).await;
    let mut whole = interval(WHOLE);
    whole.tick().await;
    loop {
        // Every arm only waits, so that dropping it loses nothing.
        let changed = tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            what = child.ended() => return Err(what),
            changed = watcher.changed() => Some(changed),
            _ = whole.tick() => None,
            () = tokio::time::sleep(UNFINISHED), if unfinished => None,
        };
        let begin = Instant::now();
        let changed = match changed {
            Some(first) => Some(watcher.rest_of_burst(first, BURST).await),
            None => None,
        };
        unfinished = follower.pass(changed.as_deref(), begin, on_event).await;
        if unfinished
            && changed.is_some()
            && let Ok(more) = timeout(HALF_WRITTEN, watcher.changed()).await
        {
            let more = watcher.rest_of_burst(more, BURST).await;
            unfinished = follower.pass(Some(&more), begin, on_event).await;
        }
    }
}

struct Follower<'a> {
    reconciler: Reconciler,
    paths: &'a [PathBuf],
    first: bool,
}

impl Follower<'_> {
    /// One pass: of what changed, or of everything where `changed` is `None`. Returns whether
    /// another one should follow soon.
    async fn pass(
        &mut self,
        changed: Option<&[PathBuf]>,
        begin: Instant,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> bool {
        let intent = match self.reconciler.compile_changed(self.paths, changed) {
            Ok(intent) => intent,
            Err(error) => {
                on_event(Event::Unreadable(&error));
                return true;
            }
        };
        if !intent.is_valid() {
            on_event(Event::Invalid(&intent));
            return false;
        }
        let planned = match changed {
            Some(_) => self.reconciler.plan_changes(&intent).await,
            None => self.reconciler.plan(&intent).await,
        };
        let pass = match planned {
            Ok(pass) => pass,
            Err(error) => {
                on_event(Event::Failed(&error));
                return true;
            }
        };
        let is_empty = pass.plan.is_empty();
        if is_empty && std::mem::take(&mut self.first) {
            on_event(Event::InSync { revision: &intent.revision });
        }
        if !is_empty {
            self.first = false;
            on_event(Event::Planned(&intent, &pass));
        }
        let plan = pass.plan.clone();
        match self.reconciler.apply(&intent, pass, &mut |_| {}).await {
            Ok(report) => {
                if !is_empty {
                    on_event(Event::Applied {
                        plan: &plan,
                        report: &report,
                        took: begin.elapsed(),
                    });
                }
                !report.is_complete()
            }
            Err(error) => {
                on_event(Event::Failed(&error));
                true
            }
        }
    }
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
