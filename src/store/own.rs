//! Small files of gw's own beside the generations.

use std::{fs, io, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::fault::{self, Point};

use super::{Store, StoreError, failed, write};

impl Store {
    /// Reads a file of JSON in the state directory; `None` where there is no such file.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.own(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let damaged = |error: serde_json::Error| StoreError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Replaces a file of JSON in the state directory, in one step. Returns the bytes written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<u64, StoreError> {
        let path = self.own(name);
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| failed("write", &path)(error.into()))?;
        write::atomically(&path, (text + "\n").as_bytes())
    }

    /// Removes a file in the state directory. Returns whether it was there.
    pub fn remove_file(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.own(name);
        match fs::remove_file(&path) {
            Ok(()) => {
                fault::at(Point::FileRemoved);
                write::sync_folder(self.root()).map(|()| true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    fn own(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }
}
