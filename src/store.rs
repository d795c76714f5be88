//! The state directory: generations, the link to the current one, and the lock.
//!
//! A generation is a folder with everything that HAProxy loads. `current` is a link to one of them,
//! switched in one step, and HAProxy is started with `-f <state>/current`. What a generation shares
//! with the one before is hard-linked, so what a change costs on disk follows the change.

mod holder;
mod lock;
mod own;
mod prune;
mod write;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use crate::{
    fault::{self, Point},
    model::Contents,
};

pub use self::lock::{FOLLOWER, Lock};

/// The file of a generation that is written last: without it the generation is a torso.
const METADATA: &str = "generation.json";
/// What HAProxy said about a generation that it refused.
const REFUSAL: &str = "haproxy-said.txt";
/// The mark of a generation that HAProxy would load. Empty.
const CHECKED: &str = "checked";

/// The revision of a generation that was made of no manifests.
pub const NO_REVISION: &str = "none";

/// All files of a generation, by path inside it.
pub type Files = BTreeMap<String, Arc<str>>;

/// Why the state directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another gw is at work.
    #[error("another gw is at work on {}: {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the other one says about itself.
        holder: String,
    },
    /// There is no state directory yet.
    #[error("{} is no state directory of gw", .0.display())]
    Missing(PathBuf),
    /// The system refused a file operation.
    #[error("can't {action} {}", path.display())]
    Io {
        /// `write`, `read`, …
        action: &'static str,
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of gw's own that gw did not write like this.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A small file that gw wrote holds something else now.
    #[error("{} can't be understood: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { path, .. } if path.ends_with(FOLLOWER) => {
                Some("end that one first: it follows until it is told to end".to_owned())
            }
            Self::Locked { holder, .. } if lock::is_follower(holder) => Some(
                "try again: it holds that while it applies a change; end it where you mean other \
                 manifests, or it takes yours back"
                    .to_owned(),
            ),
            Self::Locked { .. } => Some("wait until it has ended".to_owned()),
            Self::Missing(path) => Some(format!("run `gw init --state {}` once", path.display())),
            Self::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Some(format!(
                    "run gw as the owner of {}, or choose another directory with --state",
                    path.display()
                )),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room on the disk".to_owned())
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a writable directory with --state; nothing was changed".to_owned())
                }
                _ => None,
            },
            Self::Damaged { .. } => Some(
                "HAProxy goes on; remove the link `current` and run `gw init`, then apply again"
                    .to_owned(),
            ),
            Self::Unreadable { path, .. } => {
                Some(format!("remove {} if what it says is over", path.display()))
            }
        }
    }
}

/// Turns an IO error into one that says what was being done to which path.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// What is known about a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The revision of the manifests.
    pub revision: String,
    /// The structure digest.
    pub structure: String,
    /// When it was written, in seconds since the epoch.
    pub created: u64,
    /// What caused it: a summary of the plan.
    pub cause: String,
    /// How much the manifests held; `None` where an older gw wrote it.
    #[serde(default)]
    pub contents: Option<Contents>,
}

/// A generation on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// Its folder.
    pub path: PathBuf,
    /// What is known about it.
    pub metadata: Metadata,
}

