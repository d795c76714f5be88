//! A plan in a file: `gw plan --out`, `gw apply --plan`.

use std::{fs, path::Path};

use crate::{
    intent::Intent,
    reconcile::Pass,
    report::json::{self, PlanDocument, SavedPlan},
};

use super::{error::CliError, exit::Exit};

/// Writes a plan and what it was made from.
pub(super) fn write(
    path: &Path,
    plan: PlanDocument,
    intent: &Intent,
    pass: &Pass,
) -> Result<(), CliError> {
    let text = json::to_text(&json::saved_plan(plan, pass.fingerprint(intent)));
    let failed = |error| {
        let message = format!("cannot write {}", path.display());
        CliError::new(Exit::Error, message).because(&error)
    };
    // In one step, so that nobody finds half of one.
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path)).map_err(failed)
}

/// Whether the plan that was just made is the one in the file; else an error that says what moved.
pub(super) fn check(path: &Path, intent: &Intent, pass: &Pass) -> Result<(), CliError> {
    let unreadable = |error: &dyn std::error::Error| {
        let message = format!("cannot read the plan in {}", path.display());
        CliError::new(Exit::Error, message).because(error)
    };
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let saved: SavedPlan = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    if saved.version != json::VERSION {
        let message = format!("{} is of another format: version {}", path.display(), saved.version);
        return Err(CliError::new(Exit::Stale, message).hint(AGAIN));
    }
    let moved = saved.fingerprint.moved(&pass.fingerprint(intent));
    if moved.is_empty() {
        return Ok(());
    }
    let message = format!("the plan in {} is stale; nothing was changed", path.display());
    let error = CliError::new(Exit::Stale, message);
    Err(moved.into_iter().fold(error, CliError::reason).hint(AGAIN))
}

const AGAIN: &str = "save a new one with `gw plan --out`";
