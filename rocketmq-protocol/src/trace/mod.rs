//! Trace records: what clients report about the messages that they send and consume.
//!
//! Several records travel as the text of one ordinary message, whose keys are those of all messages that they are about.
//!
//! ```
//! use rocketmq_protocol::trace::{self, RecallTrace, TraceRecord};
//!
//! let record = TraceRecord::Recall(RecallTrace {
//!     timestamp: 1_700_000_000_000,
//!     region_id: "DefaultRegion".into(),
//!     group: "PG".into(),
//!     topic: "TopicTest".into(),
//!     message_id: "7F0000010F1C18B4AAC2000186A00000".into(),
//!     success: true,
//! });
//! let mut text = String::new();
//! record.encode(&mut text);
//! assert_eq!(trace::decode(&text).collect::<Vec<_>>(), [Ok(record)]);
//! ```
//!
//! Upstream: `client/trace/TraceDataEncoder.java`, `TraceContext.java`, `TraceBean.java`.

mod fields;
mod text;

use std::borrow::Cow;

use crate::message::{Properties, property};

pub use fields::TraceDamage;
pub use text::{InvalidTrace, TraceRecords, decode};

/// Prefix of the topic of traces on a cloud instance; the region follows (`client/trace/TraceConstants.java`).
pub const CLOUD_TOPIC_PREFIX: &str = "rmq_sys_TRACE_DATA_";
/// Prefix of the groups of producers that send traces.
pub const PRODUCER_GROUP_PREFIX: &str = "_INNER_TRACE_PRODUCER";
/// The region of messages that name none.
pub const DEFAULT_REGION: &str = "DefaultRegion";

/// What a client reports about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceRecord<'a> {
    /// It was sent.
    Pub(PubTrace<'a>),
    /// It is about to be consumed.
    SubBefore(SubBeforeTrace<'a>),
    /// It has been consumed.
    SubAfter(SubAfterTrace<'a>),
    /// Its transaction has ended.
    EndTransaction(EndTransactionTrace<'a>),
    /// It was taken back (5.3.2 and later).
    Recall(RecallTrace<'a>),
}

/// What the records of a producer say alike: which message it is, and where it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedMessage<'a> {
    /// When sending, or ending the transaction, began, in milliseconds since 1970.
    pub timestamp: i64,
    /// The region that the broker's answer names.
    pub region_id: Cow<'a, str>,
    /// The producer's group.
    pub group: Cow<'a, str>,
    /// The topic.
    pub topic: Cow<'a, str>,
    /// The id made by the producer; several, joined by commas, for a batch.
    pub message_id: Cow<'a, str>,
    /// Its tag.
    pub tags: Option<Cow<'a, str>>,
    /// Its keys, joined by blanks.
    pub keys: Option<Cow<'a, str>>,
    /// The address of its broker.
    pub store_host: Cow<'a, str>,
    /// What kind of message it is.
    pub message_type: MessageType,
}

/// A message was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PubTrace<'a> {
    /// Which.
    pub message: ProducedMessage<'a>,
    /// The bytes of its body, as it was before it was compressed.
    pub body_length: i32,
    /// How long sending took, in milliseconds.
    pub cost_time: i32,
    /// Where it is stored.
    pub offset_message_id: Option<Cow<'a, str>>,
    /// Whether it is stored as was asked.
    pub success: bool,
    /// The producer's address: written by other clients than Java's, and read from all.
    pub client_host: Option<Cow<'a, str>>,
}

/// A message is about to be consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubBeforeTrace<'a> {
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// The region that the message names.
    pub region_id: Cow<'a, str>,
    /// The consumer's group.
    pub group: Cow<'a, str>,
    /// Pairs it with the record of what came of it.
    pub request_id: Cow<'a, str>,
    /// The id made by the producer.
    pub message_id: Cow<'a, str>,
    /// How often it has been handed back.
    pub retry_times: i32,
    /// Its keys, joined by blanks.
    pub keys: Option<Cow<'a, str>>,
}

/// A message has been consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAfterTrace<'a> {
    /// Pairs it with the record of the beginning.
    pub request_id: Cow<'a, str>,
    /// The id made by the producer.
    pub message_id: Cow<'a, str>,
    /// How long consuming took, in milliseconds, divided by the messages that were consumed together.
    pub cost_time: i32,
    /// Whether it succeeded.
    pub success: bool,
    /// Its keys, joined by blanks.
    pub keys: Option<Cow<'a, str>>,
    /// How it ended: `ConsumeReturnType`, 0 for success, 1 for too late, 2 for an exception, 3 for null, 4 for failed.
    pub context_code: i32,
    /// When, in milliseconds since 1970, and by which group. Not said on cloud instances.
    pub at: Option<(i64, Cow<'a, str>)>,
}

/// A transaction has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTransactionTrace<'a> {
    /// Its message.
    pub message: ProducedMessage<'a>,
    /// The id of the transaction.
    pub transaction_id: Option<Cow<'a, str>>,
    /// How it ended.
    pub state: TransactionState,
    /// Whether the broker had asked.
    pub from_check: bool,
}

