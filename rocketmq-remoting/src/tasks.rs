//! [`Tasks`]: every task of a client, so that shutdown can wait for all of them.

use std::{fmt, sync::Arc};

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFuture},
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tracing::Instrument;

/// A group of tasks with two words: *stop*, which tasks hear and obey at a safe point, and *stopped*, when none is left.
///
/// ```text
///  client ──┬── connections ── one task per address, its inbound workers
///           └── consumer ───── driver, workers
/// ```
///
/// Groups form a tree. Stopping a group stops the groups below it; a group has stopped when it and all below it are
/// empty. This is the only place in the libraries that spawns, and every task runs on the runtime on which the
/// tree's root was made, wherever the call comes from. A clone is the same group.
#[derive(Clone)]
pub struct Tasks(Arc<Group>);

struct Group {
    name: &'static str,
    parent: Option<Tasks>,
    tracker: TaskTracker,
    stop: CancellationToken,
    runtime: Handle,
}

impl Tasks {
    /// The root of a tree.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(name: &'static str) -> Self {
        Self(Arc::new(Group {
            name,
            parent: None,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            runtime: Handle::current(),
        }))
    }

    /// A group below this one.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        Self(Arc::new(Group {
            name,
            parent: Some(self.clone()),
            tracker: TaskTracker::new(),
            stop: self.0.stop.child_token(),
            runtime: self.0.runtime.clone(),
        }))
    }

    /// Starts a task. The handle tells its result; dropping it lets the task run on, still counted.
    ///
    /// A task of a stopped group starts all the same: whether there is anything left to do is for it to say.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let counted = self.tokens();
        let span = tracing::debug_span!("task", group = self.0.name, name);
        self.0.runtime.spawn(
            async move {
                let output = task.await;
                drop(counted);
                output
            }
            .instrument(span),
        )
    }

    /// Runs `work` where it may block. Shutdown waits for it, but cannot interrupt it.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let counted = self.tokens();
        self.0.runtime.spawn_blocking(move || {
            let output = work();
            drop(counted);
            output
        })
    }

    /// Tells every task of this group and of those below to end.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Whether [`stop`](Self::stop) was said, here or above.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Waits for [`stop`](Self::stop), here or above.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.0.stop.cancelled()
    }

    /// Waits until no task is left, in this group and below. It does not tell them to end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn stopped(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }

    /// How many tasks there are, in this group and below.
    pub fn len(&self) -> usize {
        self.0.tracker.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A task counts in its group and in every group above.
    fn tokens(&self) -> Vec<TaskTrackerToken> {
        std::iter::successors(Some(self), |tasks| tasks.0.parent.as_ref())
            .map(|tasks| tasks.0.tracker.token())
            .collect()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("name", &self.0.name)
            .field("len", &self.len())
            .field("stopped", &self.is_stopped())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_reaches_down_and_waiting_counts_up() {
        let root = Tasks::new("root");
        let (left, right) = (root.child("left"), root.child("right"));
        for tasks in [&root, &left, &right] {
            let own = tasks.clone();
            tasks.spawn("waits", async move { own.cancelled().await });
        }
        assert_eq!((root.len(), left.len(), right.len()), (3, 1, 1));

        left.stop();
        left.stopped().await;
        assert_eq!((root.len(), left.len(), right.len()), (2, 0, 1));
        assert!(!root.is_stopped() && !right.is_stopped());

        root.stop();
        root.stopped().await;
        assert!(root.is_empty() && right.is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_counted_out() {
        let root = Tasks::new("root");
        let child = root.child("child");
        assert!(
            child.spawn("panics", async { panic!("on purpose") }).await.unwrap_err().is_panic()
        );
        assert_eq!(child.spawn_blocking(|| 7).await.unwrap(), 7);
        root.stopped().await;
        assert!(root.is_empty());
    }
}
