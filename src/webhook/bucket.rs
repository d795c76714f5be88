//! How many requests there may be.

use std::time::Duration;

/// A bucket of tokens, one for each request. It holds `burst` of them and gets a new one each
/// `interval`. Authentic requests and others have one each: who does not know the secret must not use
/// up what those who do may have.
#[derive(Clone, Debug)]
pub struct Bucket {
    interval: Duration,
    /// How far `full_at` may lie in the future.
    tolerance: Duration,
    /// When it is full again.
    full_at: Duration,
}

impl Bucket {
    /// A full bucket. At least one token fits in.
    pub fn new(burst: u32, interval: Duration) -> Self {
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        Self { interval, tolerance, full_at: Duration::ZERO }
    }

    /// Takes a token, or tells in how long there will be one. `now` is the time since any fixed
    /// moment, of a clock that does not go back; if it does, the bucket only fills later.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now);
        let missing = full_at.saturating_sub(now);
        if let Some(wait) = missing.checked_sub(self.tolerance).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        self.full_at = full_at.saturating_add(self.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let mut bucket = Bucket::new(3, SECOND);
        for _ in 0..3 {
            assert_eq!(bucket.take(SECOND), Ok(()));
        }
        assert_eq!(bucket.take(SECOND), Err(SECOND));
        assert_eq!(bucket.take(SECOND * 3 / 2), Err(SECOND / 2));
        assert_eq!(bucket.take(SECOND * 2), Ok(()));
        assert_eq!(bucket.take(SECOND * 2), Err(SECOND));
    }

    proptest! {
        /// In any span of time no more pass than fit in, and what it says to wait is enough.
        #[test]
        fn no_more_pass_than_fit(
            burst in 0_u32..5,
            steps in proptest::collection::vec(0_u64..3000, 1..60),
        ) {
            let mut bucket = Bucket::new(burst, SECOND);
            let mut now = Duration::ZERO;
            let mut taken: Vec<Duration> = Vec::new();
            for step in steps {
                now += Duration::from_millis(step);
                match bucket.take(now) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        prop_assert!(wait <= SECOND);
                        prop_assert_eq!(bucket.clone().take(now + wait), Ok(()));
                    }
                }
            }
            let fit = usize::try_from(burst.max(1)).unwrap();
            for window in taken.windows(fit + 1) {
                prop_assert!(window[fit] >= window[0] + SECOND);
            }
        }
    }
}
