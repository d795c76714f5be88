//! `webhook` in `gw.yaml`: who may hasten a fetch.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::webhook::Provider;

use super::file::Reader;

/// Whose webhooks count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The file with the secret, or several, one on each line, while it is changed.
    pub secret_file: PathBuf,
    /// The forges.
    pub providers: Vec<Provider>,
}

/// Whose webhooks hasten a fetch.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Webhook")]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    /// The file with the secret that the forge has, too; several, one on each line, while it changes.
    #[schemars(with = "String")]
    secret_file: Spanned<String>,
    /// The forges: github, gitea, gitlab, generic; all of them by default.
    #[schemars(with = "Option<Vec<String>>")]
    providers: Option<Vec<Spanned<String>>>,
}

impl Document {
    /// Understands it. A relative path is relative to `folder`.
    pub(super) fn read(self, reader: &mut Reader<'_>, folder: &Path) -> Option<Webhook> {
        let path = |text: &str| -> Result<PathBuf, String> {
            if text.is_empty() {
                Err("the path is empty".to_owned())
            } else {
                Ok(folder.join(text))
            }
        };
        let providers = match self.providers {
            None => Provider::ALL.to_vec(),
            Some(words) => {
                words.into_iter().filter_map(|word| reader.value(Some(word), provider)).collect()
            }
        };
        Some(Webhook { secret_file: reader.value(Some(self.secret_file), path)?, providers })
    }
}

fn provider(text: &str) -> Result<Provider, String> {
    let known = Provider::ALL.into_iter().find(|provider| provider.to_string() == text);
    known.ok_or_else(|| {
        let all = Provider::ALL.map(|provider| provider.to_string()).join(", ");
        format!("{text:?} is no forge that gw knows: the forges are {all}")
    })
}
