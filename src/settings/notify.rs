//! `notify` in `gw.yaml`: who is told how passes end.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;
use url::Url;

use super::file::Reader;

/// Who is told, and of what.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Where the document is posted to. Its path is often a secret, so it is never shown.
    pub url: Url,
    /// Whether good news are sent.
    pub success: bool,
    /// Whether bad news are sent.
    pub failure: bool,
}

impl Target {
    /// The part that may be shown.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("host", &self.host()).finish_non_exhaustive()
    }
}

/// Somebody who is told how passes end.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Notify")]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    /// Where a JSON document is posted to: an http:// or https:// URL.
    #[schemars(with = "String")]
    url: Spanned<String>,
    /// Of what: success, failure, or both, which is the default.
    #[schemars(with = "Option<Vec<String>>")]
    on: Option<Vec<Spanned<String>>>,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
}

impl Document {
    /// Understands it.
    pub(super) fn read(self, reader: &mut Reader<'_>) -> Option<Target> {
        let on: Vec<Outcome> = match self.on {
            None => vec![Outcome::Success, Outcome::Failure],
            Some(words) => {
                words.into_iter().filter_map(|word| reader.value(Some(word), outcome)).collect()
            }
        };
        let url = reader.value(Some(self.url), address)?;
        let is = |one| on.contains(&one);
        Some(Target { url, success: is(Outcome::Success), failure: is(Outcome::Failure) })
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    match text {
        "success" => Ok(Outcome::Success),
        "failure" => Ok(Outcome::Failure),
        other => Err(format!("{other:?} is nothing to notify of: write success or failure")),
    }
}

/// A URL that can be posted to. What is wrong with it is told without its text.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("this is no URL: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("notifications go to an http:// or https:// URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL for notifications has no user and no password".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_notified() {
        for good in ["http://127.0.0.1:9/x?y=z", "https://hooks.example.org/T0/secret"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["", "example.org", "ftp://example.org/", "https://u:p@example.org/", "http://"]
        {
            let why = address(bad);
            assert!(why.is_err(), "{bad}: {why:?}");
        }
    }

    #[test]
    fn the_path_of_a_target_is_not_shown() {
        let url = address("https://hooks.example.org/T0/secret").unwrap();
        let shown = format!("{:?}", Target { url, success: true, failure: true });
        assert!(shown.contains("hooks.example.org") && !shown.contains("secret"), "{shown}");
    }
}
