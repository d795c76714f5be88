//! Durations as people write them, in the form of the Gateway API (GEP-2257): `10s`, `1m30s`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write a whole number and one of h, m, s, ms, such as 10s or 1m30s")]
pub struct DurationError(String);

/// The longest: a day. A longer one is surely a slip of the pen.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// Reads a duration of at most a day.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let bad = || DurationError(text.to_owned());
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let milliseconds = match unit {
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
    if text.is_empty() || total > MAX { Err(bad()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
