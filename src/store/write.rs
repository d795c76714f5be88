//! Writing so that a crash at any moment leaves the old or the new, never half of it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::fault::{self, Point};

use super::{Files, Generation, StoreError, failed};

/// Whether a file of a generation holds a key.
fn is_secret(name: &str) -> bool {
    name.starts_with("certs/")
}

/// Writes a new folder with all files, synced, `last` after everything else. Returns the bytes
/// written.
pub(super) fn folder(
    path: &Path,
    files: &Files,
    previous: Option<(&Generation, &Files)>,
    last: (&str, &str),
) -> Result<u64, StoreError> {
    DirBuilder::new().mode(0o755).create(path).map_err(failed("create", path))?;
    for (name, mode) in [("maps", 0o755), ("certs", 0o700)] {
        let below = path.join(name);
        DirBuilder::new().mode(mode).create(&below).map_err(failed("create", &below))?;
    }
    fault::io(Point::GenerationBegun).map_err(failed("write", path))?;
    let mut written = 0;
    for (name, text) in files {
        let target = path.join(name);
        let same = previous.filter(|(_, old)| old.get(name) == Some(text));
        // A file system without hard links costs only the copy.
        let linked =
            same.is_some_and(|(old, _)| fs::hard_link(old.path.join(name), &target).is_ok());
        if !linked {
            written += file(&target, text.as_bytes(), if is_secret(name) { 0o600 } else { 0o644 })?;
        }
    }
    for below in ["maps", "certs"] {
        sync_folder(&path.join(below))?;
    }
    fault::io(Point::GenerationWritten).map_err(failed("write", path))?;
    let (name, text) = last;
    written += file(&path.join(name), text.as_bytes(), 0o644)?;
    sync_folder(path)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(written)
}

/// Writes a file that must not exist, synced. Returns its size.
fn file(path: &Path, bytes: &[u8], mode: u32) -> Result<u64, StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", path))?;
    Ok(bytes.len() as u64)
}

/// Replaces a file in one step. Returns its size.
pub(super) fn atomically(path: &Path, bytes: &[u8]) -> Result<u64, StoreError> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let written = file(&fresh, bytes, 0o644)?;
    fault::io(Point::FileWritten).map_err(failed("write", path))?;
    fs::rename(&fresh, path).map_err(failed("write", path))?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(written)
}

/// Makes the names in a folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync", path))
}
