//! [`ClientEvent`]: what happens to a client while nobody asks it for anything.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{Activity, MessageQueue};

/// Something that has happened. New kinds may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A server has been connected to.
    Connected {
        /// Where, as the route gives it.
        address: Arc<str>,
    },
    /// A connection has ended. It is made again when somebody needs it.
    Disconnected {
        /// Where.
        address: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// A connection has ended with one-way requests that it had not sent: messages sent one-way, for example. They are lost.
    OnewaysLost {
        /// Where they were to go.
        address: Arc<str>,
        /// How many.
        requests: u64,
    },
    /// A server cannot be connected to. It is tried again, less and less often, for ever.
    Unreachable {
        /// Where.
        address: Arc<str>,
        /// Why.
        reason: Arc<str>,
        /// How many attempts have failed in a row.
        failures: u32,
    },
    /// A topic has a route now, or another one.
    RouteChanged {
        /// The topic.
        topic: Arc<str>,
    },
    /// A name server denies a topic that it had. The old route stays for now.
    RouteDoubted {
        /// The topic.
        topic: Arc<str>,
    },
    /// A topic is gone: it has been denied for long enough.
    RouteRemoved {
        /// The topic.
        topic: Arc<str>,
    },
    /// One name server knows a topic that another does not.
    NameServersDisagree {
        /// The topic.
        topic: Arc<str>,
    },
    /// A broker has taken a lite topic away from a consumer: it has expired, or belongs to another member now.
    LiteTopicTaken {
        /// The group.
        group: Arc<str>,
        /// The lite topic.
        lite_topic: Arc<str>,
    },
    /// Another process goes by this client's id: brokers have listed it twice for two minutes. Both read the same queues of the group.
    IdShared {
        /// The group.
        group: Arc<str>,
    },
    /// Brokers forget over and over what a group reads of a topic: another member of it says something else. Both lose messages by it.
    SubscriptionContested {
        /// The group.
        group: Arc<str>,
        /// The topic.
        topic: Arc<str>,
    },
    /// A topic has queues that are written to and not read from: what is sent there no consumer gets.
    QueuesUnread {
        /// The group that reads the topic.
        group: Arc<str>,
        /// The topic.
        topic: Arc<str>,
        /// How many.
        queues: usize,
    },
    /// A queue of a consumer has made no progress for two minutes.
    QueueStalled {
        /// The group.
        group: Arc<str>,
        /// The queue.
        queue: MessageQueue,
        /// What it waits for.
        activity: Activity,
    },
    /// A queue that had stalled makes progress again.
    QueueRecovered {
        /// The group.
        group: Arc<str>,
        /// The queue.
        queue: MessageQueue,
    },
    /// The list of name servers has changed.
    NameServersReplaced,
    /// So many events were lost because this reader was too slow.
    Missed(u64),
}

/// How many events wait for a slow reader.
const WAITING: usize = 256;

/// Reads events: see [`Client::events`](crate::Client::events).
#[derive(Debug)]
pub struct Events(broadcast::Receiver<ClientEvent>);

impl Events {
    /// The next event; `None` when the client is no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(ClientEvent::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Tells events to whoever reads them.
#[derive(Debug, Clone)]
pub(crate) struct EventSink(broadcast::Sender<ClientEvent>);

impl Default for EventSink {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl EventSink {
    pub(crate) fn tell(&self, event: ClientEvent) {
        let _nobody_reads = self.0.send(event);
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events(self.0.subscribe())
    }
}
