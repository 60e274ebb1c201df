//! [`PullConsumer`]: one pull a call, for applications that keep queues and offsets themselves.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    future::IntoFuture,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_consumer::{PullAnswer, PullStatus, Seek, Stored};
use rocketmq_protocol::{
    body::SubscriptionData,
    message::{BodyLimits, MessageExt, Undecodable},
    subscription,
};
use tokio::time::Instant;

use super::{
    Filter,
    delivery::open,
    presence::Presence,
    pulling::{Wanted, pull_answer},
};
use crate::{
    BoxError, Call, Client, Error, ErrorKind, MessageQueue,
    client::{Namespace, unknown_broker},
    spans,
};

/// Options of a [`PullConsumer`]. Ends with [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a consumer does nothing until `start`"]
pub struct PullConsumerBuilder {
    client: Client,
    group: Arc<str>,
    options: Options,
}

#[derive(Debug, Clone, Copy)]
struct Options {
    pull_timeout: Duration,
    max_messages: u32,
    max_bytes: u32,
}

impl PullConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let options = Options {
            pull_timeout: Duration::from_secs(10),
            max_messages: 32,
            max_bytes: 256 << 10,
        };
        Self { client, group, options }
    }

    /// How long a pull may take, beside the time that the broker is asked to [wait](PullCall::wait). Default 10 s, as in Java.
    #[doc(alias = "setConsumerPullTimeoutMillis")]
    pub fn pull_timeout(mut self, timeout: Duration) -> Self {
        self.options.pull_timeout = timeout;
        self
    }

    /// How many messages one pull asks for, unless it says otherwise. Default 32; brokers give 32 at most unless configured
    /// otherwise.
    pub fn pull_batch(mut self, messages: u32) -> Self {
        self.options.max_messages = messages.max(1);
        self
    }

    /// Starts the consumer. The next heartbeat tells the brokers of its group.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a group name that brokers would refuse, and for a group that already has a consumer in
    /// this client.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened if the future is dropped.
    pub fn start(self) -> Call<'static, PullConsumer> {
        Call::new(async move {
            Ok(PullConsumer {
                presence: Presence::enter(self.client, self.group)?,
                options: self.options,
                suggested: Mutex::default(),
            })
        })
    }
}

/// Reads queues one pull at a time. Which queues, from where, and what is stored as the group's offset is up to the application:
/// nothing is shared out among members, nothing is cached, nothing is committed by itself.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::builder().topic("orders", 1).start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// # let producer = client.producer("p").start().await?;
/// # producer.send(rocketmq_client::Message::new("orders", "hello")).await?;
/// use rocketmq_client::PullStatus;
///
/// let consumer = client.pull_consumer("audit").start().await?;
/// for queue in consumer.queues("orders").await? {
///     let from = consumer.committed(&queue).await?.unwrap_or(0);
///     let pulled = consumer.pull(&queue, from).filter("*").await?;
///     if pulled.status == PullStatus::Found {
///         println!("{} messages", pulled.messages.len());
///         consumer.commit(&queue, pulled.next_offset).await?;
///     }
/// }
/// consumer.shutdown().await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
#[must_use = "a consumer that is dropped leaves its group"]
#[doc(alias = "DefaultMQPullConsumer")]
pub struct PullConsumer {
    presence: Presence,
    options: Options,
    /// Where brokers want to be asked next: 0 is the master.
    suggested: Mutex<HashMap<MessageQueue, i64>>,
}

/// What a pull brought.
#[derive(Debug)]
#[non_exhaustive]
#[doc(alias = "PullResult")]
pub struct Pulled {
    /// What kind of answer it is.
    pub status: PullStatus,
    /// The messages, in the order of their offsets, bodies inflated. Empty unless [`Found`](PullStatus::Found); may be empty then, if
    /// the broker's filter let through what the client's does not.
    pub messages: Vec<MessageExt>,
    /// What came between them and cannot be read.
    pub damaged: Vec<Damaged>,
    /// Where to go on. For [`OffsetIllegal`](PullStatus::OffsetIllegal) the broker's correction, which may lie before the offset asked
    /// for.
    pub next_offset: i64,
    /// The first offset that the queue still holds.
    pub min_offset: i64,
    /// One past its last offset.
    pub max_offset: i64,
}

/// A message that cannot be read: damaged, compressed in a way that this build does not know, or larger than allowed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Damaged {
    /// Its place in the queue, if that can be told.
    pub queue_offset: Option<i64>,
    /// What there is: the whole message as stored, or its body if only that is damaged.
    pub bytes: Bytes,
    /// What is wrong with it.
    pub cause: BoxError,
}