/// A state directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Names a state directory, which need not exist.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What HAProxy must be started with as its last `-f`.
    pub fn current_link(&self) -> PathBuf {
        self.root.join("current")
    }

    /// The file through which the state of servers survives a reload.
    pub fn server_state_file(&self) -> PathBuf {
        self.root.join("servers.state")
    }

    /// Makes the directory, and the server state file with nothing in it but its version.
    pub fn create(&self) -> Result<(), StoreError> {
        let generations = self.generations();
        fs::create_dir_all(&generations).map_err(failed("create", &generations))?;
        let state = self.server_state_file();
        if state.exists() { Ok(()) } else { self.write_server_state("").map(|_| ()) }
    }

    /// Replaces the server state file by these lines below its header. Returns the bytes written.
    /// Format 1 of HAProxy (management guide, `show servers state`).
    pub fn write_server_state(&self, lines: &str) -> Result<u64, StoreError> {
        write::atomically(&self.server_state_file(), format!("1\n{lines}").as_bytes())
    }

    /// Whether the server state file is as it must be between reloads: without a server in it.
    pub fn has_no_server_state(&self) -> bool {
        fs::read(self.server_state_file()).is_ok_and(|bytes| bytes == b"1\n")
    }

    /// Removes a staged generation that came to nothing. That it can't be removed is no news beside
    /// why it came to nothing.
    pub fn discard(&self, generation: &Generation) {
        let _ = prune::remove(&generation.path);
    }

    /// The generation that `current` links to; `None` where there is none yet.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        let link = self.current_link();
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if self.generations().is_dir() {
                    Ok(None)
                } else {
                    Err(StoreError::Missing(self.root.clone()))
                };
            }
            Err(error) => return Err(failed("read", &link)(error)),
        };
        let number = target.file_name().and_then(|name| name.to_str()?.parse().ok());
        let Some(number) = number else {
            let reason = format!("it links to {}, which is no generation", target.display());
            return Err(StoreError::Damaged { path: link, reason });
        };
        self.generation(number).map(Some)
    }

    /// A generation by number.
    pub fn generation(&self, number: u64) -> Result<Generation, StoreError> {
        let path = self.folder(number);
        let file = path.join(METADATA);
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let reason = "its generation.json is missing".to_owned();
                StoreError::Damaged { path: path.clone(), reason }
            }
            _ => failed("read", &file)(error),
        })?;
        let metadata = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged { path: file, reason: error.to_string() })?;
        Ok(Generation { number, path, metadata })
    }

    /// The newest complete generation with this structure digest, the current one first: what a
    /// process that reports the digest has loaded.
    pub fn with_structure(&self, structure: &str) -> Result<Option<Generation>, StoreError> {
        let fits = |generation: &Generation| generation.metadata.structure == structure;
        if let Some(current) = self.current()?.filter(fits) {
            return Ok(Some(current));
        }
        let mut numbers = self.numbers()?;
        numbers.reverse();
        let all = numbers.into_iter().filter_map(|number| self.generation(number).ok());
        Ok(all.into_iter().find(fits))
    }

    /// What to go back to from `current` where it may be broken: the newest other generation with
    /// this structure that HAProxy did not refuse.
    pub fn before(&self, current: &Generation, structure: &str) -> Option<Generation> {
        let mut numbers = self.numbers().ok()?;
        numbers.reverse();
        numbers.into_iter().filter_map(|number| self.generation(number).ok()).find(|other| {
            other.number != current.number
                && other.metadata.structure == structure
                && !other.path.join(REFUSAL).exists()
        })
    }

    /// The generation before `current` that served: the newest earlier one that holds something
    /// and that HAProxy did not refuse.
    pub fn earlier(&self, current: &Generation) -> Result<Option<Generation>, StoreError> {
        let mut numbers = self.numbers()?;
        numbers.retain(|number| *number < current.number);
        numbers.reverse();
        Ok(numbers.into_iter().filter_map(|number| self.generation(number).ok()).find(|other| {
            other.metadata.revision != NO_REVISION && !other.path.join(REFUSAL).exists()
        }))
    }

    /// All files of a generation.
    pub fn read(&self, generation: &Generation) -> Result<Files, StoreError> {
        let mut files = Files::new();
        read_folder(&generation.path, "", &mut files)?;
        // The rest is gw's own.
        files.retain(|name, _| name.contains('/') || name.ends_with(".cfg"));
        Ok(files)
    }

    /// Writes a generation, complete and synced, without switching to it. What `previous` has with
    /// the same content is linked. Returns it and the bytes written.
    pub fn stage(
        &self,
        files: &Files,
        metadata: &Metadata,
        previous: Option<(&Generation, &Files)>,
    ) -> Result<(Generation, u64), StoreError> {
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let path = self.folder(number);
        let text = serde_json::to_string_pretty(metadata).unwrap_or_default() + "\n";
        let written =
            write::folder(&path, files, previous, (METADATA, &text)).inspect_err(|_| {
                // A torso is of no use; that it can't be removed is no news after the first error.
                let _ = fs::remove_dir_all(&path);
            })?;
        fault::at(Point::Staged);
        Ok((Generation { number, path, metadata: metadata.clone() }, written))
    }

    /// Makes `current` link to a generation, in one step.
    pub fn switch(&self, generation: &Generation) -> Result<(), StoreError> {
        tracing::info!(number = generation.number, "switching to a generation");
        let link = self.current_link();
        let fresh = self.root.join(".current.new");
        let _ = fs::remove_file(&fresh);
        let target = Path::new("generations").join(folder_name(generation.number));
        std::os::unix::fs::symlink(target, &fresh).map_err(failed("write", &fresh))?;
        fault::io(Point::LinkWritten).map_err(failed("write", &fresh))?;
        fs::rename(&fresh, &link).map_err(failed("switch", &link))?;
        fault::at(Point::Switched);
        write::sync_folder(&self.root)
    }

    /// Marks a generation that HAProxy would load. Should the mark get lost, it is checked once more.
    pub fn note_checked(&self, generation: &Generation) {
        if let Err(error) = fs::write(generation.path.join(CHECKED), "") {
            tracing::debug!(%error, number = generation.number, "can't mark it as checked");
        }
    }

    /// Whether a generation is known to be one that HAProxy would load.
    pub fn is_checked(&self, generation: &Generation) -> bool {
        generation.path.join(CHECKED).exists()
    }

    /// The newest generation besides `unchecked` that HAProxy would load and did not refuse later.
    pub fn last_checked(&self, unchecked: &Generation) -> Result<Option<Generation>, StoreError> {
        let all = self.numbers()?.into_iter().rev();
        Ok(all.filter_map(|number| self.generation(number).ok()).find(|other| {
            other.number != unchecked.number
                && self.is_checked(other)
                && !other.path.join(REFUSAL).exists()
        }))
    }

    /// Keeps HAProxy's words beside the generation that it refused.
    pub fn note_refusal(&self, generation: &Generation, said: &str) -> Result<u64, StoreError> {
        write::atomically(&generation.path.join(REFUSAL), said.as_bytes())
    }

    /// The numbers of all generations, torsos included, ascending.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let path = self.generations();
        let entries = fs::read_dir(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(self.root.clone()),
            _ => failed("read", &path)(error),
        })?;
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn generations(&self) -> PathBuf {
        self.root.join("generations")
    }

    fn folder(&self, number: u64) -> PathBuf {
        self.generations().join(folder_name(number))
    }
}

fn folder_name(number: u64) -> String {
    format!("{number:04}")
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            read_folder(&path, &format!("{name}/"), files)?;
        } else {
            let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
            files.insert(name, text.into());
        }
    }
    Ok(())
}

/// Now, in seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
