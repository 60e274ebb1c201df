//! [`Delivery`]: one message on its way to a handler.

use std::{
    fmt, slice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
    vec,
};

use rocketmq_protocol::message::{MessageExt, Undecodable};
use rocketmq_route::MessageQueue;

use crate::io::{DeliveryId, Epoch};

/// What whoever holds a delivery can see of our title to its queue, without asking the machine.
#[derive(Debug)]
pub(crate) struct Claim {
    since: Instant,
    /// Milliseconds from `since` until which the queue is ours; [`FOREVER`] unless it is leased.
    ends: AtomicU64,
    /// The queue is about to be given up.
    leaving: AtomicBool,
}

const FOREVER: u64 = u64::MAX;

impl Claim {
    pub(crate) fn new(now: Instant, until: Option<Instant>) -> Arc<Self> {
        let claim = Self { since: now, ends: AtomicU64::new(FOREVER), leaving: false.into() };
        if let Some(until) = until {
            claim.extend(until);
        }
        Arc::new(claim)
    }

    /// The lease was renewed.
    pub(crate) fn extend(&self, until: Instant) {
        let ends = until.saturating_duration_since(self.since).as_millis();
        self.ends.store(u64::try_from(ends).unwrap_or(FOREVER), Ordering::Release);
    }

    /// Nothing more should be begun.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Results count for nothing from now on.
    pub(crate) fn end(&self) {
        self.ends.store(0, Ordering::Release);
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.ends.load(Ordering::Acquire) {
            FOREVER => false,
            ends => now.saturating_duration_since(self.since).as_millis() >= u128::from(ends),
        }
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }
}

/// What one pull brought and kept: one allocation for all of its messages.
pub(crate) struct Pulled {
    pub(crate) queue: MessageQueue,
    pub(crate) claim: Arc<Claim>,
    pub(crate) messages: Vec<Result<MessageExt, Undecodable>>,
}

impl fmt::Debug for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages of {:?}", self.messages.len(), self.queue)
    }
}

/// One message, or bytes that should have been one, to be handled and then settled under its [`id`](Self::id).
///
/// A clone costs a reference count. While one is alive, so are all messages that came with the same pull: they lie in
/// one frame.
#[derive(Clone)]
pub struct Delivery {
    pub(crate) id: DeliveryId,
    pub(crate) pulled: Arc<Pulled>,
    pub(crate) index: u32,
    pub(crate) local_attempts: u32,
}

impl Delivery {
    /// A message that no queue has brought: for tests of handlers, and for what a broker hands over by itself. It is not
    /// to be settled.
    pub fn detached(
        now: Instant,
        queue: MessageQueue,
        message: Result<MessageExt, Undecodable>,
    ) -> Self {
        let offset = message.as_ref().map_or(0, |message| message.queue_offset);
        let pulled = Pulled { queue, claim: Claim::new(now, None), messages: vec![message] };
        let epoch = Epoch { slot: u32::MAX, tenure: 0 };
        let id = DeliveryId { epoch, offset };
        Self { id, pulled: Arc::new(pulled), index: 0, local_attempts: 0 }
    }

    /// What to settle.
    pub fn id(&self) -> DeliveryId {
        self.id
    }

    /// The queue that was read. For a redelivered message it is one of the group's retry topic, while the message
    /// shows the topic that it was first sent to.
    pub fn queue(&self) -> &MessageQueue {
        &self.pulled.queue
    }

    /// The message.
    ///
    /// # Errors
    ///
    /// When the bytes at this place of the answer are no message: a poison delivery. It is settled like any other.
    pub fn message(&self) -> Result<&MessageExt, &Undecodable> {
        self.pulled.messages[self.index as usize].as_ref()
    }

    /// Whether the queue has moved to another member, or on, or its lease has ended: what becomes of this delivery counts
    /// for nothing then, and the message comes again.
    pub fn is_stale(&self, now: Instant) -> bool {
        self.pulled.claim.is_over(now)
    }

    /// Whether a handler should still be given it: its queue is neither gone nor going.
    pub fn may_begin(&self, now: Instant) -> bool {
        let claim = &self.pulled.claim;
        !claim.is_leaving() && !claim.is_over(now)
    }

    /// How often the message has been delivered before: by brokers, and here where it could not be sent back.
    pub fn reconsume_times(&self) -> i32 {
        let by_brokers = self.message().map_or(0, |message| message.reconsume_times);
        by_brokers.saturating_add_unsigned(self.local_attempts)
    }
}

impl PartialEq for Delivery {
    /// Two deliveries are the same if they are to be settled under the same name after the same number of attempts.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.local_attempts == other.local_attempts
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.id, self.queue())?;
        if self.message().is_err() {
            f.write_str(" (poison)")?;
        }
        match self.reconsume_times() {
            0 => Ok(()),
            times => write!(f, " after {times} attempts"),
        }
    }
}

impl From<Delivery> for Batch {
    /// A batch of one.
    fn from(delivery: Delivery) -> Self {
        Self { deliveries: vec![delivery] }
    }
}

/// Deliveries of one queue, in order, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub(crate) deliveries: Vec<Delivery>,
}

impl Batch {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// The first `count`, and the others if there are any.
    #[must_use]
    pub fn split(mut self, count: usize) -> (Self, Option<Self>) {
        let rest = self.deliveries.split_off(count.clamp(1, self.deliveries.len()));
        (self, (!rest.is_empty()).then_some(Self { deliveries: rest }))
    }

    /// The deliveries.
    pub fn iter(&self) -> slice::Iter<'_, Delivery> {
        self.deliveries.iter()
    }
}

impl IntoIterator for Batch {
    type Item = Delivery;
    type IntoIter = vec::IntoIter<Delivery>;
    fn into_iter(self) -> Self::IntoIter {
        self.deliveries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Delivery;
    type IntoIter = slice::Iter<'a, Delivery>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
