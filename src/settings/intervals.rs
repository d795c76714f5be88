//! `watch` in `gw.yaml`: how often a gw that follows looks by itself.

use std::{ops::RangeInclusive, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use super::{duration::parse_duration, file::Reader};

/// How often a gw that follows looks by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// How often the Git server is asked.
    pub poll: Duration,
    /// How often everything is compared, whether or not something changed.
    pub resync: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { poll: Duration::from_secs(30), resync: Duration::from_secs(60) }
    }
}

/// The shortest and the longest: a server is not to be flooded, and who wants to be left alone for
/// longer wants `gw suspend`.
const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// How often gw looks by itself while it follows: from 1s to 1h.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "Watch")]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    /// How often the Git server is asked, such as 30s.
    #[schemars(with = "Option<String>")]
    poll: Option<Spanned<String>>,
    /// How often everything is compared, whether or not something changed, such as 60s.
    #[schemars(with = "Option<String>")]
    resync: Option<Spanned<String>>,
}

impl Document {
    /// Understands it, with defaults where nothing is said.
    pub(super) fn read(self, reader: &mut Reader<'_>) -> Intervals {
        let usual = Intervals::default();
        Intervals {
            poll: reader.value(self.poll, interval).unwrap_or(usual.poll),
            resync: reader.value(self.resync, interval).unwrap_or(usual.resync),
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).map_err(|error| error.to_string())?;
    if RANGE.contains(&interval) {
        Ok(interval)
    } else {
        Err(format!("{text:?} is too short or too long: write 1s to 1h"))
    }
}
