//! What goes into a [`ConsumerGroup`](crate::ConsumerGroup) and what comes out: plain data, no behaviour.

mod popping;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::{
    body::SubscriptionData,
    code::ResponseCode,
    message::{MessageExt, Undecodable},
    pop::Receipt,
};
use rocketmq_route::MessageQueue;

pub use popping::{Assigned, PopAck, PopPlan, Reappearance};

use crate::{delivery::Delivery, pop::Popped, rebalance::AllocateError, snapshot::Activity};

/// The time, as the caller reads it once per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For every interval and deadline.
    pub monotonic: Instant,
    /// Milliseconds since the Unix epoch: for subscription versions and running info, where the number leaves the
    /// process.
    pub wall: i64,
}

/// Names one tenure of one queue: from its acquisition, reset or seek until it is given up, reset or sought again.
///
/// Whatever belongs to a queue carries its epoch, so that what was started in one tenure and ends in the next is
/// recognised and ignored. It is a key, 8 bytes, and never used again for anything else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    pub(crate) slot: u32,
    pub(crate) tenure: u32,
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}.{}", self.slot, self.tenure)
    }
}

/// Names one pull of one queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullToken {
    /// The queue's tenure.
    pub epoch: Epoch,
    pub(crate) sequence: u32,
}

impl fmt::Debug for PullToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.epoch, self.sequence)
    }
}

/// Names one message handed out by [`ConsumerGroup::take`](crate::ConsumerGroup::take).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The queue's tenure.
    pub epoch: Epoch,
    /// The message's place in its queue.
    pub offset: i64,
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", self.epoch, self.offset)
    }
}

/// Names one [`Action::Commit`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub(crate) u64);

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Names one [`Action::Lock`] or [`Action::Unlock`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockId(pub(crate) u64);

impl fmt::Debug for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}", self.0)
    }
}

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
