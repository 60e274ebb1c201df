//! [`Action`]: what to do.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::body::SubscriptionData;
use rocketmq_route::MessageQueue;

use super::{CommitId, Epoch, Event, LockId, PopAck, PopPlan, PullToken, Reappearance};
#[cfg(doc)]
use super::{Failure, Input};
use crate::delivery::Delivery;

/// What to do. Drawn from [`ConsumerGroup::poll`](crate::ConsumerGroup::poll).
///
/// A `deadline` is when the machine stops expecting the answer: a driver gives up by then and reports
/// [`Failure::Unanswered`]. An answer that comes later is ignored, and counted.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Tell [`Input::Route`] of this topic now, if it is known, and each time it is refreshed.
    WatchRoute {
        /// The topic.
        topic: Arc<str>,
    },
    /// The route of this topic is of no interest any more.
    UnwatchRoute {
        /// The topic.
        topic: Arc<str>,
    },
    /// Send a heartbeat with [`subscriptions`](crate::ConsumerGroup::subscriptions) to every broker soon, and say
    /// [`Input::Registered`].
    Heartbeat,
    /// Ask a broker for the group's members (`GET_CONSUMER_LIST_BY_GROUP`): [`Input::Members`].
    QueryMembers {
        /// The broker.
        broker: Arc<str>,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Ask the queue's master for the group's stored offset (`QUERY_CONSUMER_OFFSET`): [`Input::StoredOffset`].
    QueryStoredOffset {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Ask the queue's master for an offset to start from: [`Input::StartOffset`].
    QueryStartOffset {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// Which offset.
        seek: Seek,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Ask any broker of a topic for this member's queues (`QUERY_ASSIGNMENT`): [`Input::Assignment`].
    QueryAssignment {
        /// The topic.
        topic: Arc<str>,
        /// The broker.
        broker: Arc<str>,
        /// The strategy by which it is to share queues that are pulled.
        strategy: Arc<str>,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Pop: [`Input::Popped`].
    Pop(PopPlan),
    /// Tell the broker that popped messages are consumed (`ACK_MESSAGE`, `BATCH_ACK_MESSAGE`): [`Input::Acked`]. There is one
    /// at a time for a queue.
    Ack(PopAck),
    /// Have a popped message come again after a while (`CHANGE_MESSAGE_INVISIBLETIME`): [`Input::Reappears`].
    Reappear(Reappearance),
    /// Pull: [`Input::Pulled`].
    Pull(PullPlan),
    /// The answer to this pull is not wanted any more. One that arrives all the same is ignored, and counted.
    CancelPull {
        /// The pull.
        pull: PullToken,
    },
    /// Have the broker deliver a message again later (`CONSUMER_SEND_MSG_BACK`): [`Input::SentBack`].
    SendBack(SendBack),
    /// Store offsets (`UPDATE_CONSUMER_OFFSET`, awaited, one request for each), at the queues' masters:
    /// [`Input::Committed`]. There is one at a time for a broker.
    Commit {
        /// Its name.
        commit: CommitId,
        /// The broker of all the queues.
        broker: Arc<str>,
        /// The offsets.
        offsets: Vec<OffsetCommit>,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Tell whoever [listens](crate::Config::listen) that this queue is about to be read: [`Input::AssignDone`]. None of its
    /// messages is handed out before that, or before the deadline.
    TellAssigned {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// When it is waited for no longer.
        deadline: Instant,
    },
    /// Tell whoever [listens](crate::Config::listen) that this queue goes, now that no handler is at it:
    /// [`Input::RevokeDone`]. It is not let go before that, or before the deadline.
    TellRevoked {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// When it is waited for no longer.
        deadline: Instant,
    },
    /// Lease queues from their broker (`LOCK_BATCH_MQ`): [`Input::Locked`]. There is one at a time for a broker.
    Lock {
        /// Its name.
        lock: LockId,
        /// The broker of all the queues.
        broker: Arc<str>,
        /// The queues: those that are leased already, and those that are to be.
        queues: Vec<MessageQueue>,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Give leases back (`UNLOCK_BATCH_MQ`, awaited): [`Input::Unlocked`]. There is one at a time for a broker.
    Unlock {
        /// Its name.
        lock: LockId,
        /// The broker of all the queues.
        broker: Arc<str>,
        /// The queues.
        queues: Vec<MessageQueue>,
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Tell every broker that this member leaves the group (`UNREGISTER_CLIENT`): [`Input::Unregistered`].
    Unregister {
        /// When the answer is no longer expected.
        deadline: Instant,
    },
    /// Something that a person, a log or the driver may want to know.
    Event(Event),
}

/// Which offset a queue starts from when the group has stored none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// One past the last message (`GET_MAX_OFFSET`).
    Max,
    /// The first message stored at or after this time, in milliseconds since the Unix epoch
    /// (`SEARCH_OFFSET_BY_TIMESTAMP`).
    Time(i64),
}

/// One pull to send.
#[derive(Debug, Clone, PartialEq)]
pub struct PullPlan {
    /// Its name.
    pub pull: PullToken,
    /// The queue.
    pub queue: MessageQueue,
    /// The first offset wanted. Never negative.
    pub offset: i64,
    /// At most so many messages. The broker has limits of its own.
    pub max_messages: u32,
    /// At most so many bytes of messages, but at least one message.
    pub max_bytes: u32,
    /// How long the broker may hold the pull until there is something. Zero: it answers at once.
    pub suspend: Duration,
    /// The offset that the broker may store on this occasion. Absent towards a slave.
    pub commit_offset: Option<i64>,
    /// The broker id to ask, 0 for the master. Where no broker has that id, any of the same name will do.
    pub broker_id: i64,
    /// The version of the subscription that the broker must know at least.
    pub sub_version: i64,
    /// The subscription, if the request is to carry it; otherwise the broker uses the one from the heartbeat.
    pub subscription: Option<Arc<SubscriptionData>>,
    /// When the answer is no longer expected.
    pub deadline: Instant,
}

/// One message to send back.
#[derive(Debug, Clone, PartialEq)]
pub struct SendBack {
    /// The message.
    pub delivery: Delivery,
    /// −1: to the dead-letter topic. 0: the broker decides, 3 + the number of redeliveries. Otherwise that level.
    pub delay_level: i32,
    /// After so many redeliveries the message goes to the dead-letter topic.
    pub max_redeliveries: i32,
    /// When the answer is no longer expected.
    pub deadline: Instant,
}

/// One offset to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The queue.
    pub queue: MessageQueue,
    /// Its tenure.
    pub epoch: Epoch,
    /// The next message to read.
    pub offset: i64,
}
