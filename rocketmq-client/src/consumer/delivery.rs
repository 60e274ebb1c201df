//! [`Delivery`]: a message as a handler sees it.

use std::fmt;

use bytes::Bytes;
use rocketmq_protocol::message::{BodyLimits, MessageExt};
use rocketmq_route::MessageQueue;

use crate::BoxError;

/// A message to consume.
///
/// Its body is inflated already. It can be kept beyond the handler, but keeps everything in memory that was pulled with it: a
/// handler that stores messages stores a copy of what it needs.
#[derive(Clone)]
pub struct Delivery {
    inner: rocketmq_consumer::Delivery,
    message: MessageExt,
}

impl Delivery {
    /// Checks and inflates the body: in the worker, so that it costs the others no time.
    pub(super) fn open(
        inner: rocketmq_consumer::Delivery,
        limits: &BodyLimits,
    ) -> Result<Self, BoxError> {
        let stored = inner.message().map_err(|undecodable| undecodable.damage)?;
        let message = open(stored, limits)?;
        Ok(Self { inner, message })
    }

    /// The message. One that comes again shows the topic that it was first sent to.
    pub fn message(&self) -> &MessageExt {
        &self.message
    }

    /// The body, inflated.
    pub fn body(&self) -> &Bytes {
        &self.message.body
    }

    /// The topic that the message was first sent to.
    pub fn topic(&self) -> &str {
        &self.message.topic
    }

    /// Its tag.
    pub fn tag(&self) -> Option<&str> {
        self.message.tag()
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.message.keys()
    }

    /// A property of the message.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.message.properties.get(name)
    }

    /// The queue it was read from: one of the group's retry topic for a message that comes again.
    pub fn queue(&self) -> &MessageQueue {
        self.inner.queue()
    }

    /// How often it has been delivered before, as far as the brokers know. 0 the first time.
    #[doc(alias = "getReconsumeTimes")]
    pub fn reconsume_times(&self) -> i32 {
        self.inner.reconsume_times()
    }
}

/// Bodies may be personal: they are not shown.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", self.queue())
            .field("offset", &self.message.queue_offset)
            .field("message_id", &self.message.message_id())
            .field("body", &format_args!("{} bytes", self.message.body.len()))
            .finish_non_exhaustive()
    }
}

/// A message with its body checked and inflated.
pub(super) fn open(stored: &MessageExt, limits: &BodyLimits) -> Result<MessageExt, BoxError> {
    if !stored.crc_matches() {
        return Err("the body does not have the checksum that it was stored with".into());
    }
    Ok(MessageExt { body: stored.plain_body(limits)?, ..stored.clone() })
}
