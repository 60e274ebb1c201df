//! [`Event`]: what happened inside.

use std::{sync::Arc, time::Instant};

use rocketmq_route::MessageQueue;

use super::{Epoch, Failure};
#[cfg(doc)]
use super::{Input, Outcome};
use crate::{rebalance::AllocateError, snapshot::Activity};

/// What happened inside, for logs, metrics and the driver.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The queues of a topic that belong to this member have changed.
    Rebalanced {
        /// The topic.
        topic: Arc<str>,
        /// All of its queues that this member has or is about to have.
        owned: Vec<MessageQueue>,
    },
    /// A queue is being read, from this offset.
    Started {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// The first offset pulled.
        offset: i64,
    },
    /// A queue is about to be given up. Deliveries of it that nobody has begun should be settled as
    /// [`Outcome::Returned`], and others by the deadline; those that come later count for nothing.
    Revoking {
        /// The queue.
        queue: MessageQueue,
        /// Its tenure.
        epoch: Epoch,
        /// When waiting ends.
        deadline: Instant,
    },
    /// A queue has been given up.
    Revoked {
        /// The queue.
        queue: MessageQueue,
        /// Its former tenure.
        epoch: Epoch,
        /// How it was left.
        left: Leftovers,
    },
    /// A queue is read on elsewhere, in a new tenure; deliveries of the old one count for nothing.
    Moved {
        /// The queue.
        queue: MessageQueue,
        /// Its former tenure.
        before: Epoch,
        /// Its tenure now.
        epoch: Epoch,
        /// The offset that was to be pulled.
        from: i64,
        /// The offset that is pulled instead.
        to: i64,
        /// Who wanted it.
        cause: MoveCause,
    },
    /// A queue's offset was below the first that the broker still has, and goes on from there. What is cached of it
    /// stays.
    SkippedExpired {
        /// The queue.
        queue: MessageQueue,
        /// The offset that was to be pulled.
        from: i64,
        /// The offset that is pulled instead.
        to: i64,
    },
    /// A broker does not list this member. Its queues are kept: it is told of us, and asked again.
    NotListed {
        /// The broker.
        broker: Arc<str>,
    },
    /// A broker has not listed this member for a whole heartbeat period: its queues are given up.
    Expelled {
        /// The broker.
        broker: Arc<str>,
    },
    /// A broker has listed this member's id twice for two minutes: another process goes by it, and reads the same queues.
    IdShared {
        /// The broker.
        broker: Arc<str>,
    },
    /// Brokers do not know what this group reads of a topic though they have been told, over and over: another member of
    /// the group says something else. Both lose messages by it. Told again if it goes on.
    Contested {
        /// The topic.
        topic: Arc<str>,
    },
    /// The strategy found no answer; the topic's queues stay as they are.
    AllocationFailed {
        /// The topic.
        topic: Arc<str>,
        /// Why.
        error: AllocateError,
    },
    /// Pulls of a queue fail.
    PullFailing {
        /// The queue.
        queue: MessageQueue,
        /// Why. Told once until pulls succeed again.
        failure: Failure,
    },
    /// Pulls of a queue that failed succeed again.
    PullRecovered {
        /// The queue.
        queue: MessageQueue,
    },
    /// A broker does not confirm offsets. Told once until it does again.
    CommitFailing {
        /// The broker.
        broker: Arc<str>,
        /// The first failure.
        failure: Failure,
    },
    /// A broker confirms offsets again.
    CommitRecovered {
        /// The broker.
        broker: Arc<str>,
    },
    /// A message could not be sent back. It is delivered here once more.
    SendBackFailed {
        /// The queue.
        queue: MessageQueue,
        /// The message's offset.
        offset: i64,
        /// Why.
        failure: Failure,
    },
    /// The lease of a queue of an ordered group is gone. Nothing of it is begun any more, and results of what is being
    /// handled count for nothing: another member may have it.
    LeaseLost {
        /// The queue.
        queue: MessageQueue,
        /// Its former tenure.
        epoch: Epoch,
        /// How that is known.
        cause: LeaseLoss,
    },
    /// A handler has had a message for longer than [`consume_timeout`](crate::Config::consume_timeout): it is sent
    /// back, and the handler's result will be ignored.
    TimedOut {
        /// The queue.
        queue: MessageQueue,
        /// The message's offset.
        offset: i64,
    },
    /// A message failed and there is no way to have it delivered again: it is passed over. Broadcasting only.
    PassedOver {
        /// The queue.
        queue: MessageQueue,
        /// The message's offset.
        offset: i64,
    },
    /// A queue stops at a message that nobody can deal with ([`Outcome::Halt`]).
    Halted {
        /// The queue.
        queue: MessageQueue,
        /// The message's offset.
        offset: i64,
    },
    /// A queue has made no progress for [`stall_after`](crate::Config::stall_after): neither has its position moved nor
    /// a pull been answered. Told once until it moves again.
    Stalled {
        /// The queue.
        queue: MessageQueue,
        /// What it waits for.
        activity: Activity,
    },
    /// A queue that had stalled makes progress again.
    Unstalled {
        /// The queue.
        queue: MessageQueue,
    },
    /// An input that cannot be right. It was ignored. Something is wrong in the driver or in a broker.
    Unexpected {
        /// Which kind of input.
        input: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The group is closed. Nothing follows.
    Closed(CloseReport),
}

/// Why a queue is read on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveCause {
    /// The offset lay outside of the queue; the broker named another.
    OffsetIllegal,
    /// An administrator reset the group's offset at the broker.
    ServerReset,
    /// [`Input::MoveTo`].
    Asked,
}

/// How it is known that a lease is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseLoss {
    /// The broker has leased the queue to another member.
    Refused,
    /// No broker has confirmed the lease for as long as it can be trusted.
    Expired,
}

/// How a queue was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// The offset at which the next owner should begin; absent if the queue never got that far.
    pub position: Option<i64>,
    /// The broker has confirmed that position.
    pub committed: bool,
    /// Messages that had been pulled and were not handed out. They will be pulled again by the next owner.
    pub undelivered: usize,
    /// Messages that were handed out and did not come back in time, or failed and no broker has confirmed in time to have them
    /// back. They will be delivered again.
    pub unsettled: usize,
}

/// What was left when the group closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloseReport {
    /// Messages that had been pulled and were not handed out.
    pub undelivered: usize,
    /// Messages that were handed out and did not come back in time, or failed and no broker has confirmed in time to have them
    /// back.
    pub unsettled: usize,
    /// Queues whose last offset no broker confirmed.
    pub uncommitted: usize,
}
