//! [`SendCall`]: one message, the ways to send it, and the loop over its attempts.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rocketmq_protocol::message::{MessageId, string_hash};
use rocketmq_route::{MessageQueue, SendPlan, TopicRoute, queue_by_hash};
use tokio::{sync::oneshot, time::Instant};

use super::{
    PendingReceipt, Producer, SendReceipt,
    attempt::{Attempt, Wire},
};
use crate::{Call, Error, ErrorKind, Message};

/// A key whose hash equals Java's `hashCode`, so that clients of both languages choose the same queue for it.
pub trait QueueKey {
    /// The hash.
    fn java_hash(&self) -> i32;
}

impl QueueKey for str {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl QueueKey for String {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl QueueKey for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl QueueKey for i64 {
    fn java_hash(&self) -> i32 {
        // `Long.hashCode`: both halves, the upper folded onto the lower.
        (*self ^ self.cast_unsigned().wrapping_shr(32).cast_signed()) as i32
    }
}

impl<T: QueueKey + ?Sized> QueueKey for &T {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

/// A message about to be sent. Await it for the receipt, or end with [`oneway`](Self::oneway) or [`enqueue`](Self::enqueue).
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) before anything is sent, if the message cannot be; [`TopicNotFound`](ErrorKind::TopicNotFound);
/// otherwise the error of the last attempt, whose [`outcome_unknown`](Error::outcome_unknown) is set if *any* attempt may have
/// stored the message.
///
/// # Cancel safety
///
/// Dropping the future does not take back what was sent: the message may be stored.
#[must_use = "nothing is sent until awaited"]
pub struct SendCall<'a> {
    producer: &'a Producer,
    message: Message,
    target: Target,
    timeout: Option<Duration>,
}

/// Which queue a message goes to.
#[derive(Clone)]
enum Target {
    Any,
    Queue(MessageQueue),
    Hash(i32),
}

impl<'a> SendCall<'a> {
    pub(super) fn new(producer: &'a Producer, message: Message) -> Self {
        Self { producer, message, target: Target::Any, timeout: None }
    }

    /// Sends it to this queue, in one attempt: another would not keep the order.
    pub fn to_queue(mut self, queue: MessageQueue) -> Self {
        self.target = Target::Queue(queue);
        self
    }

    /// Sends it to the queue that belongs to this key, the same that Java's `SelectMessageQueueByHash` takes for it, in one
    /// attempt: messages of one key stay in order as long as the topic's queues stay the same.
    pub fn to_queue_for(mut self, key: impl QueueKey) -> Self {
        self.target = Target::Hash(key.java_hash());
        self
    }

    /// How long all attempts together may take. Default: the producer's [`send_timeout`](super::ProducerBuilder::send_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it once and waits for no answer: whether it is stored will not be known. Returns when the bytes are on their
    /// way to the socket.
    ///
    /// # Errors
    ///
    /// Only what goes wrong on this side: an invalid message, no route, no connection.
    ///
    /// # Cancel safety
    ///
    /// The message may or may not be sent if the future is dropped.
    pub async fn oneway(self) -> Result<(), Error> {
        let mut sending = self.admit()?;
        let route = sending.route().await?;
        let queue = sending.choose(&route).ok_or_else(|| no_queue(&sending.message))?;
        sending.attempt(&queue, true).oneway().await
    }

    /// Returns as soon as the producer has room for it; the receipt comes later. Waits while
    /// [`max_in_flight`](super::ProducerBuilder::max_in_flight) sends have no receipt yet.
    ///
    /// The timeout counts from the call, waiting included.
    ///
    /// # Errors
    ///
    /// An invalid message, or no room before the timeout. What becomes of the send itself is in the receipt.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped. The receipt can be dropped: the send goes on.
    pub async fn enqueue(self) -> Result<PendingReceipt, Error> {
        let producer = self.producer.clone();
        let mut sending = self.admit()?;
        let room = Arc::clone(&producer.shared.in_flight).acquire_owned();
        let permit = match tokio::time::timeout_at(sending.deadline, room).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Error::closed("producer")),
            Err(_) => return Err(Error::timeout("the producer had room")),
        };
        let (answer, receipt) = oneshot::channel();
        producer.shared.client.core().tasks.spawn("send", async move {
            // Whoever waited may have gone; the outcome is nobody's then.
            let _ = answer.send(sending.run().await);
            drop(permit);
        });
        Ok(PendingReceipt(receipt))
    }

    /// Everything that can be refused without a broker is refused here.
    fn admit(self) -> Result<Sending, Error> {
        let shared = &self.producer.shared;
        self.producer.check_open()?;
        self.message.check()?;
        if let Target::Queue(queue) = &self.target
            && queue.topic != *self.message.shared_topic()
        {
            return Err(Error::invalid(format!(
                "queue {queue} is not of topic {}",
                self.message.topic()
            )));
        }
        let id = shared.client.core().new_message_id();
        let properties = self.message.wire_properties(&id)?;
        let plan = match &self.target {
            Target::Any => SendPlan::round_robin(1 + shared.options.retries),
            Target::Queue(queue) => SendPlan::to_queue(queue.clone()),
            Target::Hash(_) => SendPlan::round_robin(1),
        };
        Ok(Sending {
            producer: self.producer.clone(),
            wire: Wire::new(&self.message, properties),
            message: self.message,
            id,
            target: self.target,
            plan,
            deadline: Instant::now() + self.timeout.unwrap_or(shared.options.send_timeout),
        })
    }
}

