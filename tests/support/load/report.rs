//! What a load saw.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// So many failures are kept in words; the others are only counted.
const KEPT: usize = 10;

/// What one task saw.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) latencies: Vec<Duration>,
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) failures: Vec<String>,
    pub(super) failed: u64,
    pub(super) keep_alive_closed: u64,
    pub(super) http2_retried: u64,
}

impl Tally {
    pub(super) fn fail(&mut self, why: String) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(why);
        }
    }
}

/// What a whole load saw.
#[derive(Clone, Debug)]
#[must_use = "unread, it proves nothing"]
pub(crate) struct Report {
    /// Requests made. One that was tried again counts once.
    pub(crate) total: u64,
    /// Requests without a 2xx answer.
    pub(crate) failed: u64,
    /// The first failures, with the time since the start and the request.
    pub(crate) failures: Vec<String>,
    /// How often the server closed an idle HTTP/1.1 connection just as it was reused. The request
    /// was made again on a new connection, as every client does.
    pub(crate) keep_alive_closed: u64,
    /// How often a GOAWAY or a refused stream made a request go to a new HTTP/2 connection.
    pub(crate) http2_retried: u64,
    /// How many answers each origin gave; those without origin under their status.
    pub(crate) answers: BTreeMap<String, u64>,
    /// Half of the answers came within this time,
    pub(crate) p50: Duration,
    /// 99 % within this,
    pub(crate) p99: Duration,
    /// and all within this.
    pub(crate) max: Duration,
    /// How long the load ran.
    pub(crate) elapsed: Duration,
}

impl Report {
    pub(super) fn of(tallies: Vec<Tally>, elapsed: Duration) -> Self {
        let mut sum = Tally::default();
        for tally in tallies {
            sum.latencies.extend(tally.latencies);
            sum.failures.extend(tally.failures);
            sum.failed += tally.failed;
            sum.keep_alive_closed += tally.keep_alive_closed;
            sum.http2_retried += tally.http2_retried;
            for (origin, times) in tally.answers {
                *sum.answers.entry(origin).or_default() += times;
            }
        }
        sum.latencies.sort_unstable();
        sum.failures.truncate(KEPT);
        let at = |percent: usize| {
            let last = sum.latencies.len().saturating_sub(1);
            sum.latencies.get(last * percent / 100).copied().unwrap_or_default()
        };
        Self {
            total: u64::try_from(sum.latencies.len()).expect("usize has at most 64 bits"),
            p50: at(50),
            p99: at(99),
            max: at(100),
            failed: sum.failed,
            failures: sum.failures,
            keep_alive_closed: sum.keep_alive_closed,
            http2_retried: sum.http2_retried,
            answers: sum.answers,
            elapsed,
        }
    }

    /// Panics, with the first failures, unless at least one request was made and none failed.
    pub(crate) fn assert_no_failure(&self) {
        assert!(self.total > 0, "the load made no request");
        assert!(self.failed == 0, "{self}\n{}", self.failures.join("\n"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, failed, keep_alive_closed, http2_retried, .. } = self;
        write!(f, "{total} requests in {:.1?}, {failed} failed", self.elapsed)?;
        write!(f, "; p50 {:.1?}, p99 {:.1?}, max {:.1?}", self.p50, self.p99, self.max)?;
        write!(f, "; {keep_alive_closed} idle connections closed, {http2_retried} HTTP/2 retries")
    }
}
