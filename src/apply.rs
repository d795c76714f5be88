//! Carrying a plan out. No decisions: what is sent, in which order and what for, stands in the plan.

mod leaving;
mod reload;
mod runtime;
mod server_state;

use std::time::Duration;

pub use self::{
    reload::{ReloadError, Reloaded, Reloading, reload},
    runtime::{Run, run},
    server_state::carry_over,
};

/// How long to wait for what takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the first good check of new servers.
    pub ready: Duration,
    /// For the last request on servers and backends that go.
    pub removal: Duration,
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
