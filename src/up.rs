//! `gw up`: an HAProxy of our own, which follows a directory of manifests.

mod child;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    haproxy::{BinaryError, Endpoint},
    report::{WatchEvent, json::CauseWord},
    service::running_with,
    settings::Settings,
    source::{self, LoadError, Source},
    store::{Store, StoreError},
    watch::{self, Signals, Vitals, WatchError},
};

use self::child::Child;

/// Why it ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// There are no manifests to begin with.
    #[error(transparent)]
    Load(#[from] LoadError),
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
    /// There is no HAProxy to start.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// HAProxy ended, or did not start.
    #[error("HAProxy {what}{}", last_words(log))]
    Haproxy {
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// The manifests can't be followed.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl UpError {
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// Starts HAProxy, applies the manifests, follows them, and stops HAProxy at SIGINT or SIGTERM.
///
/// The sockets are in the state directory, whatever the settings name: those belong to an HAProxy
/// that somebody else runs. A base configuration that they name is loaded before our own.
pub async fn run(
    settings: &Settings,
    paths: &[PathBuf],
    vitals: &Vitals,
    on_event: &mut dyn FnMut(WatchEvent<'_>),
) -> Result<(), UpError> {
    // A mistyped name must be no reason to start anything. What is lost later is waited for.
    source::load(paths)?;
    let store = Store::new(&settings.state);
    let [socket, master] = ["haproxy.sock", "master.sock"].map(|name| store.root().join(name));
    let settings = &Settings {
        socket: Some(Endpoint::Unix(socket.clone())),
        master: Some(Endpoint::Unix(master.clone())),
        ..settings.clone()
    };
    crate::init::init(&store)?;
    if let Some(pid) = running_with(&store.current_link()) {
        let what = format!("runs on this state directory already (process {pid}): end it first");
        return Err(UpError::Haproxy { what, log: String::new() });
    }
    // A Ctrl-C from here on must end HAProxy as well.
    let signals = Signals::listen()?;
    let mut child = Child::start(settings, &store, socket, &master).await?;
    let version = child.version().to_string();
    on_event(WatchEvent::Started { version: &version, pid: child.pid(), state: store.root() });
    let source = Source::Paths(paths.to_vec());
    let followed =
        watch::follow(settings, &source, CauseWord::Up, signals, child.ended(), vitals, on_event)
            .await;
    on_event(WatchEvent::Stopping);
    child.stop().await;
    match followed? {
        Some(ended) => Err(ended),
        None => Ok(()),
    }
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
