//! `healthGate` in `gw.yaml`: when a change is taken back since HAProxy serves worse than before.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::health::Limits;

use super::{duration::parse_patience, file::Reader, guards::share};

/// The word that turns the gate off.
const OFF: &str = "off";

/// What somebody said about the health gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Limits")]
pub struct GivenHealth {
    /// Zero where it is off.
    pub period: Option<Duration>,
    pub servers_up: Option<u8>,
    pub errors: Option<u8>,
}

impl GivenHealth {
    /// What `self` says, else what `other` says.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            period: self.period.or(other.period),
            servers_up: self.servers_up.or(other.servers_up),
            errors: self.errors.or(other.errors),
        }
    }

    /// Puts the limits together from what was said and what is usual; `None` where there is no gate.
    pub(super) fn fill(self, usual: Option<Limits>) -> Option<Limits> {
        let limits = usual.unwrap_or_default();
        let period = self.period.or(usual.map(|usual| usual.period))?;
        (!period.is_zero()).then(|| Limits {
            period,
            servers_up: self.servers_up.unwrap_or(limits.servers_up),
            errors: self.errors.unwrap_or(limits.errors),
        })
    }
}

/// When `gw watch` takes a change back: HAProxy serves worse than before it.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "HealthGate")]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    /// How long HAProxy is looked at after each change, such as 15s; or off.
    #[schemars(with = "Option<String>")]
    period: Option<Spanned<String>>,
    /// The least share of a backend's servers that must be up at the end of it, such as 50%. One that
    /// had no more before is no worse.
    #[schemars(with = "Option<String>")]
    servers_up: Option<Spanned<String>>,
    /// By how many percentage points the share of a backend's answers with a status of 5xx may rise,
    /// such as 5%.
    #[schemars(with = "Option<String>")]
    errors: Option<Spanned<String>>,
}

impl Document {
    pub(super) fn read(self, reader: &mut Reader<'_>) -> GivenHealth {
        GivenHealth {
            period: reader.value(self.period, period),
            servers_up: reader.value(self.servers_up, percent),
            errors: reader.value(self.errors, percent),
        }
    }
}

fn period(text: &str) -> Result<Duration, String> {
    if text == OFF {
        return Ok(Duration::ZERO);
    }
    parse_patience(text).map_err(|error| format!("{error}; or {OFF}"))
}

fn percent(text: &str) -> Result<u8, String> {
    share(text).ok_or_else(|| format!("{text:?} is no share: write 0% to 100%"))
}
