//! [`MessageQueue`]: one queue of one topic on one broker.

use std::{fmt, sync::Arc};

use rocketmq_protocol::body;

/// One queue of one topic on one broker (`common/message/MessageQueue.java`).
///
/// The order is topic, broker name, queue id: the order in which every member of a group has to see the queues.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageQueue {
    /// The topic.
    pub topic: Arc<str>,
    /// The name of the broker: an address is found through the route.
    pub broker_name: Arc<str>,
    /// The number of the queue on that broker, from 0.
    pub queue_id: i32,
}

impl MessageQueue {
    /// A queue.
    pub fn new(
        topic: impl Into<Arc<str>>,
        broker_name: impl Into<Arc<str>>,
        queue_id: i32,
    ) -> Self {
        Self { topic: topic.into(), broker_name: broker_name.into(), queue_id }
    }

    /// The queue as bodies name it.
    pub fn to_body(&self) -> body::MessageQueue {
        body::MessageQueue {
            broker_name: self.broker_name.to_string(),
            queue_id: self.queue_id,
            topic: self.topic.to_string(),
        }
    }
}

impl From<&body::MessageQueue> for MessageQueue {
    fn from(queue: &body::MessageQueue) -> Self {
        Self::new(queue.topic.as_str(), queue.broker_name.as_str(), queue.queue_id)
    }
}

impl fmt::Display for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.broker_name, self.queue_id)
    }
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
