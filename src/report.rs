//! What people and programs read: problems, plans, reports and status as text and as JSON. Pure:
//! views of data. Text has colours, which the command line strips where nobody sees them; whatever
//! came from a manifest or from HAProxy is shown escaped, so that it can't drive a terminal.

pub mod blame;
pub mod board;
pub mod doctor;
pub mod drift;
pub mod json;
pub mod pass;
pub mod snippet;
pub mod status;
pub mod text;
pub mod watch;

mod diff;
mod kind;

use std::path::Path;

use crate::plan::Plan;

pub use self::{
    board::Board,
    diff::FileDiff,
    doctor::Diagnosis,
    pass::PassRecord,
    status::Status,
    watch::{SourceAnswer, SourceFetch, WatchEvent},
};

/// A plan, and what must be known to show it.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The revision of the manifests.
    pub revision: &'a str,
    /// Whether HAProxy runs. If not, the plan is loaded at its start.
    pub running: bool,
    /// The files of the configuration that change.
    pub config_diff: &'a [FileDiff],
    /// What an operator should know besides.
    pub remarks: &'a [String],
}

/// Whether a file of a generation may hold a private key, and must not be shown.
pub fn is_secret(path: &str) -> bool {
    path.starts_with("certs/") && Path::new(path).extension().is_none_or(|end| end != "list")
}

impl PlanView<'_> {
    /// Whether carrying it out reloads a running HAProxy.
    pub fn reloads(&self) -> bool {
        self.plan.reload && self.running
    }
}

#[cfg(test)]
pub(crate) mod samples;
