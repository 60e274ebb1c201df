//! What is asked of brokers about queues that are popped.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::{body::SubscriptionData, pop::Receipt};
use rocketmq_route::MessageQueue;

use super::{DeliveryId, Epoch, PullToken};

/// A queue that a broker has assigned to this member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The queue; number −1 is any of the broker's.
    pub queue: MessageQueue,
    /// Whether it is to be popped. Otherwise it is pulled.
    pub popped: bool,
}

/// One pop to send.
#[derive(Debug, Clone, PartialEq)]
pub struct PopPlan {
    /// Its name.
    pub pop: PullToken,
    /// The queue; number −1 is any of the broker's.
    pub queue: MessageQueue,
    /// At most so many messages.
    pub max_messages: u32,
    /// How long nobody else gets them.
    pub invisible: Duration,
    /// How long the broker may hold the pop until there is something.
    pub wait: Duration,
    /// Where a group without an offset begins: at the first message rather than behind the last.
    pub from_first: bool,
    /// What is wanted.
    pub subscription: Arc<SubscriptionData>,
    /// When the answer is no longer expected.
    pub deadline: Instant,
}

/// Popped messages that are consumed.
#[derive(Debug, Clone, PartialEq)]
pub struct PopAck {
    /// The tenure of the queue that they were popped from.
    pub epoch: Epoch,
    /// That queue, and so their topic and broker.
    pub queue: MessageQueue,
    /// Which they are.
    pub receipts: Vec<Receipt>,
    /// When the answer is no longer expected.
    pub deadline: Instant,
}

/// A popped message that is to come again.
#[derive(Debug, Clone, PartialEq)]
pub struct Reappearance {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The queue that it was popped from.
    pub queue: MessageQueue,
    /// Which it is.
    pub receipt: Receipt,
    /// When, from now.
    pub after: Duration,
    /// When the answer is no longer expected.
    pub deadline: Instant,
}
