//! How `gw.yaml` names how strict the guards are.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::guard::{Limit, Policy, Stance};

/// The word that turns a guard off.
const ALLOW: &str = "allow";

/// What somebody said about the guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Policy")]
pub struct GivenGuards {
    pub mass_delete: Option<Limit>,
    pub empty_backend: Option<Stance>,
    pub shrunk_source: Option<Limit>,
    pub old_workers: Option<Limit>,
}

impl GivenGuards {
    /// What `self` says, else what `other` says.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            mass_delete: self.mass_delete.or(other.mass_delete),
            empty_backend: self.empty_backend.or(other.empty_backend),
            shrunk_source: self.shrunk_source.or(other.shrunk_source),
            old_workers: self.old_workers.or(other.old_workers),
        }
    }

    /// Puts the policy together from what was said and what is usual.
    pub(super) fn fill(self, reload: Option<Stance>, usual: &Policy) -> Policy {
        Policy {
            mass_delete: self.mass_delete.unwrap_or(usual.mass_delete),
            deletes: usual.deletes,
            empty_backend: self.empty_backend.unwrap_or(usual.empty_backend),
            shrunk_source: self.shrunk_source.unwrap_or(usual.shrunk_source),
            reload: reload.unwrap_or(usual.reload),
            old_workers: self.old_workers.unwrap_or(usual.old_workers),
        }
    }
}

/// What gw doesn't do unless somebody says that it is meant. `allow` turns a guard off.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "Guards")]
pub(super) struct Document {
    /// The share of ten or more servers, backends or routes that one plan may delete, such as 30%;
    /// or allow.
    #[serde(default)]
    #[schemars(schema_with = "percent_schema")]
    pub(super) mass_delete: Option<Spanned<String>>,
    /// Whether a backend may lose its last server.
    #[serde(default)]
    #[schemars(schema_with = "stance_schema")]
    pub(super) empty_backend: Option<Spanned<String>>,
    /// The share of ten or more objects or files by which the source must not shrink, such as 50%;
    /// or allow. One that turned empty is refused at any share.
    #[serde(default)]
    #[schemars(schema_with = "percent_schema")]
    pub(super) shrunk_source: Option<Spanned<String>>,
    /// How many workers of earlier configurations may live when HAProxy is reloaded; or allow.
    #[serde(default)]
    #[schemars(schema_with = "count_schema")]
    pub(super) old_workers: Option<Spanned<String>>,
}

fn stance_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["refuse", "warn", ALLOW] })
}

fn percent_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^([1-9][0-9]?|100) *%$|^allow$" })
}

fn count_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": ALLOW }] })
}

pub(super) fn stance(text: &str) -> Result<Stance, String> {
    match text {
        "refuse" => Ok(Stance::Refuse),
        "warn" => Ok(Stance::Warn),
        ALLOW => Ok(Stance::Allow),
        _ => Err(format!("{text:?} is none of refuse, warn and allow")),
    }
}

/// A share of 1 to 100 percent.
pub(super) fn percent(text: &str) -> Result<Limit, String> {
    if text == ALLOW {
        return Ok(Limit::Allow);
    }
    share(text)
        .filter(|share| *share > 0)
        .map(|share| Limit::At(share.into()))
        .ok_or_else(|| format!("{text:?} is no share: write 1% to 100%, or allow"))
}

/// The number before the sign of a share of 0 to 100 percent.
pub(super) fn share(text: &str) -> Option<u8> {
    let number = text.strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
    number.filter(|number| *number <= 100)
}

pub(super) fn count(text: &str) -> Result<Limit, String> {
    if text == ALLOW {
        return Ok(Limit::Allow);
    }
    text.parse()
        .map(Limit::At)
        .map_err(|_| format!("{text:?} is no number: write a whole number, or allow"))
}

pub(super) fn reload_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [ALLOW, "forbid"] })
}

pub(super) fn drift_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["correct", "report"] })
}

/// `reload:` of the file.
pub(super) fn reload(text: &str) -> Result<Stance, String> {
    match text {
        ALLOW => Ok(Stance::Allow),
        "forbid" => Ok(Stance::Refuse),
        _ => Err(format!("{text:?} is neither allow nor forbid")),
    }
}
