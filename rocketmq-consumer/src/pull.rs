//! Pulling from one queue: what it waits for, and what an answer means.
//!
//! ```text
//!          ┌── there is room, and it is not paused ──► InFlight ── answer, silence ──┐
//!          │                                                                         │
//!         look ◄──────────────────────── at once ────────────────────────────────────┤
//!          ▲  └── there is none ──► NoRoom ── a settlement makes some ──► look       │
//!          │  └── paused ─────────► Off ───── resumed ──────────────────► look       │
//!          └───────────────────── time is up ── Resting ◄────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use rocketmq_protocol::{
    body::SubscriptionData,
    code::ResponseCode,
    message::{MessageExt, Undecodable},
    subscription,
};

use crate::{flow::Pressure, io::Failure};

/// What pulling from a queue waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    /// Nobody asks for messages: the consumer is paused.
    Off,
    /// For the answer.
    InFlight { sequence: u32, since: Instant, expected: u64, overdue: Instant },
    /// For settlements.
    NoRoom(Pressure),
    /// For time to pass.
    Resting { until: Instant, why: Rest },
}

/// Why a queue is not pulled from for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rest {
    /// The pause that was configured.
    Interval,
    /// The broker answers at once that there is nothing, although it was asked to wait.
    Fruitless,
    /// The broker has corrected the offset, and before that, and before that.
    Repairing,
    /// The last pull failed.
    Failed(Failure),
}

const FLOW_CONTROL_DELAY: Duration = Duration::from_millis(20);
const UNKNOWN_SUBSCRIPTION_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
const FRUITLESS_DELAY: Duration = Duration::from_millis(20);

/// A broker that answers "nothing" sooner than this has not waited.
const HELD: Duration = Duration::from_secs(1);

/// How long to rest after `failures` failures in a row.
pub(crate) fn delay_after(failure: Failure, failures: u32, retry_delay: Duration) -> Duration {
    let Failure::Refused(code) = failure else { return retry_delay };
    match code {
        // The broker limits us; Java's PULL_TIME_DELAY_MILLS_WHEN_BROKER_FLOW_CONTROL.
        ResponseCode::FLOW_CONTROL => FLOW_CONTROL_DELAY,
        // A heartbeat goes out at the same time, and then pulls work.
        code if is_unknown_subscription(code) => UNKNOWN_SUBSCRIPTION_DELAY.min(retry_delay),
        // Deleted or closed: it may come back, and nobody should notice how often we look.
        ResponseCode::TOPIC_NOT_EXIST | ResponseCode::NO_PERMISSION => {
            let doubled = retry_delay.saturating_mul(1 << failures.saturating_sub(1).min(5));
            doubled.min(LONGEST_DELAY)
        }
        _ => retry_delay,
    }
}

/// The broker has forgotten our heartbeat, or knows an older one.
pub(crate) fn is_unknown_subscription(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::SUBSCRIPTION_NOT_EXIST | ResponseCode::SUBSCRIPTION_NOT_LATEST)
}

/// How long to rest after an answer that brought nothing, the `fruitless`-th in a row, if the broker did not wait.
/// `None`: pull again at once.
pub(crate) fn pace(waited: Duration, fruitless: u32) -> Option<Duration> {
    (waited < HELD).then(|| (FRUITLESS_DELAY * (1 << fruitless.saturating_sub(1).min(6))).min(HELD))
}

/// One entry of an answer, with its place in the queue.
pub(crate) struct Placed {
    pub(crate) offset: i64,
    pub(crate) bytes: u32,
    pub(crate) content: Result<MessageExt, Undecodable>,
}

/// Finds each entry's offset. What cannot be decoded is not believed when it says where it lies: it is put right behind
/// the entry before. There it is not behind its true place, and before the next message.
pub(crate) fn place(
    entries: Vec<Result<MessageExt, Undecodable>>,
    first: i64,
) -> impl Iterator<Item = Placed> {
    let mut next = first;
    entries.into_iter().map(move |content| {
        let (offset, bytes) = match &content {
            Ok(message) => (message.queue_offset, message.store_size),
            Err(poison) => (next, u32::try_from(poison.bytes.len()).unwrap_or(u32::MAX)),
        };
        next = offset.saturating_add(1);
        Placed { offset, bytes, content }
    })
}

/// Whether the subscription wants this message. Brokers filter by the hash of a tag, which several tags may share
/// (`PullAPIWrapper.processPullResult`). What cannot be decoded is wanted: nobody knows.
pub(crate) fn is_wanted(
    subscription: &SubscriptionData,
    content: &Result<MessageExt, Undecodable>,
) -> bool {
    content.as_ref().map_or(true, |message| subscription::wants(subscription, &message.properties))
}
