//! Signs of life, for whoever looks from outside of the loop.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{Notify, watch};

use crate::{
    model::Process,
    report::board::{Moment, Sight},
};

/// How often the loop gives one.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// What the loop shows of itself and of HAProxy at any time, and the one thing that can be asked of
/// it. Clones show and ask the same.
#[derive(Clone, Debug)]
pub struct Vitals {
    begun: Instant,
    beat: Arc<watch::Sender<Instant>>,
    haproxy: Arc<watch::Sender<Sight>>,
    haste: Arc<Notify>,
}

impl Default for Vitals {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            beat: Arc::new(watch::Sender::new(now)),
            haproxy: Arc::new(watch::Sender::new(Sight::default())),
            haste: Arc::new(Notify::new()),
        }
    }
}

impl Vitals {
    /// Those of a gw that began so long ago, and whose loop gave no sign since then.
    #[cfg(test)]
    pub(crate) fn silent_for(time: Duration) -> Self {
        let begun = Instant::now().checked_sub(time).expect("the machine has been up for longer");
        Self { begun, beat: Arc::new(watch::Sender::new(begun)), ..Self::default() }
    }

    /// The present moment, with the time since these were made.
    pub fn now(&self) -> Moment {
        // Before 1970 nothing ran.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall, up: self.begun.elapsed() }
    }

    /// Shows that the loop is alive.
    pub(super) fn beat(&self) {
        self.beat.send_replace(Instant::now());
    }

    /// Shows which HAProxy answers now, `None` where none does, and how many old workers live.
    pub(super) fn see(&self, process: Option<&Process>, old_workers: Option<usize>) {
        let now = self.now().wall;
        self.haproxy.send_modify(|sight| {
            sight.look(process.cloned(), now);
            sight.old_workers = old_workers;
        });
    }

    /// For how long the loop gave no sign.
    pub fn silence(&self) -> Duration {
        self.beat.borrow().elapsed()
    }

    /// Asks for a fetch without waiting for the next poll. Does not wait for it.
    pub fn hasten(&self) {
        self.haste.notify_one();
    }

    /// Waits until somebody asks for a fetch. Cancel-safe.
    pub(super) async fn haste(&self) {
        self.haste.notified().await;
    }

    /// The HAProxy that answers.
    pub fn haproxy(&self) -> Sight {
        self.haproxy.borrow().clone()
    }
}
