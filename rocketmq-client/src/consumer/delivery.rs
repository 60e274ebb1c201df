//! [`Delivery`]: a message as a handler sees it.

use std::fmt;

use bytes::Bytes;
use rocketmq_consumer as machine;
use rocketmq_protocol::message::{BodyLimits, MessageExt, SysFlag, UniqueIdPrefix};
use rocketmq_route::MessageQueue;

use crate::{
    BoxError, Message,
    client::{Namespace, routes::std_now},
};

/// A message to consume.
///
/// Its body is inflated already. It can be kept beyond the handler, but keeps everything in memory that was pulled with it: a
/// handler that stores messages stores a copy of what it needs.
#[derive(Clone)]
pub struct Delivery {
    inner: machine::Delivery,
    message: MessageExt,
    /// The queue as the application names it, where that is another name.
    queue: Option<Box<MessageQueue>>,
    damage: Option<&'static str>,
}

impl Delivery {
    /// Checks and inflates the body: in the worker, so that it costs the others no time.
    pub(super) fn open(
        inner: machine::Delivery,
        limits: &BodyLimits,
        namespace: &Namespace,
    ) -> Result<Self, (machine::Delivery, BoxError)> {
        let opened = match inner.message() {
            Ok(stored) => open(stored, limits),
            Err(undecodable) => Err(undecodable.damage.into()),
        };
        match opened {
            Ok(message) => Ok(Self::shown(inner, message, None, namespace)),
            Err(cause) => Err((inner, cause)),
        }
    }

    /// As it came, although it cannot be read.
    pub(super) fn raw(inner: machine::Delivery, namespace: &Namespace) -> Self {
        let (message, damage) = match inner.message() {
            Ok(stored) => (stored.clone(), "the body is damaged"),
            Err(undecodable) => {
                let mut message = blank(inner.queue(), undecodable.bytes.clone());
                message.queue_offset =
                    undecodable.queue_offset.unwrap_or_else(|| inner.id().offset);
                message.commit_log_offset = undecodable.commit_log_offset.unwrap_or(0);
                (message, "the bytes are no message")
            }
        };
        Self::shown(inner, message, Some(damage), namespace)
    }

    fn shown(
        inner: machine::Delivery,
        message: MessageExt,
        damage: Option<&'static str>,
        namespace: &Namespace,
    ) -> Self {
        let message = namespace.unwrap_message(message);
        let queue = namespace.name().map(|_| Box::new(namespace.unwrap_queue(inner.queue())));
        Self { inner, message, queue, damage }
    }

    /// A delivery as a handler gets it, for unit tests of handlers: no broker is needed.
    ///
    /// ```
    /// use rocketmq_client::{Delivery, Message};
    ///
    /// async fn bill(delivery: Delivery) -> Result<(), std::num::ParseIntError> {
    ///     let amount: u32 = delivery.property("amount").unwrap_or("0").parse()?;
    ///     println!("{amount} to be paid");
    ///     Ok(())
    /// }
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let order = Message::new("orders", "…").property("amount", "many");
    /// assert!(bill(Delivery::for_test(order)).await.is_err());
    /// # });
    /// ```
    pub fn for_test(message: Message) -> Self {
        let queue = MessageQueue::new(message.topic(), "test", 0);
        let id = UniqueIdPrefix::new([127, 0, 0, 1].into(), 0, 0).id(0, 0);
        let stored = MessageExt {
            properties: message.wire_properties(&id, &[], None).unwrap_or_default(),
            ..blank(&queue, message.body().clone())
        };
        let inner = machine::Delivery::detached(std_now(), queue, Ok(stored.clone()));
        Self { inner, message: stored, queue: None, damage: None }
    }

    /// The same after so many attempts that failed, for unit tests of handlers.
    #[must_use]
    pub fn after_attempts(mut self, times: i32) -> Self {
        self.message.reconsume_times = times;
        let queue = self.inner.queue().clone();
        self.inner = machine::Delivery::detached(std_now(), queue, Ok(self.message.clone()));
        self
    }

    /// The message. One that comes again shows the topic that it was first sent to.
    pub fn message(&self) -> &MessageExt {
        &self.message
    }

    /// The body, inflated. Of a [damaged](Self::damage) message: what came.
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
        self.queue.as_deref().unwrap_or_else(|| self.inner.queue())
    }

    /// How often it has been delivered before, as far as the brokers know. 0 the first time.
    #[doc(alias = "getReconsumeTimes")]
    pub fn reconsume_times(&self) -> i32 {
        self.inner.reconsume_times()
    }

    /// Whether its queue has moved to another member, or to another offset, since it was handed out. Whatever becomes of it counts
    /// for nothing then, and it comes again: a handler that takes long may look, and spare itself the rest.
    pub fn is_stale(&self) -> bool {
        self.inner.is_stale(std_now())
    }

    /// What is wrong with it, if it cannot be read. Handlers get such messages only if they
    /// [asked for them](super::PushConsumerBuilder::poison).
    pub fn damage(&self) -> Option<&str> {
        self.damage
    }
}

/// A message with its body checked and inflated.
pub(super) fn open(stored: &MessageExt, limits: &BodyLimits) -> Result<MessageExt, BoxError> {
    if !stored.crc_matches() {
        return Err("the body does not have the checksum that it was stored with".into());
    }
    let mut opened = stored.clone();
    if stored.sys_flag.contains(SysFlag::COMPRESSED) {
        opened.body = stored.plain_body(limits)?;
    }
    Ok(opened)
}

/// A message of which nothing is known but where it lies.
fn blank(queue: &MessageQueue, body: Bytes) -> MessageExt {
    let nowhere = ([0, 0, 0, 0], 0).into();
    MessageExt {
        topic: (&queue.topic).into(),
        queue_id: queue.queue_id,
        queue_offset: 0,
        commit_log_offset: 0,
        flag: 0,
        sys_flag: Default::default(),
        born_timestamp: 0,
        born_host: nowhere,
        store_timestamp: 0,
        store_host: nowhere,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body,
        properties: Default::default(),
        store_size: 0,
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
