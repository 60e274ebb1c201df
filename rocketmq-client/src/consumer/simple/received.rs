//! [`Received`]: a message that is out of sight for others.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use rocketmq_protocol::{
    message::{BodyLimits, MessageExt, Undecodable, property},
    pop::Receipt,
};
use tokio::time::Instant;

use crate::{
    Error, ErrorKind,
    client::Namespace,
    consumer::{Damaged, delivery::open, popping::Ticket},
};

/// A message, and what settles it: pass it to [`ack`](super::SimpleConsumer::ack) or
/// [`change_invisible`](super::SimpleConsumer::change_invisible). Dropped, it comes again when its time is over.
#[must_use = "a message that is not acknowledged comes again"]
pub struct Received {
    pub(in crate::consumer) content: Result<MessageExt, Damaged>,
    pub(in crate::consumer) receipt: Option<Receipt>,
    pub(in crate::consumer) topic: Arc<str>,
    pub(in crate::consumer) wire_topic: Arc<str>,
    /// It comes from a lite topic under it.
    pub(in crate::consumer) is_lite: bool,
    pub(in crate::consumer) expires: Instant,
}

impl Received {
    /// The message.
    ///
    /// # Errors
    ///
    /// When it cannot be read. It comes again and again unless it is acknowledged.
    pub fn message(&self) -> Result<&MessageExt, &Damaged> {
        self.content.as_ref()
    }

    /// The body, inflated; what there is of it if the message cannot be read.
    pub fn body(&self) -> &Bytes {
        match &self.content {
            Ok(message) => &message.body,
            Err(damaged) => &damaged.bytes,
        }
    }

    /// The topic that the message was first sent to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The lite topic that the message belongs to: see [`LiteTopicConsumer`](crate::LiteTopicConsumer).
    pub fn lite_topic(&self) -> Option<&str> {
        self.property(property::LITE_TOPIC)
    }

    /// Its tag.
    pub fn tag(&self) -> Option<&str> {
        self.content.as_ref().ok()?.tag()
    }

    /// A property of the message.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.content.as_ref().ok()?.properties.get(name)
    }

    /// How often it has been delivered before. 0 the first time.
    #[doc(alias = "getReconsumeTimes")]
    pub fn reconsume_times(&self) -> i32 {
        self.content.as_ref().map_or(0, |message| message.reconsume_times)
    }

    /// How long it is still out of sight for others: an acknowledgement has to reach the broker within that time.
    pub fn time_left(&self) -> Duration {
        self.expires.saturating_duration_since(Instant::now())
    }

    /// Whether its time is over: it may have come again already, and an acknowledgement may count for nothing.
    pub fn is_expired(&self) -> bool {
        self.time_left().is_zero()
    }

    pub(in crate::consumer) fn ticket(&self) -> Result<Ticket<'_>, Error> {
        let receipt = self.receipt.as_ref();
        let receipt = receipt.ok_or_else(|| {
            Error::invalid("a message so damaged that it cannot be told which one it is")
        })?;
        let lite_topic = self.lite_topic().filter(|_| self.is_lite);
        Ok(Ticket { topic: &self.wire_topic, lite_topic, receipt })
    }

    pub(in crate::consumer) fn check_time(&self) -> Result<(), Error> {
        if self.is_expired() {
            let text = "the message was out of time, and may have come again";
            return Err(Error::new(ErrorKind::Expired, text).unknown_outcome());
        }
        Ok(())
    }

    pub(in crate::consumer) fn renew(&mut self, receipt: Receipt, expires: Instant) {
        self.receipt = Some(receipt);
        self.expires = expires;
    }
}

/// Inflates a body, and checks it.
pub(in crate::consumer) fn opened(
    content: Result<MessageExt, Undecodable>,
    namespace: &Namespace,
) -> Result<MessageExt, Damaged> {
    let stored = content.map_err(Damaged::from)?;
    match open(&stored, &BodyLimits::default()) {
        Ok(message) => Ok(namespace.unwrap_message(message)),
        Err(cause) => {
            Err(Damaged { queue_offset: Some(stored.queue_offset), bytes: stored.body, cause })
        }
    }
}

/// Bodies may be personal: they are not shown.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("topic", &self.topic)
            .field("receipt", &self.receipt.as_ref().map(Receipt::to_string))
            .field("body", &format_args!("{} bytes", self.body().len()))
            .finish_non_exhaustive()
    }
}
