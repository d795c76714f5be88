//! A time as commits and signatures state it.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

/// 9999-12-31T23:59:59Z, the last that can be written as RFC 3339.
const LAST: u64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z. Any number: it comes from whoever made the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// So many seconds later.
    pub(super) fn after(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(i64::from(seconds)))
    }
}

impl From<u32> for Moment {
    fn from(seconds: u32) -> Self {
        Self(i64::from(seconds))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u64::try_from(self.0) {
            Ok(seconds @ 0..=LAST) => {
                let time = UNIX_EPOCH + Duration::from_secs(seconds);
                write!(f, "{}", humantime::format_rfc3339_seconds(time))
            }
            _ => write!(f, "second {} of 1970", self.0),
        }
    }
}
