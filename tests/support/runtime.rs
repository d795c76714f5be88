//! The runtime on which origins, clients and load run, apart from any that a test may have.

use std::future::Future;
use std::sync::{LazyLock, mpsc};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("support")
        .enable_all()
        .build()
        .expect("the runtime of the test support starts")
});

/// Runs `task` in the background.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    RUNTIME.spawn(task)
}

/// Runs `task` to its end and blocks the calling thread meanwhile.
///
/// Unlike `block_on` it may be called on a thread of another runtime.
pub(crate) fn wait<F>(task: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let (done, outcome) = mpsc::sync_channel(1);
    RUNTIME.spawn(async move {
        // The receiver waits below; it can't be gone.
        let _ = done.send(task.await);
    });
    outcome.recv().expect("a task of the test support panicked, see above")
}
