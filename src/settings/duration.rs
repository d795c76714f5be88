//! Durations as people write them, in the form of the Gateway API (GEP-2257): `10s`, `1m30s`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write a whole number and one of h, m, s, ms, such as 10s or 1m30s")]
pub struct DurationError(String);

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of time: write such as 30m, 2h or 3d, from 1s to 90d")]
pub struct SpanError(String);

/// The longest: a day. A longer one is surely a slip of the pen.
const MAX: Duration = Duration::from_secs(24 * 3600);
/// The longest that gw waits for anything.
const PATIENCE_MAX: Duration = Duration::from_secs(3600);
/// The longest span for which people set something aside: what lasts longer belongs to a manifest.
const SPAN_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// Reads a duration of at most a day.
pub(super) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    parse(text, MAX, false)
}

/// Reads for how long gw waits for something: at most an hour. The words of what is wrong otherwise.
pub fn parse_patience(text: &str) -> Result<Duration, String> {
    let patience = parse_duration(text).map_err(|error| error.to_string())?;
    if patience > PATIENCE_MAX {
        return Err(format!("{text:?} is too long: write 1h at most"));
    }
    Ok(patience)
}

/// Reads a span of time as people set it: from a second to 90 days (`d`).
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let span = parse(text, SPAN_MAX, true).ok().filter(|span| *span >= Duration::from_secs(1));
    span.ok_or_else(|| SpanError(text.to_owned()))
}

fn parse(text: &str, max: Duration, days: bool) -> Result<Duration, DurationError> {
    let bad = || DurationError(text.to_owned());
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let milliseconds = match unit {
            "d" if days => 24 * 3_600_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(bad()),
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        let part = number.checked_mul(milliseconds).ok_or_else(bad)?;
        total = total.saturating_add(Duration::from_millis(part));
        rest = after;
    }
    if text.is_empty() || total > max { Err(bad()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_may_last_for_days() {
        for (text, hours) in [("2h", 2), ("3d", 72), ("1d12h", 36), ("90d", 2160)] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        for bad in ["", "0s", "500ms", "91d", "1w", "soon"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, milliseconds) in [("10s", 10_000), ("500ms", 500), ("1m30s", 90_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "10", "s", "1d", "-1s", "1.5s", "10 s", "25h", "99999999999999999999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
