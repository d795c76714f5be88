//! The journal: what gw did, when, why and for whom, in `<state>/journal.jsonl`.
//!
//! It is a file of JSON lines that is only appended to. Each line holds the SHA-256 of the line
//! before it and ends in the SHA-256 of itself, so that a change anywhere shows. That the newest
//! lines were cut off as a whole can't show: for that, keep a copy elsewhere.
//!
//! A record is a line for its beginning, written before anything is changed, and a line for its end:
//! what has no end was interrupted, which the next one that holds the lock notes. Where the end says
//! that something is left, a later pass of the same gw may write a further end. Plans are never made
//! from the journal, only told about.

mod append;
mod backwards;
mod line;
mod read;
mod verify;
mod who;

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::store::{Store, StoreError};

pub use self::{
    read::Records,
    verify::{Break, Verified},
    who::who,
};

/// The size that a file of the journal does not exceed, but for a single record, in bytes.
const SIZE_MAX: u64 = 64 * 1024 * 1024;
/// How many full files are kept beside the one that is written.
const FULL_MAX: usize = 4;

/// The journal of a state directory.
#[derive(Clone, Debug)]
pub struct Journal {
    root: PathBuf,
    size_max: u64,
}

impl Journal {
    /// Names the journal of a state directory, neither of which need exist.
    pub fn of(store: &Store) -> Self {
        Self { root: store.root().to_owned(), size_max: SIZE_MAX }
    }

    /// The file that is written.
    pub fn path(&self) -> PathBuf {
        self.file(0)
    }

    /// The files, newest first: the one that is written, and the full ones.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        (0..=FULL_MAX).map(|age| self.file(age))
    }

    /// Those of the files that exist, opened, newest first. Where a file gets another name meanwhile,
    /// it shows up under both, but is taken once.
    fn open(&self) -> Result<Vec<(PathBuf, File)>, StoreError> {
        let mut files = Vec::new();
        let mut known = Vec::new();
        for path in self.files() {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &path)(error)),
            };
            let metadata = file.metadata().map_err(failed("read", &path))?;
            let identity = (metadata.dev(), metadata.ino());
            if !known.contains(&identity) {
                known.push(identity);
                files.push((path, file));
            }
        }
        Ok(files)
    }

    fn file(&self, age: usize) -> PathBuf {
        self.root.join(match age {
            0 => "journal.jsonl".to_owned(),
            age => format!("journal.{age}.jsonl"),
        })
    }
}

/// Turns an IO error into one that says what was being done to which file.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// A moment as RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests;
