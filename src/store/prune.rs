//! Which generations are kept.

use std::{fs, io, path::Path};

use crate::fault::{self, Point};

use super::{METADATA, REFUSAL, Store, StoreError, failed};

/// How many generations are kept, the current one included.
pub(super) const KEEP: usize = 10;
/// How many of those that HAProxy refused are kept besides: for reading what it said.
pub(super) const KEEP_REFUSED: usize = 2;

impl Store {
    /// Removes all but the newest generations, and torsos. The current one stays, what a process has
    /// loaded that reports the structure `running`, and the one that is the
    /// `way_back`.
    pub fn prune(&self, running: Option<&str>, way_back: Option<u64>) -> Result<(), StoreError> {
        let current = self.current()?.map(|generation| generation.number);
        let running = running.map(|structure| self.with_structure(structure)).transpose()?;
        let running = running.flatten().map(|generation| generation.number);
        let numbers = self.numbers()?;
        let (mut good, mut refused) = (0, 0);
        for number in numbers.into_iter().rev() {
            let path = self.folder(number);
            let is_kept = if !path.join(METADATA).exists() {
                false
            } else if path.join(REFUSAL).exists() {
                refused += 1;
                refused <= KEEP_REFUSED
            } else {
                good += 1;
                good <= KEEP
            };
            let is_needed = [current, running, way_back].contains(&Some(number));
            if !is_kept && !is_needed {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Removes a generation so that what is left of it at any moment is none.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path.join(METADATA)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    fault::at(Point::GenerationRemoved);
    fs::remove_dir_all(path).map_err(failed("remove", path))
}
