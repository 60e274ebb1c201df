//! [`Listeners`]: who is told when queues come and go.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{MessageQueue, client::Namespace};

/// What an application does about it.
type Listener =
    Arc<dyn Fn(Vec<MessageQueue>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Called one after the other, in the order of what has happened, and never waited for by anything else.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    assigned: Option<Listener>,
    revoked: Option<Listener>,
}

/// A queue has come or gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(MessageQueue),
    Revoked(MessageQueue),
}

/// So long a listener may take. The next one is called then.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Tells changes until there will be no more. Those that are there together are told together.
    pub(super) async fn run(
        self,
        mut changes: mpsc::UnboundedReceiver<Change>,
        namespace: Namespace,
    ) {
        let mut waiting = Vec::new();
        while changes.recv_many(&mut waiting, usize::MAX).await > 0 {
            let is_assigned = |change: &Change| matches!(change, Change::Assigned(_));
            for run in waiting.chunk_by(|a, b| is_assigned(a) == is_assigned(b)) {
                let assigned = run.first().is_some_and(is_assigned);
                let listener = if assigned { &self.assigned } else { &self.revoked };
                let Some(listener) = listener else { continue };
                let queue = |change: &Change| match change {
                    Change::Assigned(queue) | Change::Revoked(queue) => {
                        namespace.unwrap_queue(queue)
                    }
                };
                let told = listener(run.iter().map(queue).collect());
                if tokio::time::timeout(PATIENCE, told).await.is_err() {
                    tracing::warn!(assigned, "a listener for queues does not return");
                }
            }
            waiting.clear();
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
