//! [`QueueChanges`]: when the queues of a topic change.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{MessageQueue, client::Core};

/// Tells when the queues of a topic change: looked at with every [refresh of its route](crate::ClientBuilder::route_refresh_interval).
pub struct QueueChanges {
    core: Arc<Core>,
    topic: Arc<str>,
    known: Vec<MessageQueue>,
    answers: watch::Receiver<u64>,
}

impl QueueChanges {
    pub(super) fn new(core: &Arc<Core>, topic: &str) -> Self {
        let topic = core.namespace().wrap(&topic.into());
        core.routes.want(&topic);
        let answers = core.routes.answers();
        let known = core.namespace().unwrap_queues(core.routes.table().subscribe_queues(&topic));
        Self { core: Arc::clone(core), topic, known, answers }
    }

    /// The queues as they were last told, at first as they were when the watch began.
    pub fn queues(&self) -> &[MessageQueue] {
        &self.known
    }

    /// Waits until they are others, and gives them. `None` when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: a change is told to a call that returns it.
    pub async fn next(&mut self) -> Option<&[MessageQueue]> {
        loop {
            self.answers.changed().await.ok()?;
            let table = self.core.routes.table();
            let now = self.core.namespace().unwrap_queues(table.subscribe_queues(&self.topic));
            if now != self.known {
                self.known = now;
                break;
            }
        }
        Some(&self.known)
    }
}

impl fmt::Debug for QueueChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueChanges")
            .field("topic", &self.topic)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}
