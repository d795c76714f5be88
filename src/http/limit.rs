//! How often a webhook is listened to.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many may come at once.
const BURST: f64 = 10.0;
/// And so many a second for ever.
const RATE: f64 = 1.0;

/// A bucket of tokens, full at first.
#[derive(Debug)]
pub(super) struct Limit(Mutex<(f64, Instant)>);

impl Default for Limit {
    fn default() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }
}

impl Limit {
    /// Takes a token, if there is one.
    pub(super) fn allows(&self) -> bool {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = *bucket;
        let now = Instant::now();
        let tokens = refilled(tokens, now.saturating_duration_since(last));
        let is_allowed = tokens >= 1.0;
        *bucket = (if is_allowed { tokens - 1.0 } else { tokens }, now);
        is_allowed
    }
}

fn refilled(tokens: f64, passed: Duration) -> f64 {
    passed.as_secs_f64().mul_add(RATE, tokens).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_a_trickle() {
        let limit = Limit::default();
        let allowed = (0..100).filter(|_| limit.allows()).count();
        assert!((10..=12).contains(&allowed), "{allowed}");
        assert!((refilled(0.0, Duration::from_secs(2)) - 2.0).abs() < 1e-9);
        assert!((refilled(9.5, Duration::from_secs(60)) - BURST).abs() < 1e-9);
    }
}
