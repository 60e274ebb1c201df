//! [`DeadLetters`]: the messages that a group has given up, to be looked at and sent again.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rocketmq_protocol::{
    message::{MessageExt, property},
    names,
};

use super::{PullConsumer, PullConsumerBuilder};
use crate::{Client, Error, ErrorKind, Message, MessageQueue};

/// The messages that a group has given up: those that failed too often, and those whose handler said so.
///
/// They lie in a topic of their own (`%DLQ%` and the group) until they expire. How far this reader has come is kept by the brokers, under
/// the group's name with `-dead-letters` behind it.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// let producer = client.producer("repair").start().await?;
/// let letters = client.dead_letters("billing").await?;
/// for letter in letters.read(32).await? {
///     println!("{} of {:?}", letter.message().message_id(), letter.topic());
///     if let Some(message) = letter.to_message() {
///         producer.send(message).await?; // again to where it was first sent
///     }
///     letters.done(&letter).await?; // not read again
/// }
/// letters.shutdown().await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
pub struct DeadLetters {
    consumer: PullConsumer,
    topic: String,
    /// Where to go on.
    positions: Mutex<BTreeMap<MessageQueue, i64>>,
}

/// A message that a group has given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    message: MessageExt,
    queue: MessageQueue,
    /// Where it was first sent to.
    origin: Option<Box<str>>,
}

impl DeadLetters {
    pub(crate) async fn open(client: Client, group: Arc<str>) -> Result<Self, Error> {
        let reader = format!("{group}-dead-letters");
        let consumer = PullConsumerBuilder::new(client, reader.into()).start().await?;
        Ok(Self { consumer, topic: names::dlq_topic(&group), positions: Mutex::default() })
    }

    /// Up to `max` messages that are not [done](Self::done) yet and were not read before by this reader. None, if there are no more.
    ///
    /// # Errors
    ///
    /// When a name server or a broker does not answer. `NO_PERMISSION`: the broker has made the topic such that nobody reads it, and an
    /// operator has to allow it.
    ///
    /// # Cancel safety
    ///
    /// Messages that were read and not returned are not read again by this reader, but by the next.
    pub async fn read(&self, max: u32) -> Result<Vec<DeadLetter>, Error> {
        let queues = match self.consumer.queues(&self.topic).await {
            Ok(queues) => queues,
            // It comes into being with its first message.
            Err(error) if error.kind() == ErrorKind::TopicNotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        for queue in queues {
            let known = self.positions().get(&queue).copied();
            let position = match known {
                Some(position) => position,
                None => self.consumer.committed(&queue).await?.unwrap_or(0),
            };
            let pulled = self.consumer.pull(&queue, position).max(max).await?;
            self.positions().insert(queue.clone(), pulled.next_offset);
            if !pulled.messages.is_empty() {
                let letter = |message| self.letter(message, &queue);
                return Ok(pulled.messages.into_iter().map(letter).collect());
            }
        }
        Ok(Vec::new())
    }

    /// This message and those before it in its queue are dealt with: no reader reads them again. They stay where they are.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not confirm.
    ///
    /// # Cancel safety
    ///
    /// The broker may have been told or not.
    pub async fn done(&self, letter: &DeadLetter) -> Result<(), Error> {
        self.consumer.commit(&letter.queue, letter.message.queue_offset + 1).await
    }

    /// Takes leave of the brokers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves without a word.
    pub async fn shutdown(self) {
        self.consumer.shutdown().await;
    }

    fn letter(&self, message: MessageExt, queue: &MessageQueue) -> DeadLetter {
        let properties = &message.properties;
        let origin = properties.get(property::DLQ_ORIGIN_TOPIC);
        let origin = origin.or_else(|| properties.get(property::RETRY_TOPIC));
        let origin = origin.map(|topic| self.consumer.namespace().unwrap(topic).into());
        DeadLetter { message, queue: queue.clone(), origin }
    }

    fn positions(&self) -> MutexGuard<'_, BTreeMap<MessageQueue, i64>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl DeadLetter {
    /// The message as it lies among the dead letters.
    pub fn message(&self) -> &MessageExt {
        &self.message
    }

    /// The topic that it was first sent to, if it says so.
    pub fn topic(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// How often it had been delivered.
    pub fn reconsume_times(&self) -> i32 {
        self.message.reconsume_times
    }

    /// The message that was first sent, to be sent again: its topic, body, tag, keys and the application's own properties. `None` if it
    /// does not say where it came from.
    pub fn to_message(&self) -> Option<Message> {
        let mut message = Message::new(self.topic()?, self.message.body.clone());
        if let Some(tag) = self.message.tag() {
            message = message.tag(tag.to_owned());
        }
        for key in self.message.keys() {
            message = message.key(key);
        }
        for (name, value) in self.message.properties.iter() {
            if !property::is_reserved(name) {
                message = message.property(name.to_owned(), value.to_owned());
            }
        }
        Some(message)
    }
}
