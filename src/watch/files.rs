//! Changes of files, as the system tells them.
//!
//! Folders are watched with all that is in them, and so is each name on the way to them: configuration
//! tools swap a link to publish a new state, and people delete a folder, or one above it, and make it
//! again.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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

/// As many links may lead to a folder as the kernel follows (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// These paths.
    Paths(Vec<PathBuf>),
    /// Nobody knows: everything may have.
    Everything,
}

impl Changed {
    /// Both changes as one.
    pub(super) fn and(self, more: Self) -> Self {
        match (self, more) {
            (Self::Paths(mut all), Self::Paths(more)) => {
                all.extend(more);
                if all.len() > CHANGES { Self::Everything } else { Self::Paths(all) }
            }
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
        }
    }
}

/// What matters of all that the system tells.
#[derive(Debug, Default)]
struct Sights {
    /// The names on the way: where a change of one means that another folder is to be watched.
    doors: BTreeSet<PathBuf>,
    /// The folders whose contents matter, and those of single files.
    folders: BTreeSet<PathBuf>,
}

impl Sights {
    /// What the change of these paths means; `None` where it is nothing.
    fn see(&self, mut paths: Vec<PathBuf>) -> Option<Changed> {
        if paths.iter().any(|path| self.doors.contains(path)) {
            return Some(Changed::Everything);
        }
        // Beside a door there may be anything.
        paths.retain(|path| {
            let mut inside =
                self.folders.iter().filter_map(|folder| path.strip_prefix(folder).ok());
            inside.any(|name| !is_of_git_alone(name))
        });
        if paths.is_empty() { None } else { Some(Changed::Paths(paths)) }
    }
}

/// Whether a name in a folder is Git's own, and tells nothing of the revision. Other hidden names may
/// be where a link leads, as in Kubernetes' volumes, or be named by a manifest.
fn is_of_git_alone(name: &Path) -> bool {
    let mut parts = name.iter();
    let is_git = parts.any(|part| part == ".git");
    let inside = parts.as_path();
    is_git && inside != Path::new("HEAD") && !inside.starts_with("refs/heads")
}

/// Tells which paths changed.
#[derive(Debug)]
pub(super) struct Watcher {
    paths: Vec<PathBuf>,
    sights: Arc<Mutex<Sights>>,
    /// What the system watches for us.
    watched: BTreeSet<PathBuf>,
    events: Receiver<Changed>,
    /// An event found no room, so what is in the queue is not all.
    overflown: Arc<AtomicBool>,
    system: RecommendedWatcher,
}

impl Watcher {
    /// Watches the paths, folders with all that is in them, apart from the state directory.
    pub(super) fn new(paths: &[PathBuf], state: &Path) -> Result<Self, notify::Error> {
        let (sender, events) = channel(CHANGES);
        let sights = Arc::new(Mutex::new(Sights::default()));
        let overflown = Arc::new(AtomicBool::new(false));
        let (seen, overflow) = (Arc::clone(&sights), Arc::clone(&overflown));
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let changed = match event {
                Ok(Event { kind: EventKind::Access(_), .. }) => None,
                Ok(event) if event.need_rescan() || event.paths.is_empty() => {
                    Some(Changed::Everything)
                }
                Ok(event) => {
                    let ours = |path: &PathBuf| path.starts_with(&state);
                    let paths = event.paths.into_iter().filter(|path| !ours(path)).collect();
                    locked(&seen).see(paths)
                }
                Err(_) => Some(Changed::Everything),
            };
            if changed.is_some_and(|changed| sender.try_send(changed).is_err()) {
                overflow.store(true, Ordering::Release);
            }
        })?;
        let watched = BTreeSet::new();
        let paths = paths.to_vec();
        let mut watcher = Self { paths, sights, watched, events, overflown, system };
        watcher.arm()?;
        Ok(watcher)
    }

    /// Watches what the paths lead to by now. A path that leads nowhere yet is waited for where the
    /// way ends.
    fn arm(&mut self) -> Result<(), notify::Error> {
        // What was deleted and made again has the same name and is another thing to the system.
        for path in std::mem::take(&mut self.watched) {
            let _ = self.system.unwatch(&path);
        }
        *locked(&self.sights) = Sights::default();
        let mut ends = Vec::new();
        for path in self.paths.clone() {
            ends.extend(self.walk(&path)?);
        }
        // To watch a folder in one way ends watching it in the other.
        for end in ends {
            if end.is_dir() {
                locked(&self.sights).folders.insert(end.clone());
                self.watch(&end, RecursiveMode::Recursive)?;
            } else if let Some(folder) = end.parent() {
                locked(&self.sights).folders.insert(folder.to_owned());
            }
        }
        Ok(())
    }

    /// Goes the way to a path, name by name, as the system does (`path_resolution(7)`), and watches
    /// each: any may be another link or another folder in a moment. Returns where it ends, in the
    /// system's own words, which events have, too; `None` where something is missing.
    fn walk(&mut self, path: &Path) -> Result<Option<PathBuf>, notify::Error> {
        let mut place = PathBuf::from("/");
        let mut ahead = backwards(&std::path::absolute(path)?);
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if name == ".." {
                place.pop();
                continue;
            }
            let door = place.join(name);
            locked(&self.sights).doors.insert(door.clone());
            // Before the look, so that nothing comes or goes in between.
            self.watch(&place, RecursiveMode::NonRecursive)?;
            match door.read_link() {
                Ok(_) if links == LINKS_MAX => return Ok(None),
                Ok(target) => {
                    links += 1;
                    if target.is_absolute() {
                        place = PathBuf::from("/");
                    }
                    ahead.extend(backwards(&target));
                }
                // It is there, and no link.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => place = door,
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(place))
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> Result<(), notify::Error> {
        if mode == RecursiveMode::NonRecursive && self.watched.contains(path) {
            return Ok(());
        }
        match self.system.watch(path, mode) {
            Ok(()) => drop(self.watched.insert(path.to_owned())),
            // It went away again; whoever waits for it sees it come.
            Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
            // Whoever may go through a folder need not be allowed to look around in it.
            Err(notify::Error { kind: notify::ErrorKind::Io(error), .. })
                if mode == RecursiveMode::NonRecursive
                    && error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Hears nothing any more, as after a mount over the folders.
    #[cfg(test)]
    pub(super) fn deafen(&mut self) {
        for path in &self.watched {
            let _ = self.system.unwatch(path);
        }
    }

    /// Waits for a change. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Changed {
        let changed = match self.events.recv().await {
            Some(changed) => changed,
            // The watcher lives as long as we do, so its sender does too.
            None => std::future::pending().await,
        };
        if self.overflown.swap(false, Ordering::AcqRel) || changed == Changed::Everything {
            self.rearm();
            return Changed::Everything;
        }
        changed
    }

    /// Begins to watch anew: after a change that may have replaced a folder, and from time to time,
    /// since not everything is told (a mount, a folder that may not be looked at).
    pub(super) fn rearm(&mut self) {
        // Where that fails, the periodic look at everything goes on.
        if let Err(error) = self.arm() {
            tracing::warn!(%error, "can't watch the manifests for changes");
        }
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

fn locked(sights: &Mutex<Sights>) -> MutexGuard<'_, Sights> {
    sights.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names that a path goes through, the last one first.
fn backwards(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests;
