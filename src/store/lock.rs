//! One gw at a time. The lock is the system's, so it ends with its holder, however that ends; the
//! text in the file only says who that is.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    time::SystemTime,
};

use super::{Store, StoreError, failed, holder::holder};

/// The lock of a gw that changes something.
const WORK: &str = "lock";
/// The lock of a gw that follows manifests, apart from that of each apply.
pub const FOLLOWER: &str = "watch.lock";

/// The right to change the state directory and HAProxy, until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Takes the lock, or says who has it.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        self.lock_as(WORK)
    }

    /// Takes a lock of its own name.
    pub fn lock_as(&self, name: &str) -> Result<Lock, StoreError> {
        take(&self.root().join(name))
    }

    /// Who holds a lock, in its own words, without taking it; `None` where nobody does.
    pub fn holder(&self, name: &str) -> Option<String> {
        holder(&self.root().join(name))
    }
}

/// Takes the lock, or says who has it.
fn take(path: &Path) -> Result<Lock, StoreError> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(
            |error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    StoreError::Missing(path.parent().unwrap_or(path).to_owned())
                }
                _ => failed("open", path)(error),
            },
        )?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it is a courtesy; that it is held is known already.
            let _ = file.read_to_string(&mut holder);
            return Err(StoreError::Locked {
                path: path.to_owned(),
                holder: holder.trim().to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
    }
    // No more than the command: what follows may hold a password, and the file is for all to read.
    let command: Vec<String> = std::env::args().take(2).collect();
    let since = humantime::format_rfc3339_seconds(SystemTime::now());
    let text = format!("process {} ({}), since {since}\n", std::process::id(), command.join(" "));
    // The name of the holder is a courtesy: on a full disk the lock itself still holds.
    let _ =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    Ok(Lock { _file: file })
}

/// Whether a holder, in its own words, is a gw that does not end by itself.
pub(super) fn is_follower(holder: &str) -> bool {
    let arguments = holder.split_once('(').map_or("", |(_, rest)| rest);
    let command = arguments.split([' ', ')']).nth(1);
    matches!(command, Some("up" | "watch"))
}