impl PullConsumer {
    /// The group.
    pub fn group(&self) -> &str {
        self.presence.group()
    }

    /// The queues of a topic that can be read, as the name servers tell them now.
    ///
    /// # Errors
    ///
    /// [`TopicNotFound`](ErrorKind::TopicNotFound), or no name server answers.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    #[doc(alias = "fetchSubscribeMessageQueues")]
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, Error> {
        self.presence.queues(topic).await
    }

    /// Reads a queue from an offset on: options on the call, then await it.
    pub fn pull<'a>(&'a self, queue: &'a MessageQueue, offset: i64) -> PullCall<'a> {
        PullCall {
            consumer: self,
            queue,
            offset,
            filter: Filter::all(),
            max_messages: self.options.max_messages,
            max_bytes: self.options.max_bytes,
            wait: None,
        }
    }

    /// The offset that the group has stored, if any.
    ///
    /// Of a young queue, whose first message it has in memory, a broker answers 0 for a group that has stored none.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer. That is not to be taken for "none".
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    #[doc(alias = "fetchConsumeOffset")]
    pub async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, Error> {
        let queue = &*self.locate(queue).await?;
        match self.presence.requests.stored_offset(queue, self.presence.deadline()).await? {
            Stored::At(offset) => Ok(Some(offset)),
            Stored::Young => Ok(Some(0)),
            Stored::Never => Ok(None),
        }
    }

    /// Stores an offset for the group: the next message to read. Returns when the broker has confirmed it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a negative offset; otherwise when the queue's broker does not confirm it.
    ///
    /// # Cancel safety
    ///
    /// The broker may have stored it or not.
    #[doc(alias = "updateConsumeOffset")]
    pub async fn commit(&self, queue: &MessageQueue, offset: i64) -> Result<(), Error> {
        check_offset(offset)?;
        let queue = &*self.locate(queue).await?;
        self.presence.requests.store_offset(queue, offset, self.presence.deadline()).await
    }

    /// The first offset that a queue still holds.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, Error> {
        let queue = &*self.locate(queue).await?;
        self.presence.requests.min_offset(queue, self.presence.deadline()).await
    }

    /// One past the last offset of a queue.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, Error> {
        let queue = &*self.locate(queue).await?;
        self.presence.requests.start_offset(queue, Seek::Max, self.presence.deadline()).await
    }

    /// The first message of a queue that was stored at or after a time, in milliseconds since 1970. Of a time after the last message
    /// 5.x answers the end of the queue, 4.x the last message.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    #[doc(alias = "searchOffset")]
    pub async fn offset_for_time(&self, queue: &MessageQueue, millis: i64) -> Result<i64, Error> {
        let queue = &*self.locate(queue).await?;
        let seek = Seek::Time(millis);
        self.presence.requests.start_offset(queue, seek, self.presence.deadline()).await
    }

    /// Takes leave of the brokers. Nothing is committed: that has been up to the application.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves without a word.
    pub async fn shutdown(self) {
        self.presence.leave().await;
    }

    pub(super) fn namespace(&self) -> &Namespace {
        self.presence.namespace()
    }

    /// The queue on the wire. Learns where its broker is, if that is not known.
    async fn locate<'a>(&self, queue: &'a MessageQueue) -> Result<Cow<'a, MessageQueue>, Error> {
        let queue = self.presence.namespace().wrap_queue(queue);
        let routes = &self.presence.requests.core.routes;
        if routes.table().brokers().contains_key(&queue.broker_name) {
            return Ok(queue);
        }
        routes.find(&queue.topic, self.presence.deadline()).await?;
        Ok(queue)
    }

    fn suggested(&self) -> std::sync::MutexGuard<'_, HashMap<MessageQueue, i64>> {
        self.suggested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PullConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullConsumer").field("group", &self.group()).finish_non_exhaustive()
    }
}

/// A pull, to be awaited.
#[derive(Debug)]
#[must_use = "nothing is pulled until awaited"]
pub struct PullCall<'a> {
    consumer: &'a PullConsumer,
    queue: &'a MessageQueue,
    offset: i64,
    filter: Filter,
    max_messages: u32,
    max_bytes: u32,
    wait: Option<Duration>,
}

