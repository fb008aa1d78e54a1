//! Tasks that end with their relay.

use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Keeps a shutdown waiting for a task, and ends the task when the relay is dropped.
pub(crate) struct Lifeline {
    abort: CancellationToken,
    counted: TaskTrackerToken,
}

impl Lifeline {
    /// Ends by `abort`, and is counted until it has ended.
    pub(super) fn new(abort: CancellationToken, counted: TaskTrackerToken) -> Self {
        Self { abort, counted }
    }

    /// Runs the task.
    pub(crate) fn run(
        self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Self { abort, counted } = self;
        let task = until_aborted(abort, task);
        async move {
            task.await;
            drop(counted);
        }
    }
}

/// `task`, until `abort` ends it.
pub(super) fn until_aborted(
    abort: CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    // Every async layer around a future stores it once more; a pointer costs less.
    let task = Box::pin(task);
    async move {
        let _ = abort.run_until_cancelled(task).await;
    }
}
