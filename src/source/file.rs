//! One file: read when it changed, and only then.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use git2::{ObjectType, Oid};

use crate::{
    manifest::FILE_MAX,
    model::{Digest, Location, Problem, SourceFile, Span},
};

use super::{LoadError, dir::problem};

/// A file that changed this shortly before it was read may change again without a new time stamp:
/// file systems count time in steps of up to 10 ms, some of 1 s or 2 s.
const SETTLED: Duration = Duration::from_secs(3);

/// What was read of one file.
#[derive(Debug)]
pub(super) struct Entry {
    stamp: Stamp,
    /// The text, or why there is none.
    pub(super) content: Result<Arc<SourceFile>, Problem>,
    /// Of the bytes; of nothing where there is no text.
    pub(super) digest: Digest,
    /// What [`Entry::blob`] found.
    blob: OnceLock<Option<Oid>>,
}

impl Entry {
    /// The length of the text, in bytes.
    pub(super) fn length(&self) -> usize {
        self.content.as_ref().map_or(0, |file| file.text.len())
    }

    /// Git's name for the bytes, which only those in a repository need; `None` where there is no
    /// text.
    pub(super) fn blob(&self) -> Option<Oid> {
        *self.blob.get_or_init(|| {
            let file = self.content.as_ref().ok()?;
            Oid::hash_object(ObjectType::Blob, file.text.as_bytes()).ok()
        })
    }
}

/// What changes when a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Seconds and nanoseconds; unlike `modified`, no tool can set it back.
    changed: (i64, i64),
    /// Whether the last change was old enough when the file was read for the stamp to be trusted.
    settled: bool,
}

impl Stamp {
    fn of(metadata: &Metadata, now: SystemTime) -> Self {
        let age = metadata.modified().ok().and_then(|then| now.duration_since(then).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            settled: age.is_some_and(|age| age >= SETTLED),
        }
    }

    /// Whether a file with the stamp `now` still holds what it held at `self`.
    fn still_holds(&self, now: &Self) -> bool {
        self.settled && *self == *now
    }
}

/// Looks at a file, and reads it unless it is still as `known`. `None` where it is gone. The text of
/// a file that holds what it held is the very same one, so that nobody need parse it again.
pub(super) fn look(
    root: &Path,
    path: &Arc<str>,
    known: Option<Entry>,
) -> Result<Option<Entry>, LoadError> {
    let real = root.join(&**path);
    let metadata = match real.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Io { path: real, source }),
    };
    let stamp = Stamp::of(&metadata, SystemTime::now());
    if known.as_ref().is_some_and(|known| known.stamp.still_holds(&stamp)) {
        return Ok(known);
    }
    let bytes = if metadata.is_file() {
        read(&real).map_err(|error| problem(path, format!("cannot read it: {error}")))
    } else {
        Err(problem(path, "this is not a regular file"))
    };
    let found = entry(path, stamp, bytes);
    let same = known.filter(|known| known.content.is_ok() && known.digest == found.digest);
    Ok(Some(match same {
        Some(known) => Entry { stamp, ..known },
        None => found,
    }))
}

/// At most one byte more than is allowed, however the file grows meanwhile.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn entry(path: &Arc<str>, stamp: Stamp, bytes: Result<Vec<u8>, Problem>) -> Entry {
    match bytes.and_then(|bytes| text(path, Some(bytes))) {
        Ok(text) => Entry {
            stamp,
            digest: Digest::of(&text),
            blob: OnceLock::new(),
            content: Ok(Arc::new(SourceFile { path: Arc::clone(path), text: text.into() })),
        },
        Err(problem) => {
            let (digest, blob) = (Digest::of(""), OnceLock::new());
            Entry { stamp, digest, blob, content: Err(problem) }
        }
    }
}

/// The bytes of a manifest as text. `None` stands for more than are allowed.
pub(super) fn text(path: &str, bytes: Option<Vec<u8>>) -> Result<String, Problem> {
    let bytes = bytes.filter(|bytes| bytes.len() <= FILE_MAX).ok_or_else(|| {
        problem(path, format!("the file is larger than {} MiB", FILE_MAX / 1024 / 1024))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let message = format!("the file is not UTF-8: here is the byte {:#04x}", bad[0]);
        let at = Location { file: path.into(), span: after(good) };
        Problem::error(at, message).hint("save the file as UTF-8")
    })
}

/// The place of the first character after a good text.
fn after(text: &[u8]) -> Span {
    let text = String::from_utf8_lossy(text);
    let line = text.rsplit('\n').next().unwrap_or_default();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span {
        line: count(text.matches('\n').count() + 1),
        column: count(line.chars().count() + 1),
        length: 1,
    }
}
