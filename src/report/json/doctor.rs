//! A diagnosis as it is written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::doctor::{Check, Diagnosis, State};

use super::VERSION;

/// The output of `gw doctor --output json`: what was looked at, and how to mend what is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw doctor")]
pub struct DoctorDocument {
    /// The version of this format.
    pub version: u32,
    /// Whether nothing has to be mended: no check failed.
    pub healthy: bool,
    /// What was looked at, in the order in which things depend on each other.
    pub checks: Vec<CheckDocument>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Check")]
pub struct CheckDocument {
    /// What, such as `state-directory`. Some come more than once, such as one `settings` for each
    /// mistake.
    pub id: String,
    /// How it is.
    pub state: StateWord,
    /// What was found; of what was not checked, why not.
    pub found: String,
    /// What to do about it; null where nothing is wrong.
    pub mend: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(rename = "State")]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// As it should be.
    Ok,
    /// It works, but should be otherwise.
    Warning,
    /// It has to be mended.
    Failed,
    /// It could not be looked at, or there is nothing to look at.
    NotChecked,
}

impl DoctorDocument {
    pub(super) fn of(diagnosis: &Diagnosis) -> Self {
        Self {
            version: VERSION,
            healthy: diagnosis.is_healthy(),
            checks: diagnosis.checks.iter().map(CheckDocument::of).collect(),
        }
    }
}

impl CheckDocument {
    fn of(check: &Check) -> Self {
        let state = match check.state {
            State::Ok => StateWord::Ok,
            State::Warning => StateWord::Warning,
            State::Failed => StateWord::Failed,
            State::NotChecked => StateWord::NotChecked,
        };
        let (id, found, mend) = (check.id.to_owned(), check.found.clone(), check.mend.clone());
        Self { id, state, found, mend }
    }
}
