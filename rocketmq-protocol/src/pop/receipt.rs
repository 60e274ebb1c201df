//! [`Receipt`]: what a popped message is acknowledged by.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{Text, names};

/// The revive queue of orderly pops: they leave no checkpoint to revive from.
pub const ORDERLY_REVIVE_QUEUE: i32 = 999;

/// What a popped message is acknowledged by: its property `POP_CK`, and the field `extraInfo` of requests about it
/// (`remoting/protocol/header/ExtraInfoUtil.java`).
///
/// As text, its fields are separated by blanks, so that no broker whose name has one can work:
///
/// ```
/// use rocketmq_protocol::pop::Receipt;
///
/// let receipt: Receipt = "100 1700000000000 60000 2 0 broker-a 3 102".parse()?;
/// assert_eq!((receipt.queue_id, receipt.queue_offset), (3, 102));
/// assert_eq!(receipt.to_string(), "100 1700000000000 60000 2 0 broker-a 3 102");
/// # Ok::<(), rocketmq_protocol::pop::InvalidReceipt>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where the checkpoint begins that covers the message.
    pub start_offset: i64,
    /// When it was popped, in milliseconds since 1970, by the broker's clock.
    pub pop_time: i64,
    /// How long nobody else gets it, in milliseconds.
    pub invisible_time: i64,
    /// Where the broker keeps the checkpoint; [`ORDERLY_REVIVE_QUEUE`] if there is none.
    pub revive_queue_id: i32,
    /// Which topic it really lies in.
    pub kind: TopicKind,
    /// The broker that it came from.
    pub broker_name: Text,
    /// The queue it lies in.
    pub queue_id: i32,
    /// Its position in the queue.
    pub queue_offset: i64,
    /// Its position in the commit log: only in the receipt handles of proxies (`common/consumer/ReceiptHandle.java`).
    pub commit_log_offset: Option<i64>,
}

/// Which topic a popped message really lies in. Under which name it arrives does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// The topic it was sent to.
    Normal = 0,
    /// The retry topic of group and topic, in its first form.
    RetryV1 = 1,
    /// The retry topic of group and topic, as 5.2.0 and later may be set to name it.
    RetryV2 = 2,
}

impl TopicKind {
    /// The kind of a topic by its name.
    pub fn of_topic(topic: &str) -> Self {
        match topic.strip_prefix(names::RETRY_PREFIX) {
            None => Self::Normal,
            Some(rest) if rest.contains(names::POP_RETRY_V2_SEPARATOR) => Self::RetryV2,
            Some(_) => Self::RetryV1,
        }
    }

    /// The name of the topic of this kind, for messages of `topic` that `group` popped.
    pub fn real_topic(self, topic: &str, group: &str) -> String {
        match self {
            Self::Normal => topic.to_owned(),
            Self::RetryV1 => names::pop_retry_topic_v1(group, topic),
            Self::RetryV2 => names::pop_retry_topic_v2(group, topic),
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        [Self::Normal, Self::RetryV1, Self::RetryV2]
            .into_iter()
            .find(|kind| text == kind.to_string())
    }
}

impl fmt::Display for TopicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&(*self as u8), f)
    }
}

impl Receipt {
    /// Whether the pop was an orderly one.
    pub fn is_orderly(&self) -> bool {
        self.revive_queue_id == ORDERLY_REVIVE_QUEUE
    }

    /// When somebody else may get it, in milliseconds since 1970, by the broker's clock.
    pub fn next_visible_time(&self) -> i64 {
        self.pop_time.saturating_add(self.invisible_time)
    }
}

/// A text that is no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidReceipt {
    /// It ends too early.
    #[error("a receipt without its {0}")]
    Missing(&'static str),
    /// A field is not what it should be.
    #[error("a receipt with a malformed {0}")]
    Malformed(&'static str),
}

impl FromStr for Receipt {
    type Err = InvalidReceipt;

    fn from_str(text: &str) -> Result<Self, InvalidReceipt> {
        fn next<'a, T>(
            fields: &mut impl Iterator<Item = &'a str>,
            name: &'static str,
            read: impl FnOnce(&'a str) -> Option<T>,
        ) -> Result<T, InvalidReceipt> {
            let field = fields.next().ok_or(InvalidReceipt::Missing(name))?;
            read(field).ok_or(InvalidReceipt::Malformed(name))
        }
        let long = |text: &str| text.parse::<i64>().ok();
        let int = |text: &str| text.parse::<i32>().ok();
        // Java's split drops what is empty at the end.
        let mut fields = text.trim_end_matches(' ').split(' ');
        let mut receipt = Self {
            start_offset: next(&mut fields, "start offset", long)?,
            pop_time: next(&mut fields, "pop time", long)?,
            invisible_time: next(&mut fields, "invisible time", long)?,
            revive_queue_id: next(&mut fields, "revive queue id", int)?,
            kind: next(&mut fields, "topic kind", TopicKind::from_text)?,
            broker_name: next(&mut fields, "broker name", |name| Some(name.to_owned().into()))?,
            queue_id: next(&mut fields, "queue id", int)?,
            queue_offset: next(&mut fields, "queue offset", long)?,
            commit_log_offset: None,
        };
        // -1 is what proxies write when they do not know it.
        if let Some(field) = fields.next() {
            let offset = long(field).ok_or(InvalidReceipt::Malformed("commit-log offset"))?;
            receipt.commit_log_offset = (offset >= 0).then_some(offset);
        }
        Ok(receipt)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start_offset, pop_time, invisible_time, revive_queue_id, kind, .. } = self;
        let Self { broker_name, queue_id, queue_offset, .. } = self;
        write!(f, "{start_offset} {pop_time} {invisible_time} {revive_queue_id} {kind} ")?;
        write!(f, "{broker_name} {queue_id} {queue_offset}")?;
        match self.commit_log_offset {
            Some(offset) => write!(f, " {offset}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_survive_being_text() {
        let text = "100 1700000000000 60000 999 2 broker-a -1 102";
        let receipt: Receipt = text.parse().unwrap();
        assert_eq!(receipt.to_string(), text);
        assert!(receipt.is_orderly());
        assert_eq!(receipt.next_visible_time(), 1_700_000_060_000);
        assert_eq!(receipt.kind.real_topic("T", "g"), "%RETRY%g+T");
        let of_proxy: Receipt = format!("{text} 77").parse().unwrap();
        assert_eq!(of_proxy, Receipt { commit_log_offset: Some(77), ..receipt.clone() });
        assert_eq!(format!("{text} -1 ").parse(), Ok(receipt));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Receipt>().unwrap_err().to_string(), expected, "{text:?}");
        };
        check("", "a receipt with a malformed start offset");
        check("1 2 3 4 0 b 5", "a receipt without its queue offset");
        check("1 2 3 4 9 b 5 6", "a receipt with a malformed topic kind");
        check("1  2 3 4 0 b 5 6", "a receipt with a malformed pop time");
        check("1 2 3 4 0 b 5 99999999999999999999", "a receipt with a malformed queue offset");
    }
}
