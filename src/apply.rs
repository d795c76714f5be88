//! Carrying a plan out. No decisions: what is sent, in which order and what for, stands in the plan.

mod leaving;
mod ports;
mod reload;
mod runtime;
mod server_state;

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

pub use self::{
    ports::obstacle,
    reload::{ReloadError, Reloaded, Reloading, reload},
    runtime::{Run, run},
    server_state::carry_over,
};

/// How long to wait for what takes its time.
#[derive(Clone, Debug)]
pub struct Patience {
    /// For the first good check of new servers.
    pub ready: Duration,
    /// For the last request on servers and backends that go.
    pub removal: Duration,
    /// Ends all waits once it is true: something newer has come.
    pub hurry: Option<watch::Receiver<bool>>,
}

impl Patience {
    /// So much patience, which nothing ends.
    pub fn new(ready: Duration, removal: Duration) -> Self {
        Self { ready, removal, hurry: None }
    }

    /// Whether there is something newer to do.
    pub(crate) fn is_over(&self) -> bool {
        self.hurry.as_ref().is_some_and(|hurry| *hurry.borrow())
    }

    /// Waits for so long, or until there is something newer to do.
    pub(crate) async fn pause(&self, duration: Duration) {
        let hurried = async {
            let Some(mut hurry) = self.hurry.clone() else { return std::future::pending().await };
            if hurry.wait_for(|hurry| *hurry).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        // Either way the wait is over.
        let _ = timeout(duration, hurried).await;
    }
}

/// Where a long apply stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done, or won't be.
    pub done: usize,
    /// All steps.
    pub total: usize,
    /// What is going on.
    pub what: &'static str,
}
