//! [`Input`]: what happened.

use std::{fmt, sync::Arc, time::Duration};

use rocketmq_protocol::{
    body::SubscriptionData,
    code::ResponseCode,
    message::{MessageExt, Undecodable},
    pop::Receipt,
};
use rocketmq_route::MessageQueue;

#[cfg(doc)]
use super::{Action, Event};
use super::{Assigned, CommitId, DeliveryId, Epoch, LockId, PullToken};
use crate::pop::Popped;

/// What happened. Fed to [`ConsumerGroup::handle`](crate::ConsumerGroup::handle).
#[derive(Debug)]
pub enum Input {
    /// The readable queues of a subscribed topic, each time a route arrives. Order and repetition do not matter. A
    /// route that could not be had is no input: what was known stays true.
    Route {
        /// The topic.
        topic: Arc<str>,
        /// Every queue that may be read.
        queues: Vec<MessageQueue>,
    },
    /// A heartbeat that names this group has reached a broker: the answer to [`Action::Heartbeat`], and to every other
    /// heartbeat. Repetition does not matter.
    Registered,
    /// A broker says that the members of the group have changed (`NOTIFY_CONSUMER_IDS_CHANGED`).
    MembersChanged,
    /// Answer to [`Action::QueryMembers`].
    Members {
        /// The broker that was asked.
        broker: Arc<str>,
        /// The client ids of all members, in any order.
        answer: Result<Vec<Arc<str>>, Failure>,
    },
    /// Answer to [`Action::QueryStoredOffset`].
    StoredOffset {
        /// The queue's tenure.
        epoch: Epoch,
        /// What the broker has stored for the group, which may be nothing; or that it could not be asked.
        answer: Result<Stored, Failure>,
    },
    /// Answer to [`Action::QueryStartOffset`].
    StartOffset {
        /// The queue's tenure.
        epoch: Epoch,
        /// The offset.
        answer: Result<i64, Failure>,
    },
    /// Answer to [`Action::Pull`].
    Pulled {
        /// The pull that was answered.
        pull: PullToken,
        /// What came. `Refused` is for codes that are no [`PullStatus`].
        answer: Result<PullAnswer, Failure>,
    },
    /// Answer to [`Action::QueryAssignment`].
    Assignment {
        /// The topic that was asked about.
        topic: Arc<str>,
        /// This member's queues, if the broker can tell. `None`: it cannot, and what was assigned stays.
        answer: Result<Option<Vec<Assigned>>, Failure>,
    },
    /// Answer to [`Action::Pop`].
    Popped {
        /// The pop that was answered.
        pop: PullToken,
        /// What came, which may be nothing.
        answer: Result<Vec<Popped>, Failure>,
    },
    /// Answer to [`Action::Ack`].
    Acked {
        /// The queue's tenure.
        epoch: Epoch,
        /// Whether the broker took them.
        answer: Result<(), Failure>,
    },
    /// Answer to [`Action::Reappear`].
    Reappears {
        /// The delivery.
        delivery: DeliveryId,
        /// Its receipt from now on.
        answer: Result<Receipt, Failure>,
    },
    /// What became of deliveries that [`take`](crate::ConsumerGroup::take) had handed out, in any order.
    Settled(Vec<Settlement>),
    /// Answer to [`Action::SendBack`].
    SentBack {
        /// The delivery.
        delivery: DeliveryId,
        /// `Ok` when a broker has confirmed that it stores the message again, in the retry or the dead-letter topic.
        answer: Result<(), Failure>,
    },
    /// Answer to [`Action::Commit`].
    Committed {
        /// The commit that was answered.
        commit: CommitId,
        /// The queues whose offset the broker did not confirm.
        failed: Vec<(Epoch, Failure)>,
    },
    /// Answer to [`Action::TellAssigned`].
    AssignDone {
        /// The queue's tenure then.
        epoch: Epoch,
    },
    /// Answer to [`Action::TellRevoked`].
    RevokeDone {
        /// The queue's tenure.
        epoch: Epoch,
    },
    /// Answer to [`Action::Lock`].
    Locked {
        /// The request that was answered.
        lock: LockId,
        /// The queues that the broker has leased to this member. Those that were asked for and are not among them belong
        /// to somebody else.
        answer: Result<Vec<MessageQueue>, Failure>,
    },
    /// Answer to [`Action::Unlock`].
    Unlocked {
        /// The request that was answered.
        lock: LockId,
        /// Whether the broker has confirmed it.
        answer: Result<(), Failure>,
    },
    /// Read one more topic, or an already subscribed one with another expression.
    Subscribe(SubscriptionData),
    /// Read a topic no longer: its queues are given up, with their offsets committed.
    Unsubscribe {
        /// The topic.
        topic: Arc<str>,
    },
    /// Read these queues and no others: of a group whose queues are assigned [by hand](crate::Assignment::ByHand).
    Assign(Vec<MessageQueue>),
    /// Whoever was given messages has dealt with them: of a group that waits to be
    /// [told so](crate::Consumption::Vouched).
    Vouch(Vouch),
    /// Commit now what may be committed, and not only when its time comes.
    Commit,
    /// Neither pull from these queues nor hand out what is cached of them. Queues that are not held are passed over.
    PauseQueues(Vec<MessageQueue>),
    /// Pull from these queues again.
    ResumeQueues(Vec<MessageQueue>),
    /// Stop pulling. What is cached is still delivered, offsets are committed, membership goes on.
    Pause,
    /// Pull again.
    Resume,
    /// Read on elsewhere: an administrator's reset (`RESET_CONSUMER_CLIENT_OFFSET`) or a seek. What was pulled before
    /// is dropped, results of what is being handled are ignored, and the new offset is committed at once. Queues that
    /// this member does not have are passed over.
    MoveTo(Vec<(MessageQueue, i64)>),
    /// Stop, in order: see the crate's documentation. Answered by [`Event::Closed`].
    Close {
        /// How long deliveries that are out may take to come back.
        grace: Duration,
    },
    /// Answer to [`Action::Unregister`]. There is nothing to be done about a failure: brokers will notice by silence.
    Unregistered,
}

