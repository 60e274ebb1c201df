//! The fields `startOffsetInfo`, `msgOffsetInfo` and `orderCountInfo` of an answer to POP: a value for each queue that its
//! messages come from.
//!
//! ```text
//! <kind> <queue id> <value>;<kind> <queue id> <value>
//! ```
//!
//! Upstream: `remoting/protocol/header/ExtraInfoUtil.java`. No text, or an empty one, means that nothing is said.

use std::{collections::BTreeMap, fmt, fmt::Write, str::FromStr};

use thiserror::Error;

use super::TopicKind;

/// Prefix of the keys of single messages.
const MESSAGE_PREFIX: &str = "qo";

/// A queue that messages were popped from: queues of a topic and of its retry topic have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// Which topic it is a queue of.
    pub kind: TopicKind,
    /// Its number.
    pub queue_id: i32,
}

/// What an order count is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKey {
    /// Every message of a queue that has no count of its own.
    Queue(QueueKey),
    /// The message at this offset of a queue.
    Message(QueueKey, i64),
}

/// A text that an answer to POP cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "malformed pop info: entry {entry} is not `<kind> <queue> <value>` of a queue not named before"
)]
pub struct InvalidPopInfo {
    /// Counted from 0.
    pub entry: usize,
}

/// Where the checkpoint of each queue begins.
///
/// # Errors
///
/// When an entry is malformed, or a queue occurs twice.
pub fn start_offsets(text: &str) -> Result<BTreeMap<QueueKey, i64>, InvalidPopInfo> {
    read(text, queue_key, number)
}

/// The offsets of the messages of each queue, in the order in which they are in the answer.
///
/// # Errors
///
/// When an entry is malformed, or a queue occurs twice.
pub fn message_offsets(text: &str) -> Result<BTreeMap<QueueKey, Vec<i64>>, InvalidPopInfo> {
    read(text, queue_key, |value| value.trim_end_matches(',').split(',').map(number).collect())
}

/// How often messages have been delivered before, of orderly pops.
///
/// # Errors
///
/// When an entry is malformed, or a key occurs twice.
pub fn order_counts(text: &str) -> Result<BTreeMap<OrderKey, i32>, InvalidPopInfo> {
    read(text, order_key, number)
}

/// How often the messages of a lite topic have been delivered before: one entry a message, in their order, if there are
/// `messages` entries.
pub fn lite_order_counts(text: &str, messages: usize) -> Option<Vec<i32>> {
    // A bare number where all have the same count, otherwise with the message that it belongs to
    // (`broker/processor/PopLiteMessageProcessor.java`, `transformOrderCountInfo`).
    let count = |entry: &str| -> i32 {
        let of_message = match entry.split(' ').collect::<Vec<_>>()[..] {
            [_, key, count] if key.starts_with(MESSAGE_PREFIX) => number(count),
            [count] => number(count),
            _ => None,
        };
        of_message.unwrap_or(0)
    };
    let counts: Vec<i32> = entries(text).map(count).collect();
    (!counts.is_empty() && counts.len() == messages).then_some(counts)
}

/// What is left of the same where entries are missing: brokers leave out those of messages that are out for the first time beside
/// others that are not. By offset, of those entries that name one.
pub fn lite_order_counts_by_offset(text: &str) -> BTreeMap<i64, i32> {
    let named = |entry: &str| match entry.split(' ').collect::<Vec<_>>()[..] {
        [_, key, count] if key.starts_with(MESSAGE_PREFIX) => {
            let (_, offset) = key.split_once('%')?;
            Some((number(offset)?, number(count)?))
        }
        _ => None,
    };
    entries(text).filter_map(named).collect()
}

/// Appends the start offset of a queue, as brokers do.
pub fn push_start_offset(text: &mut String, queue: QueueKey, offset: i64) {
    push(text, OrderKey::Queue(queue), offset);
}

/// Appends the offsets of the messages of a queue, as brokers do.
pub fn push_message_offsets(text: &mut String, queue: QueueKey, offsets: &[i64]) {
    let offsets: Vec<String> = offsets.iter().map(i64::to_string).collect();
    push(text, OrderKey::Queue(queue), offsets.join(","));
}

/// Appends an order count, as brokers do.
pub fn push_order_count(text: &mut String, key: OrderKey, count: i32) {
    push(text, key, count);
}

