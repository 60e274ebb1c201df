//! [`Snapshot`]: what a group looks like from outside, for running info, metrics and people.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rocketmq_route::MessageQueue;

use crate::{
    flow::Pressure,
    io::Epoch,
    pull::{Pull, Rest},
    queue::{Acquiring, Lease, Queue, Reading, Stage},
};

/// A group at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its queues, in order.
    pub queues: Vec<QueueSnapshot>,
    /// The consumer is paused.
    pub paused: bool,
    /// Bytes held by all queues.
    pub held_bytes: u64,
    /// What has happened so far.
    pub counters: Counters,
    /// And to the messages of each topic.
    pub topics: BTreeMap<Arc<str>, Tally>,
}

/// What has happened to the messages of a topic, or of one of its queues, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Messages pulled that were wanted.
    pub pulled: u64,
    /// Handlers that succeeded.
    pub consumed: u64,
    /// Handlers that failed.
    pub failed: u64,
    /// Pulls that brought messages.
    pub pulls: u64,
    /// How long these took all together.
    pub pull_time: Duration,
}

impl Tally {
    pub(crate) fn pulled(&mut self, messages: usize, time: Duration) {
        if messages > 0 {
            self.pulled += messages as u64;
            self.pulls += 1;
            self.pull_time += time;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.pulled += other.pulled;
        self.consumed += other.consumed;
        self.failed += other.failed;
        self.pulls += other.pulls;
        self.pull_time += other.pull_time;
    }
}

impl Snapshot {
    /// Messages between the committed position and the end of all queues whose end is known.
    pub fn lag(&self) -> u64 {
        self.queues.iter().filter_map(QueueSnapshot::lag).sum()
    }
}

/// A queue at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueSnapshot {
    /// The queue.
    pub queue: MessageQueue,
    /// Its tenure.
    pub epoch: Epoch,
    /// What it is doing, or waiting for.
    pub activity: Activity,
    /// The offset to pull next.
    pub next_offset: Option<i64>,
    /// The offset up to which everything is consumed.
    pub commit_offset: Option<i64>,
    /// The offset that the broker is known to have stored.
    pub committed_offset: Option<i64>,
    /// First and one past the last offset at the broker, when it last answered.
    pub broker_range: Option<(i64, i64)>,
    /// Messages popped and not settled; absent of a queue that is pulled.
    pub unacknowledged: Option<usize>,
    /// Messages pulled and not settled.
    pub cached_messages: usize,
    /// Their bytes.
    pub cached_bytes: u64,
    /// The first of them.
    pub cached_min_offset: Option<i64>,
    /// The last of them.
    pub cached_max_offset: Option<i64>,
    /// How many of them are handed out or being sent back.
    pub out: usize,
    /// How many of them are consumed and wait for a commit by the application.
    pub kept: usize,
    /// The first of them that a handler has, or that is kept.
    pub taken_min_offset: Option<i64>,
    /// The last of these.
    pub taken_max_offset: Option<i64>,
    /// Since when, in milliseconds since the Unix epoch, the broker is known to lease it to this member. Ordered groups
    /// only.
    pub leased_at: Option<i64>,
    /// It has made no progress for long: [`Event::Stalled`](crate::Event::Stalled).
    pub stalled: bool,
    /// When the last pull was sent, in milliseconds since the Unix epoch.
    pub last_pull_at: Option<i64>,
    /// When a message was last handed out, in milliseconds since the Unix epoch.
    pub last_consume_at: Option<i64>,
}

impl QueueSnapshot {
    /// Messages between the position and the end of the queue; absent until the broker has told the end.
    pub fn lag(&self) -> Option<u64> {
        let (_, end) = self.broker_range?;
        Some(end.saturating_sub(self.commit_offset?).max(0) as u64)
    }
}