impl<'a> IntoFuture for SendCall<'a> {
    type Output = Result<SendReceipt, Error>;
    type IntoFuture = Call<'a, SendReceipt>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let mut sending = self.admit()?;
            sending.run().await
        })
    }
}

impl fmt::Debug for SendCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendCall").field("message", &self.message).finish_non_exhaustive()
    }
}

/// A message on its way, over all attempts.
struct Sending {
    producer: Producer,
    message: Message,
    id: MessageId,
    wire: Wire,
    target: Target,
    plan: SendPlan,
    deadline: Instant,
}

impl Sending {
    /// One attempt after another, each on another broker if there is one, until one succeeds, the error is final, or the
    /// deadline has passed (`client/impl/producer/DefaultMQProducerImpl.java`, `sendDefaultImpl`).
    async fn run(&mut self) -> Result<SendReceipt, Error> {
        let mut attempts = 0;
        let mut outcome_unknown = false;
        let mut last: Option<Error> = None;
        loop {
            let chosen = match self.route().await {
                Ok(route) => self.choose(&route),
                Err(error) => return Err(keep(last.unwrap_or(error), outcome_unknown)),
            };
            let Some(queue) = chosen else {
                return Err(keep(last.unwrap_or_else(|| no_queue(&self.message)), outcome_unknown));
            };
            attempts += 1;
            match self.attempt(&queue, false).run(attempts).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => {
                    outcome_unknown |= error.outcome_unknown();
                    if !is_worth_another(&error)
                        || !self.plan.may_retry()
                        || Instant::now() >= self.deadline
                    {
                        return Err(keep(error, outcome_unknown));
                    }
                    tracing::debug!(queue = %queue, cause = %error, "attempt to send failed");
                    self.plan.failed(&queue.broker_name);
                    self.producer.shared.client.core().routes.want(self.message.shared_topic());
                    last = Some(error);
                }
            }
        }
    }

    /// The route of the topic, or where a topic that does not exist yet will be created.
    async fn route(&self) -> Result<Arc<TopicRoute>, Error> {
        let (core, topic) = (self.producer.shared.client.core(), self.message.shared_topic());
        let options = &self.producer.shared.options;
        if let Some(route) = core.routes.find(topic, self.deadline).await?
            && !route.publish_queues().is_empty()
        {
            return Ok(route);
        }
        let new = match options.create_topics {
            true => {
                core.routes.for_new_topic(topic, options.new_topic_queues, self.deadline).await?
            }
            false => None,
        };
        new.filter(|route| !route.publish_queues().is_empty()).map(Arc::new).ok_or_else(|| {
            Error::new(
                ErrorKind::TopicNotFound,
                format!("topic {topic} has no queue that can be written"),
            )
        })
    }

    fn choose(&mut self, route: &TopicRoute) -> Option<MessageQueue> {
        let queues = route.publish_queues();
        match self.target {
            Target::Hash(hash) => {
                self.plan.next(queues, || 0)?;
                queue_by_hash(queues, hash).cloned()
            }
            Target::Any | Target::Queue(_) => {
                let turns = self.producer.shared.turns.of(self.message.shared_topic());
                self.plan.next(queues, || turns.fetch_add(1, Ordering::Relaxed))
            }
        }
    }

    fn attempt<'a>(&'a self, queue: &'a MessageQueue, oneway: bool) -> Attempt<'a> {
        let shared = &self.producer.shared;
        Attempt {
            core: shared.client.core(),
            group: &shared.group,
            queue,
            id: self.id,
            wire: &self.wire,
            new_topic_queues: shared.options.new_topic_queues,
            deadline: self.deadline,
            oneway,
        }
    }
}

fn no_queue(message: &Message) -> Error {
    Error::new(
        ErrorKind::TopicNotFound,
        format!("topic {} has no queue to send to", message.topic()),
    )
}

/// Whether another broker may do better: anything but an answer that says otherwise
/// (`DefaultMQProducer.retryResponseCodes`).
fn is_worth_another(error: &Error) -> bool {
    use rocketmq_protocol::code::ResponseCode;
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Protocol => true,
        ErrorKind::Refused => error.response_code().is_some_and(|code| {
            crate::error::passes_with_time(code)
                || matches!(
                    code,
                    ResponseCode::NO_PERMISSION
                        | ResponseCode::NO_BUYER_ID
                        | ResponseCode::NOT_IN_CURRENT_UNIT
                )
        }),
        _ => false,
    }
}

fn keep(error: Error, outcome_unknown: bool) -> Error {
    if outcome_unknown { error.unknown_outcome() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_hash_of_java() {
        assert_eq!("hello".java_hash(), 99_162_322);
        assert_eq!(String::from("TagA").java_hash(), 2_598_919);
        assert_eq!(7i32.java_hash(), 7);
        assert_eq!(7i64.java_hash(), 7);
        assert_eq!((-1i64).java_hash(), 0);
        assert_eq!(1_700_000_000_000i64.java_hash(), -807_048_821);
    }
}
