//! How long to wait after a pass that left something to do.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits that grow while the same thing goes wrong. Another cause begins from the start, and causes that
/// take turns grow each. `C` tells causes apart, and not by their words: these may hold a process id or a
/// time, and would be others at each try.
#[derive(Debug)]
pub(super) struct Backoff<C> {
    tries: Vec<(C, u32)>,
}

impl<C> Default for Backoff<C> {
    fn default() -> Self {
        Self { tries: Vec::new() }
    }
}

impl<C: PartialEq> Backoff<C> {
    /// Notes how a pass ended: `None` where nothing is left to try, else why. Returns how long to
    /// wait for the next one, which `spread` (0 to 1) shortens by up to a quarter, so that many
    /// hosts do not come back at the same moment.
    pub(super) fn after(&mut self, cause: Option<C>, spread: f64) -> Option<Duration> {
        let Some(cause) = cause else {
            self.reset();
            return None;
        };
        let tries = match self.tries.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, tries)) => {
                *tries += 1;
                *tries
            }
            None => {
                self.tries.push((cause, 0));
                0
            }
        };
        let wait = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
        Some(wait.mul_f64(1.0 - 0.25 * spread.clamp(0.0, 1.0)))
    }

    /// Begins from the start: what is tried next is something else.
    pub(super) fn reset(&mut self) {
        self.tries.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::{reconcile::ReconcileError, watch::follower::Rest};

    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit_and_begin_anew_for_another_cause() {
        let mut backoff = Backoff::default();
        let mut wait = |cause: Option<&'static str>| backoff.after(cause, 0.0);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait(None), None);
        assert_eq!([wait(Some("a")), wait(Some("a")), wait(Some("a"))], [1, 2, 4].map(seconds));
        assert_eq!(wait(Some("b")), seconds(1));
        assert_eq!((0..20).filter_map(|_| wait(Some("b"))).max(), seconds(60));
        assert_eq!(wait(None), None);
        assert_eq!(wait(Some("b")), seconds(1));
    }

    #[test]
    fn causes_that_take_turns_wait_longer_each_until_something_else_is_tried() {
        let mut backoff = Backoff::default();
        let turns = ["a", "b", "a", "b", "a"].map(|cause| backoff.after(Some(cause), 0.0));
        assert_eq!(turns, [1, 1, 2, 2, 4].map(|seconds| Some(Duration::from_secs(seconds))));
        backoff.reset();
        assert_eq!(backoff.after(Some("a"), 0.0), Some(FIRST));
    }

    #[test]
    fn a_number_in_a_message_makes_no_other_cause() {
        let mut backoff = Backoff::default();
        let mut last = None;
        for pid in 0..8 {
            let error = ReconcileError::OtherSocket { pid, socket: format!("127.0.0.1:{pid}") };
            last = backoff.after(Some(Rest::from(&error)), 0.0);
        }
        assert_eq!(last, Some(LONGEST));
    }

    #[test]
    fn the_spread_shortens_only() {
        for spread in [-1.0, 0.0, 0.5, 1.0, 7.0] {
            let wait = Backoff::default().after(Some("a"), spread).unwrap();
            assert!(wait <= FIRST && wait >= FIRST * 3 / 4, "{wait:?}");
        }
    }
}