/// What a queue is doing, or waiting for. Every queue makes progress or has a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// Leaves its former owner time to commit, or has failed to find its offset and waits for the next try.
    AboutToAskOffset,
    /// Waits for its lease: another member may have it.
    Locking,
    /// Waits for the offset that the group has stored.
    AskingStoredOffset,
    /// Waits for the offset to start from.
    AskingStartOffset,
    /// Waits for the answer to a pull.
    Pulling,
    /// Waits for settlements: this limit is exceeded.
    NoRoom(Pressure),
    /// Waits for time to pass.
    Resting(Rest),
    /// The consumer is paused.
    Paused,
    /// Stands still at a message that nobody can deal with.
    Halted,
    /// Is being given up.
    Revoking,
}

/// How often something has happened that is neither an error nor nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Answers to what is not asked any more.
    pub late_answers: u64,
    /// Settlements of deliveries whose queue has moved away, or on.
    pub late_settlements: u64,
    /// Messages that came again within one epoch, and were dropped.
    pub repeated: u64,
    /// Messages that the broker let through and the subscription does not want.
    pub filtered: u64,
    /// Messages handed out.
    pub delivered: u64,
}

impl QueueSnapshot {
    pub(crate) fn of(queue: &Queue) -> Self {
        let window = queue.ledger().map(|ledger| &ledger.window);
        let usage = window.map(|window| window.usage()).unwrap_or_default();
        let extent = window.map(|window| window.extent()).unwrap_or_default();
        let taken = window.map(|window| window.taken_extent()).unwrap_or_default();
        let reading = match &queue.stage {
            Stage::Reading(reading) => Some(reading),
            Stage::Acquiring(_) | Stage::Revoking(_) | Stage::Popping(_) => None,
        };
        Self {
            queue: queue.tenure.queue.clone(),
            epoch: queue.tenure.epoch,
            activity: Activity::of(&queue.stage),
            next_offset: window.map(|window| window.next()),
            commit_offset: queue.ledger().and_then(|ledger| ledger.position()),
            committed_offset: queue.ledger().and_then(|ledger| ledger.committed),
            broker_range: reading.and_then(|reading| reading.range),
            unacknowledged: match &queue.stage {
                Stage::Popping(popping) => Some(popping.unacknowledged()),
                _ => None,
            },
            cached_messages: usage.messages,
            cached_bytes: usage.bytes,
            cached_min_offset: extent.first,
            cached_max_offset: extent.last,
            out: window.map_or(0, |window| window.out()),
            kept: window.map_or(0, |window| window.kept()),
            taken_min_offset: taken.first,
            taken_max_offset: taken.last,
            leased_at: match queue.lease {
                Lease::Held { asked_at, .. } => Some(asked_at),
                Lease::Unneeded | Lease::Wanted | Lease::Lost => None,
            },
            stalled: reading.is_some_and(Reading::is_stalled),
            last_pull_at: reading.and_then(|reading| reading.pulled_at),
            last_consume_at: queue.ledger().and_then(|ledger| ledger.consumed_at),
        }
    }
}

impl Activity {
    pub(crate) fn of(stage: &Stage) -> Self {
        match stage {
            Stage::Acquiring(Acquiring::Waiting { .. }) => Self::AboutToAskOffset,
            Stage::Acquiring(Acquiring::Locking) => Self::Locking,
            Stage::Acquiring(Acquiring::AskingStored { .. }) => Self::AskingStoredOffset,
            Stage::Acquiring(Acquiring::AskingStart { .. }) => Self::AskingStartOffset,
            Stage::Reading(reading) if reading.halted => Self::Halted,
            Stage::Reading(reading) => Self::of_pull(reading.pull),
            Stage::Popping(popping) => Self::of_pull(popping.pop),
            Stage::Revoking(_) => Self::Revoking,
        }
    }

    fn of_pull(pull: Pull) -> Self {
        match pull {
            Pull::Off => Self::Paused,
            Pull::InFlight { .. } => Self::Pulling,
            Pull::NoRoom(pressure) => Self::NoRoom(pressure),
            Pull::Resting { why, .. } => Self::Resting(why),
        }
    }
}