fn push(text: &mut String, key: OrderKey, value: impl fmt::Display) {
    if !text.is_empty() {
        text.push(';');
    }
    let (OrderKey::Queue(queue) | OrderKey::Message(queue, _)) = key;
    let _infallible = match key {
        OrderKey::Queue(_) => write!(text, "{} {} {value}", queue.kind, queue.queue_id),
        OrderKey::Message(_, offset) => {
            write!(text, "{} {MESSAGE_PREFIX}{}%{offset} {value}", queue.kind, queue.queue_id)
        }
    };
}

/// Java's split drops empty entries at the end, and only there.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_end_matches(';');
    text.split(';').take(if text.is_empty() { 0 } else { usize::MAX })
}

fn read<K: Ord, V>(
    text: &str,
    key: impl Fn(TopicKind, &str) -> Option<K>,
    value: impl Fn(&str) -> Option<V>,
) -> Result<BTreeMap<K, V>, InvalidPopInfo> {
    let mut found = BTreeMap::new();
    for (at, entry) in entries(text).enumerate() {
        let pair = || {
            let mut parts = entry.trim_end_matches(' ').split(' ');
            let kind = TopicKind::from_text(parts.next()?)?;
            let key = key(kind, parts.next()?)?;
            let value = value(parts.next()?)?;
            parts.next().is_none().then_some((key, value))
        };
        let unique = pair().is_some_and(|(key, value)| found.insert(key, value).is_none());
        if !unique {
            return Err(InvalidPopInfo { entry: at });
        }
    }
    Ok(found)
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn queue_key(kind: TopicKind, text: &str) -> Option<QueueKey> {
    Some(QueueKey { kind, queue_id: number(text)? })
}

fn order_key(kind: TopicKind, text: &str) -> Option<OrderKey> {
    let Some(of_message) = text.strip_prefix(MESSAGE_PREFIX) else {
        return queue_key(kind, text).map(OrderKey::Queue);
    };
    let (queue, offset) = of_message.split_once('%')?;
    Some(OrderKey::Message(queue_key(kind, queue)?, number(offset)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueKey = QueueKey { kind: TopicKind::Normal, queue_id: 3 };
    const RETRY: QueueKey = QueueKey { kind: TopicKind::RetryV1, queue_id: 0 };

    #[test]
    fn what_is_written_is_read() {
        let (mut starts, mut offsets, mut counts) = (String::new(), String::new(), String::new());
        push_start_offset(&mut starts, QUEUE, 100);
        push_start_offset(&mut starts, RETRY, 7);
        push_message_offsets(&mut offsets, QUEUE, &[100, 102]);
        push_message_offsets(&mut offsets, RETRY, &[7]);
        push_order_count(&mut counts, OrderKey::Queue(QUEUE), 1);
        push_order_count(&mut counts, OrderKey::Message(QUEUE, 102), 2);
        assert_eq!(starts, "0 3 100;1 0 7");
        assert_eq!(offsets, "0 3 100,102;1 0 7");
        assert_eq!(counts, "0 3 1;0 qo3%102 2");
        assert_eq!(start_offsets(&starts), Ok([(QUEUE, 100), (RETRY, 7)].into()));
        assert_eq!(message_offsets(&offsets).unwrap()[&QUEUE], [100, 102]);
        assert_eq!(order_counts(&counts).unwrap()[&OrderKey::Message(QUEUE, 102)], 2);
        assert_eq!(lite_order_counts(&counts, 2), Some(vec![0, 2]));
        assert_eq!(lite_order_counts("1;1;x", 3), Some(vec![1, 1, 0]));
        assert_eq!(lite_order_counts_by_offset(&counts), [(102, 2)].into());
    }

    #[test]
    fn nothing_is_said_by_nothing() {
        assert_eq!(start_offsets(""), Ok(BTreeMap::new()));
        assert_eq!(start_offsets(";"), Ok(BTreeMap::new()));
        assert_eq!(lite_order_counts("", 0), None);
    }

    #[test]
    fn the_entry_at_fault_is_named() {
        let check =
            |text, entry| assert_eq!(start_offsets(text), Err(InvalidPopInfo { entry }), "{text}");
        check("0 1 2;0 1 3", 1);
        check("0 1 2;;0 2 3", 1);
        check("0 1", 0);
        check("0 1 2 3", 0);
        check("9 1 2", 0);
        check("0 1 2;0 qo3%102 2", 1);
    }
}
