//! Changes of files, as the system tells them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::timeout,
};

/// Changes that wait to be looked at. Where there are more, the next look is at everything.
const CHANGES: usize = 1024;

/// Changes that never cease are looked at so often all the same.
const BURST_MAX: Duration = Duration::from_secs(2);

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// These paths.
    Paths(Vec<PathBuf>),
    /// Nobody knows: everything may have.
    Everything,
}

impl Changed {
    fn and(self, more: Self) -> Self {
        match (self, more) {
            (Self::Paths(mut all), Self::Paths(more)) => {
                all.extend(more);
                if all.len() > CHANGES { Self::Everything } else { Self::Paths(all) }
            }
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
        }
    }
}

/// Tells which paths changed.
#[derive(Debug)]
pub(super) struct Watcher {
    events: Receiver<Changed>,
    /// An event found no room, so what is in the queue is not all.
    overflown: Arc<AtomicBool>,
    _kept: RecommendedWatcher,
}

impl Watcher {
    /// Watches the paths, folders with all that is in them, apart from the state directory.
    pub(super) fn new(paths: &[PathBuf], state: &Path) -> Result<Self, notify::Error> {
        let (sender, events) = channel(CHANGES);
        let overflown = Arc::new(AtomicBool::new(false));
        let overflow = Arc::clone(&overflown);
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let changed = match event {
                Ok(Event { kind: EventKind::Access(_), .. }) => return,
                Ok(event) if event.need_rescan() || event.paths.is_empty() => Changed::Everything,
                Ok(event) => {
                    let ours = |path: &PathBuf| path.starts_with(&state);
                    let paths = event.paths.into_iter().filter(|path| !ours(path)).collect();
                    Changed::Paths(paths)
                }
                Err(_) => Changed::Everything,
            };
            if changed != Changed::Paths(Vec::new()) && sender.try_send(changed).is_err() {
                overflow.store(true, Ordering::Release);
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
        Ok(Self { events, overflown, _kept: watcher })
    }

    /// Waits for a change. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Changed {
        let changed = match self.events.recv().await {
            Some(changed) => changed,
            // The watcher lives as long as we do, so its sender does too.
            None => std::future::pending().await,
        };
        if self.overflown.swap(false, Ordering::AcqRel) { Changed::Everything } else { changed }
    }

    /// Adds to `first` what else changes until nothing did for a `moment`.
    pub(super) async fn rest_of_burst(&mut self, first: Changed, moment: Duration) -> Changed {
        let mut all = first;
        let begin = Instant::now();
        while begin.elapsed() < BURST_MAX
            && let Ok(more) = timeout(moment, self.changed()).await
        {
            all = all.and(more);
        }
        all
    }
}
