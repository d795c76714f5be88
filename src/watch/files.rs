//! Changes of files, as the system tells them.
//!
//! Folders are watched with all that is in them, and so are the places where a folder's own name, or
//! a link that leads to it, may be replaced: configuration tools swap a link to publish a new state,
//! and people delete a folder and make it again.

use std::{
    collections::BTreeSet,
    io,
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

/// Tells which paths changed.
#[derive(Debug)]
pub(super) struct Watcher {
    paths: Vec<PathBuf>,
    /// Where a change means that another folder is to be watched.
    doors: BTreeSet<PathBuf>,
    /// The folders whose contents matter, and those of single files.
    folders: BTreeSet<PathBuf>,
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
        let overflown = Arc::new(AtomicBool::new(false));
        let overflow = Arc::clone(&overflown);
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| {
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
        let mut watcher = Self {
            paths: paths.to_vec(),
            doors: BTreeSet::new(),
            folders: BTreeSet::new(),
            watched: BTreeSet::new(),
            events,
            overflown,
            system,
        };
        watcher.arm()?;
        Ok(watcher)
    }

    /// Watches what the paths lead to by now. A path that leads nowhere yet is waited for in the
    /// folder where it should be.
    fn arm(&mut self) -> Result<(), notify::Error> {
        // What was deleted and made again has the same name and is another thing to the system.
        for path in std::mem::take(&mut self.watched) {
            let _ = self.system.unwatch(&path);
        }
        self.doors.clear();
        self.folders.clear();
        for path in self.paths.clone() {
            let (doors, end) = way_to(&path)?;
            for door in doors {
                if let Some(parent) = door.parent() {
                    self.watch(parent, RecursiveMode::NonRecursive)?;
                }
                self.doors.insert(door);
            }
            if end.is_dir() {
                self.watch(&end, RecursiveMode::Recursive)?;
                self.folders.insert(end);
            } else if end.is_file() {
                self.folders.extend(end.parent().map(Path::to_owned));
            }
        }
        Ok(())
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> Result<(), notify::Error> {
        // To watch a folder in one way ends watching it in the other.
        if mode == RecursiveMode::NonRecursive && self.watched.contains(path) {
            return Ok(());
        }
        match self.system.watch(path, mode) {
            Ok(()) => drop(self.watched.insert(path.to_owned())),
            // It went away again; whoever waits for it sees it come.
            Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Waits for a change. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Changed {
        loop {
            let changed = match self.events.recv().await {
                Some(changed) => changed,
                // The watcher lives as long as we do, so its sender does too.
                None => std::future::pending().await,
            };
            if self.overflown.swap(false, Ordering::AcqRel) {
                return self.rearmed();
            }
            match changed {
                Changed::Everything => return self.rearmed(),
                Changed::Paths(paths) if paths.iter().any(|path| self.doors.contains(path)) => {
                    return self.rearmed();
                }
                Changed::Paths(mut paths) => {
                    // Beside a door there may be anything.
                    paths.retain(|path| self.folders.iter().any(|folder| path.starts_with(folder)));
                    if !paths.is_empty() {
                        return Changed::Paths(paths);
                    }
                }
            }
        }
    }

    /// Begins to watch anew, after a change that may have replaced a folder.
    fn rearmed(&mut self) -> Changed {
        // Where that fails, the periodic look at everything goes on.
        if let Err(error) = self.arm() {
            tracing::warn!(%error, "can't watch the manifests for changes");
        }
        Changed::Everything
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

/// The names on the way to a path whose replacement leads elsewhere (the path itself, and links),
/// and where it ends.
fn way_to(path: &Path) -> io::Result<(Vec<PathBuf>, PathBuf)> {
    let mut doors = Vec::new();
    let mut path = std::path::absolute(path)?;
    while doors.len() < LINKS_MAX {
        // Events name the folder as the system knows it.
        if let (Some(Ok(parent)), Some(name)) =
            (path.parent().map(Path::canonicalize), path.file_name())
        {
            path = parent.join(name);
        }
        doors.push(path.clone());
        match path.read_link() {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => break,
        }
    }
    Ok((doors, path))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    async fn next(watcher: &mut Watcher) -> Option<Changed> {
        timeout(Duration::from_millis(200), watcher.changed()).await.ok()
    }

    fn names(changed: &Changed, path: &Path) -> bool {
        matches!(changed, Changed::Paths(paths) if paths.iter().any(|changed| changed == path))
    }

    /// Waits until changes in a folder are told by name: then it is watched. Events of what was done
    /// before may come first.
    async fn assert_followed(watcher: &mut Watcher, folder: &Path) {
        for time in 0..100 {
            let path = folder.join(format!("{time}.yaml"));
            fs::write(&path, "1").unwrap();
            while let Some(changed) = next(watcher).await {
                if names(&changed, &path) {
                    return;
                }
            }
        }
        panic!("{} is not followed", folder.display());
    }

    async fn assert_everything_told(watcher: &mut Watcher) {
        for _ in 0..100 {
            if next(watcher).await == Some(Changed::Everything) {
                return;
            }
        }
        panic!("the replacement was not told");
    }

    #[tokio::test]
    async fn a_folder_is_followed_through_its_replacements() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let [one, two, link] = ["one", "two", "link"].map(|name| root.join(name));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&two).unwrap();
        symlink("one", &link).unwrap();
        let mut watcher = Watcher::new(std::slice::from_ref(&link), &root.join("state")).unwrap();
        assert_followed(&mut watcher, &one).await;

        // Configuration tools publish like this.
        symlink("two", root.join("fresh")).unwrap();
        fs::rename(root.join("fresh"), &link).unwrap();
        assert_everything_told(&mut watcher).await;
        assert_followed(&mut watcher, &two).await;

        fs::remove_file(&link).unwrap();
        assert_everything_told(&mut watcher).await;
        fs::create_dir(&link).unwrap();
        assert_followed(&mut watcher, &link).await;
    }

    #[tokio::test]
    async fn what_lies_beside_the_folder_or_in_the_state_is_not_told() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let folder = root.join("folder");
        let state = folder.join(".gw");
        fs::create_dir_all(&state).unwrap();
        let mut watcher = Watcher::new(std::slice::from_ref(&folder), &state).unwrap();
        fs::write(root.join("other"), "1").unwrap();
        fs::write(state.join("lock"), "1").unwrap();
        fs::write(folder.join("last.yaml"), "1").unwrap();
        let told = timeout(Duration::from_secs(30), watcher.changed()).await.unwrap();
        assert!(names(&told, &folder.join("last.yaml")), "{told:?}");
    }
}