/// A message was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallTrace<'a> {
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// The region.
    pub region_id: Cow<'a, str>,
    /// The producer's group.
    pub group: Cow<'a, str>,
    /// The topic.
    pub topic: Cow<'a, str>,
    /// The id made by the producer.
    pub message_id: Cow<'a, str>,
    /// Whether it was there to be taken back.
    pub success: bool,
}

/// What kind of message it is. On the wire: the number (`common/message/MessageType.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MessageType {
    /// Nothing special.
    #[default]
    Normal = 0,
    /// A half message.
    TransactionHalf = 1,
    /// The end of a transaction.
    TransactionCommit = 2,
    /// To be delivered later.
    Delay = 3,
    /// Of an order.
    Order = 4,
}

impl MessageType {
    /// The type that a message with these properties is reported with (`client/hook/SendMessageContext.java`). A timer message
    /// counts as a normal one.
    pub fn of_message(properties: &Properties) -> Self {
        let delayed = [property::START_DELIVER_TIME, property::DELAY_TIME_LEVEL];
        if delayed.iter().any(|name| properties.get_bytes(name).is_some()) {
            Self::Delay
        } else if properties.get_bytes(property::TRANSACTION_PREPARED) == Some(b"true") {
            Self::TransactionHalf
        } else {
            Self::Normal
        }
    }

    fn from_number(number: i32) -> Option<Self> {
        [Self::Normal, Self::TransactionHalf, Self::TransactionCommit, Self::Delay, Self::Order]
            .into_iter()
            .find(|kind| *kind as i32 == number)
    }
}

/// How a transaction ends (`client/producer/LocalTransactionState.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionState {
    /// The message is delivered.
    Commit,
    /// The message is dropped.
    Rollback,
    /// The broker asks again.
    Unknown,
}

impl TransactionState {
    const ALL: [Self; 3] = [Self::Commit, Self::Rollback, Self::Unknown];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "COMMIT_MESSAGE",
            Self::Rollback => "ROLLBACK_MESSAGE",
            Self::Unknown => "UNKNOW",
        }
    }
}

impl TraceRecord<'_> {
    /// The id of the message, and its keys: what the message that carries the record is to be found by.
    pub fn carrier_keys(&self) -> impl Iterator<Item = &str> {
        let (id, keys) = match self {
            Self::Pub(PubTrace { message, .. })
            | Self::EndTransaction(EndTransactionTrace { message, .. }) => {
                (&message.message_id, message.keys.as_deref())
            }
            Self::SubBefore(SubBeforeTrace { message_id, keys, .. })
            | Self::SubAfter(SubAfterTrace { message_id, keys, .. }) => {
                (message_id, keys.as_deref())
            }
            Self::Recall(RecallTrace { message_id, .. }) => (message_id, None),
        };
        let keys = keys.unwrap_or_default().split(' ').filter(|key| !key.is_empty());
        std::iter::once(&**id).chain(keys)
    }
}
