//! Background load that notices every request that fails.

mod report;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

pub(crate) use self::report::Report;
use self::report::Tally;
use super::connection::{Ask, Wire};
use super::{clock, runtime};

/// How much load, and of which kind.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Tasks that reuse one HTTP/1.1 connection each.
    pub(crate) keep_alive: usize,
    /// Tasks that open an HTTP/1.1 connection for each request.
    pub(crate) fresh: usize,
    /// HTTP/2 connections.
    pub(crate) http2: usize,
    /// Tasks that share each of them, hence its streams at a time.
    pub(crate) streams: usize,
    /// How long each task rests between two requests.
    pub(crate) pause: Duration,
    /// After this time the load ends even if nobody stops it.
    pub(crate) longest: Duration,
}

impl Default for Load {
    /// Some of each kind, gentle enough to leave the cores to what is tested.
    fn default() -> Self {
        let pause = Duration::from_millis(2);
        let longest = Duration::from_secs(60);
        Self { keep_alive: 2, fresh: 2, http2: 1, streams: 4, pause, longest }
    }
}

impl Load {
    /// The same without HTTP/2.
    pub(crate) fn without_http2(self) -> Self {
        Self { http2: 0, ..self }
    }

    /// Starts asking `address` for `asks`, by turns. HTTP/2 is in the clear.
    pub(crate) fn start(self, address: SocketAddr, asks: Vec<Ask>) -> Running {
        self.start_over(Wire::H2c, address, asks)
    }

    /// The same with HTTP/2 over `wire`.
    pub(crate) fn start_over(self, wire: Wire, address: SocketAddr, asks: Vec<Ask>) -> Running {
        assert!(!asks.is_empty(), "load needs something to ask for");
        let shared = Arc::new(Shared {
            address,
            http2: wire,
            asks,
            pause: self.pause,
            start: Instant::now(),
            longest: self.longest,
            stop: AtomicBool::new(false),
            total: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let mut tasks = Vec::new();
        for _ in 0..self.keep_alive {
            tasks.push(runtime::spawn(worker::keep_alive(Arc::clone(&shared))));
        }
        for _ in 0..self.fresh {
            tasks.push(runtime::spawn(worker::fresh(Arc::clone(&shared))));
        }
        for _ in 0..self.http2 {
            let connection = Arc::default();
            for _ in 0..self.streams {
                let task = worker::http2(Arc::clone(&shared), Arc::clone(&connection));
                tasks.push(runtime::spawn(task));
            }
        }
        Running { shared, tasks }
    }
}

/// What all tasks of one load share.
struct Shared {
    address: SocketAddr,
    /// What HTTP/2 goes over.
    http2: Wire,
    asks: Vec<Ask>,
    pause: Duration,
    start: Instant,
    longest: Duration,
    stop: AtomicBool,
    total: AtomicU64,
    failed: AtomicU64,
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.start.elapsed() < self.longest
    }
}

/// Load that is running. Ends when dropped, or better by [`Running::stop`].
#[must_use = "load ends when it is dropped"]
pub(crate) struct Running {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Tally>>,
}

impl Running {
    /// How many requests were made so far, and how many of them failed.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let total = self.shared.total.load(Ordering::Relaxed);
        (total, self.shared.failed.load(Ordering::Relaxed))
    }

    /// Waits until `more` requests were made from now on.
    pub(crate) fn wait_for(&self, more: u64) {
        let goal = self.so_far().0 + more;
        let made = clock::eventually(self.shared.longest, || self.so_far().0 >= goal);
        assert!(made, "the load ended before {more} more requests");
    }

    /// Lets every task finish its request, and adds up what they saw.
    pub(crate) fn stop(mut self) -> Report {
        self.shared.stop.store(true, Ordering::Relaxed);
        let tasks = std::mem::take(&mut self.tasks);
        let tallies = runtime::wait(async {
            let mut tallies = Vec::new();
            for task in tasks {
                tallies.push(task.await.expect("a task of the load panicked, see above"));
            }
            tallies
        });
        Report::of(tallies, self.shared.start.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}
