//! What people told gw to do or not to do, kept in the state directory.

mod acts;
mod flaps;
pub mod holds;
mod quarantine;
mod suspension;
mod unmet;

use std::time::{Duration, Instant};

use crate::store::{Lock, Store, StoreError};

pub use self::{
    acts::Acts,
    flaps::{Flapping, Flaps},
};

/// An act of somebody in a hurry waits so long for another gw to end: longer than a pass waits for
/// servers by default.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two tries.
const AGAIN: Duration = Duration::from_millis(50);

/// Takes the lock of a state directory, for which it waits a while where another gw has it.
pub async fn lock_soon(store: &Store) -> Result<Lock, StoreError> {
    let begin = Instant::now();
    loop {
        match store.lock() {
            Err(StoreError::Locked { .. }) if begin.elapsed() < PATIENCE => {
                tokio::time::sleep(AGAIN).await;
            }
            result => return result,
        }
    }
}