impl PullCall<'_> {
    /// Which messages are wanted. Default all.
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = filter.into();
        self
    }

    /// At most so many messages. Default: what the [builder](PullConsumerBuilder::pull_batch) says.
    pub fn max(mut self, messages: u32) -> Self {
        self.max_messages = messages;
        self
    }

    /// At most so many bytes of messages, but at least one message. Default 256 KiB; brokers up to 5.5 have a limit of their own
    /// instead.
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Has the broker wait so long for messages if there are none yet. Default: it answers at once. Brokers look at waiting pulls
    /// only every 5 s when nothing comes.
    #[doc(alias = "pullBlockIfNotFound")]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    async fn send(self) -> Result<Pulled, Error> {
        let Self { consumer, queue, offset, .. } = self;
        check_offset(offset)?;
        if self.max_messages == 0 {
            return Err(Error::invalid("a pull for no messages"));
        }
        let data = self.filter.subscription(&queue.topic)?;
        let data = consumer.presence.namespace().wrap_subscription(data);
        consumer.presence.reads(&data).await?;
        let queue = &*consumer.locate(queue).await?;
        let requests = &consumer.presence.requests;
        let broker_id = consumer.suggested().get(queue).copied().unwrap_or(0);
        let reader = requests.reader(queue, broker_id);
        let (_, address) = reader.ok_or_else(|| unknown_broker(&queue.broker_name))?;
        let wanted = Wanted {
            offset,
            max_messages: self.max_messages,
            max_bytes: self.max_bytes,
            suspend: self.wait,
            commit_offset: None,
            sub_version: data.sub_version,
            subscription: Some(&data),
        };
        let deadline =
            Instant::now() + consumer.options.pull_timeout + self.wait.unwrap_or_default();
        let header = wanted.header(&requests.group, queue);
        let answer = requests.core.call(&address, &header, Bytes::new(), deadline).await?;
        let answer = pull_answer(answer).map_err(|_| {
            Error::new(ErrorKind::Protocol, "an answer to a pull that says nothing").at(&*address)
        })?;
        consumer.suggested().insert(queue.clone(), answer.suggest_which_broker_id);
        Ok(read(answer, &data, consumer.presence.namespace()))
    }
}

impl<'a> IntoFuture for PullCall<'a> {
    type Output = Result<Pulled, Error>;
    type IntoFuture = Call<'a, Pulled>;

    /// # Errors
    ///
    /// When the broker does not answer, or refuses: [`Error::response_code`] says why. That there is nothing is no error.
    ///
    /// # Cancel safety
    ///
    /// Safe: a pull changes nothing but what the broker suggests.
    fn into_future(self) -> Self::IntoFuture {
        let requests = &self.consumer.presence.requests;
        let span = spans::Consumer::new(&requests.core, &requests.group)
            .receive(Some(&requests.core.namespace().unwrap(&self.queue.topic)));
        Call::new(async move {
            let outcome = spans::within(&span, pin!(self.send())).await;
            spans::received(&span, &outcome, |pulled| pulled.messages.len());
            outcome
        })
    }
}

fn check_offset(offset: i64) -> Result<(), Error> {
    match offset {
        0.. => Ok(()),
        _ => Err(Error::invalid(format!("offset {offset} is negative"))),
    }
}

/// Opens the messages that are wanted.
fn read(answer: PullAnswer, data: &SubscriptionData, namespace: &Namespace) -> Pulled {
    let mut pulled = Pulled {
        status: answer.status,
        messages: Vec::with_capacity(answer.messages.len()),
        damaged: Vec::new(),
        next_offset: answer.next_begin_offset,
        min_offset: answer.min_offset,
        max_offset: answer.max_offset,
    };
    let limits = BodyLimits::default();
    for stored in answer.messages {
        let stored = match stored {
            Ok(stored) => stored,
            Err(poison) => {
                pulled.damaged.push(poison.into());
                continue;
            }
        };
        if !subscription::wants(data, &stored.properties) {
            continue;
        }
        match open(&stored, &limits) {
            Ok(message) => pulled.messages.push(namespace.unwrap_message(message)),
            Err(cause) => pulled.damaged.push(Damaged {
                queue_offset: Some(stored.queue_offset),
                bytes: stored.body,
                cause,
            }),
        }
    }
    pulled
}

impl From<Undecodable> for Damaged {
    fn from(poison: Undecodable) -> Self {
        let Undecodable { queue_offset, bytes, damage, .. } = poison;
        Self { queue_offset, bytes, cause: damage.into() }
    }
}