/// What somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouch {
    /// Everything that was handed out so far.
    HandedOut,
    /// Everything of these queues that lies before these offsets. The last word counts, even if it is a smaller one.
    Before(Vec<(MessageQueue, i64)>),
}

/// Why a request has no answer to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The broker answered with this code.
    Refused(ResponseCode),
    /// No answer: a timeout or a broken connection. The broker may have acted on the request.
    Unanswered,
    /// No broker of that name has a known address, or it cannot be connected to. Nothing was sent.
    Unreachable,
}

/// What a broker has stored as a group's offset of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The next message to read.
    At(i64),
    /// 0 or nothing: of a young queue, whose first message they still have in memory, brokers say 0 whether they have stored it or not.
    Young,
    /// Nothing (`QUERY_NOT_FOUND`): the group has never committed an offset of this queue.
    Never,
}

/// What a broker answered to a pull.
pub struct PullAnswer {
    /// What kind of answer.
    pub status: PullStatus,
    /// The offset to pull next.
    pub next_begin_offset: i64,
    /// The first offset that the queue still holds.
    pub min_offset: i64,
    /// One past the last offset of the queue.
    pub max_offset: i64,
    /// The broker id to pull from next time; 0 is the master.
    pub suggest_which_broker_id: i64,
    /// The messages, and what could not be decoded between them, in the order of the body. Empty unless `Found`.
    pub messages: Vec<Result<MessageExt, Undecodable>>,
}

impl fmt::Debug for PullAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullAnswer")
            .field("status", &self.status)
            .field("next_begin_offset", &self.next_begin_offset)
            .field("range", &(self.min_offset..self.max_offset))
            .field("suggest_which_broker_id", &self.suggest_which_broker_id)
            .field("messages", &self.messages.len())
            .finish()
    }
}

/// The answers to a pull that carry a next offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStatus {
    /// `SUCCESS`: there are messages.
    Found,
    /// `PULL_NOT_FOUND`: there is nothing at this offset yet.
    NoNewMessage,
    /// `PULL_RETRY_IMMEDIATELY`: there are messages, but none that the subscription wants.
    NoMatchedMessage,
    /// `PULL_OFFSET_MOVED`: the offset lies outside of the queue; the next one is the broker's correction.
    OffsetIllegal,
    /// `PULL_OFFSET_MOVED` with the remark `OFFSET_RESET`: an administrator has reset the group's offset.
    OffsetReset,
}

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery.
    pub delivery: DeliveryId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What may become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Consumed: the offset may move past it.
    Ack,
    /// Failed: the broker delivers it again, after the delay of its ladder (10 s, 30 s, 1 min, …).
    Retry,
    /// Failed: the broker delivers it again, after the delay of this level (1 to 18 by default).
    RetryAfter(u8),
    /// Failed for good: it goes to the group's dead-letter topic.
    DeadLetter,
    /// Failed: it is handed out again after so many milliseconds, and nothing behind it before. Ordered groups only;
    /// elsewhere it is [`Retry`](Self::Retry).
    Suspend(u32),
    /// Consumed, and so is all that was acknowledged before and waited for it. Ordered groups that do not
    /// [commit by themselves](crate::Order::Strict); elsewhere it is [`Ack`](Self::Ack).
    Commit,
    /// Not consumed, nor anything that was acknowledged since the last `Commit`: all of it is handed out again after a
    /// [rest](crate::Config::suspend_time). Ordered groups that do not commit by themselves; elsewhere it is
    /// [`Retry`](Self::Retry).
    Rollback,
    /// Nobody can deal with it: its queue stops here, and says so, until it is moved, resumed or given up.
    Halt,
    /// Never begun: it is delivered again as if it had not been taken. This is how a driver gives back what it had
    /// drawn ahead for a queue that moves away.
    Returned,
}
