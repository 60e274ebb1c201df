//! [`Listeners`]: who is told when queues come and go.

use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use rocketmq_consumer::{Epoch, Input};
use tokio::sync::mpsc;

use super::driver::Request;
use crate::{MessageQueue, client::Namespace};

/// What an application does about it.
type Listener =
    Arc<dyn Fn(Vec<MessageQueue>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Called one after the other, in the order of what has happened. Queues wait for them, and nothing else does.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    assigned: Option<Listener>,
    revoked: Option<Listener>,
}

/// A queue has come, or is about to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(MessageQueue, Epoch),
    Revoked(MessageQueue, Epoch),
}

/// So long a listener may take. The next one is called then.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Change {
    fn is_assigned(&self) -> bool {
        matches!(self, Self::Assigned(..))
    }

    fn queue(&self) -> &MessageQueue {
        let (Self::Assigned(queue, _) | Self::Revoked(queue, _)) = self;
        queue
    }

    /// That somebody has heard it.
    fn heard(&self) -> Input {
        match *self {
            Self::Assigned(_, epoch) => Input::AssignDone { epoch },
            Self::Revoked(_, epoch) => Input::RevokeDone { epoch },
        }
    }
}

impl Listeners {
    pub(super) fn on_assigned<F, Fut>(&mut self, listener: F)
    where
        F: Fn(Vec<MessageQueue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.assigned = Some(Arc::new(move |queues| Box::pin(listener(queues))));
    }

    pub(super) fn on_revoked<F, Fut>(&mut self, listener: F)
    where
        F: Fn(Vec<MessageQueue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.revoked = Some(Arc::new(move |queues| Box::pin(listener(queues))));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.assigned.is_none() && self.revoked.is_none()
    }

    /// Tells changes until there will be no more, and the driver each time that they have been heard. Those that are there together
    /// are told together.
    pub(super) async fn run(
        self,
        mut changes: mpsc::UnboundedReceiver<Change>,
        driver: mpsc::WeakUnboundedSender<Request>,
        namespace: Namespace,
    ) {
        let mut waiting = Vec::new();
        while changes.recv_many(&mut waiting, usize::MAX).await > 0 {
            for run in waiting.chunk_by(|a, b| a.is_assigned() == b.is_assigned()) {
                self.tell(run, &namespace).await;
                let Some(driver) = driver.upgrade() else { return };
                for change in run {
                    let _gone = driver.send(Request::Tell(change.heard()));
                }
            }
            waiting.clear();
        }
    }

    async fn tell(&self, run: &[Change], namespace: &Namespace) {
        let assigned = run.first().is_some_and(Change::is_assigned);
        let listener = if assigned { &self.assigned } else { &self.revoked };
        let Some(listener) = listener else { return };
        let queues = run.iter().map(|change| namespace.unwrap_queue(change.queue())).collect();
        let mut told = pin!(async { listener(queues).await });
        let told = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| told.as_mut().poll(cx)));
            polled.map_or(Poll::Ready(false), |polled| polled.map(|()| true))
        });
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(true) => {}
            Ok(false) => tracing::error!(assigned, "a listener for queues panicked"),
            Err(_) => tracing::warn!(assigned, "a listener for queues does not return"),
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("assigned", &self.assigned.is_some())
            .field("revoked", &self.revoked.is_some())
            .finish()
    }
}
