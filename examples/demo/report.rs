//! What `gw apply --output json` reports, as far as the demo shows and checks it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The report of one apply.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ApplyReport {
    /// Commands sent to HAProxy's runtime socket that change something.
    pub(crate) commands_sent: u64,
    /// Bytes written to the state directory.
    pub(crate) bytes_written: u64,
    /// How often HAProxy was reloaded.
    pub(crate) reloads: u64,
    /// What was done, in order.
    pub(crate) steps: Vec<Step>,
    /// How long the whole command took, as the demo measured it.
    #[serde(skip)]
    pub(crate) took: Duration,
}

/// One step of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Step {
    /// Of which object.
    pub(crate) object: Value,
    /// What was done with it.
    pub(crate) action: Value,
    /// By which means.
    pub(crate) mechanism: Mechanism,
    /// Why by those.
    #[serde(default)]
    pub(crate) because: Option<String>,
    /// The commands sent for it.
    #[serde(default)]
    pub(crate) commands: Vec<String>,
}

/// How a change reaches the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mechanism {
    /// By commands on its socket, in place.
    Runtime,
    /// By a new worker.
    Reload,
}

impl ApplyReport {
    /// How the change as a whole reached the process.
    pub(crate) fn mechanism(&self) -> Mechanism {
        if self.reloads == 0 { Mechanism::Runtime } else { Mechanism::Reload }
    }
}

impl Step {
    /// The object and what was done with it, such as `change Backend/web`.
    pub(crate) fn what(&self) -> String {
        format!("{} {}", plain(&self.action), plain(&self.object))
    }
}

/// A string without its quotes; anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
