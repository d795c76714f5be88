//! Changes of files, as the system tells them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::timeout,
};

/// Changes that wait to be looked at. When it is full, a change is dropped: those in it lead to a
/// look all the same, and an event without paths, which follows, to one at everything.
const CHANGES: usize = 1024;

/// Tells which paths changed.
#[derive(Debug)]
pub(super) struct Watcher {
    events: Receiver<Vec<PathBuf>>,
    _watcher: RecommendedWatcher,
}

impl Watcher {
    /// Watches the paths, folders with all that is in them, apart from the state directory.
    pub(super) fn new(paths: &[PathBuf], state: &Path) -> Result<Self, notify::Error> {
        let (sender, events) = channel(CHANGES);
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let paths = match event {
                Ok(Event { kind: EventKind::Access(_), .. }) => return,
                Ok(event) => event.paths,
                // The queue ran over: nobody knows what changed.
                Err(_) => Vec::new(),
            };
            let (inside, other): (Vec<PathBuf>, Vec<PathBuf>) =
                paths.into_iter().partition(|path| path.starts_with(&state));
            if !other.is_empty() || inside.is_empty() {
                let _ = sender.try_send(other);
            }
        })?;
        for path in paths {
            let (path, mode) = if path.is_dir() {
                (path.canonicalize()?, RecursiveMode::Recursive)
            } else {
                // A file is often replaced by another one; its folder sees that.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                (folder.unwrap_or(Path::new(".")).canonicalize()?, RecursiveMode::NonRecursive)
            };
            watcher.watch(&path, mode)?;
        }
        Ok(Self { events, _watcher: watcher })
    }

    /// Waits for a change. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Vec<PathBuf> {
        match self.events.recv().await {
            Some(paths) => paths,
            // The watcher lives as long as we do, so its sender does too.
            None => std::future::pending().await,
        }
    }

    /// Adds to `first` what else changes within a moment.
    pub(super) async fn rest_of_burst(
        &mut self,
        first: Vec<PathBuf>,
        moment: Duration,
    ) -> Vec<PathBuf> {
        let mut all = first;
        while let Ok(more) = timeout(moment, self.changed()).await {
            all.extend(more);
            if all.len() > CHANGES {
                break;
            }
        }
        all.sort();
        all.dedup();
        all
    }
}
