//! What goes into a [`ConsumerGroup`](crate::ConsumerGroup) and what comes out: plain data, no behaviour.

mod action;
mod event;
mod input;
mod popping;

use std::{fmt, time::Instant};

pub use action::{Action, OffsetCommit, PullPlan, Seek, SendBack};
pub use event::{CloseReport, Event, LeaseLoss, Leftovers, MoveCause};
pub use input::{Failure, Input, Outcome, PullAnswer, PullStatus, Settlement, Stored, Vouch};
pub use popping::{Assigned, PopAck, PopPlan, Reappearance};

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
