//! Waiting, on the threads of tests.

use std::time::{Duration, Instant};

/// Blocks the thread for `time`.
#[expect(clippy::disallowed_methods, reason = "tests and scripted peers have threads of their own")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks every few milliseconds until `condition` holds; false where it still does not after
/// `patience`. It is asked at least once, and once more at the very end.
pub(crate) fn eventually(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let is_late = Instant::now() >= deadline;
        if condition() {
            return true;
        }
        if is_late {
            return false;
        }
        pause(Duration::from_millis(2));
    }
}
