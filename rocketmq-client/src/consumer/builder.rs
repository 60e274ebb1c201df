//! [`PushConsumerBuilder`]: the options of a push consumer.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use rocketmq_consumer::{Allocate, BeyondEnd, Config, Model, Order};
use rocketmq_protocol::{message::MessageExt, names};

use super::{
    Batch, BatchOutcome, Concurrent, ConsumeHook, Deliveries, Delivery, Filter, Handler,
    IntoOutcome, Mode, OffsetStore, Ordered, Poison, PushConsumer, StartFrom, desk::Desk,
    listeners::Listeners,
};
use crate::{Call, Client, Error, MessageQueue, Tracing};

/// Options of a push consumer. Ends with [`start`](Self::start), one of its sisters, or [`stream`](Self::stream).
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// # async fn bill(_: &rocketmq_client::Delivery) -> Result<(), std::io::Error> { Ok(()) }
/// use std::time::Duration;
/// use rocketmq_client::Delivery;
///
/// let consumer = client
///     .push_consumer("billing")
///     .subscribe("orders", "paid || refunded")
///     .concurrency(20)
///     .start(|delivery: Delivery| async move { bill(&delivery).await })
///     .await?;
/// consumer.shutdown(Duration::from_secs(30)).await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
///
/// Messages of a queue are handled in any order, many at a time, unless the consumer is [ordered](Self::ordered); each message goes to
/// one member of the group, unless it is [broadcasting](Self::broadcasting).
#[must_use = "a consumer does nothing until `start` or `stream`"]
pub struct PushConsumerBuilder<M: Mode = Concurrent> {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) concurrency: usize,
    pub(super) desk: Desk,
    pub(super) rate: Option<f64>,
    pub(super) offset_store: Option<Arc<dyn OffsetStore>>,
    pub(super) direct_consumption: bool,
    pub(super) listeners: Listeners,
    pub(super) tracing: Option<Tracing>,
    problem: Option<Error>,
    mode: PhantomData<fn() -> M>,
}

impl PushConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let mut config = Config::new(group, Arc::clone(&client.core().id), fastrand::u64(..));
        config.heartbeat_interval = client.core().options.heartbeat_interval;
        let desk = Desk::new(client.core(), &config.group);
        Self {
            client,
            config,
            concurrency: 20,
            desk,
            rate: None,
            offset_store: None,
            direct_consumption: true,
            listeners: Listeners::default(),
            tracing: None,
            problem: None,
            mode: PhantomData,
        }
    }

    /// The messages of a queue are handled one after the other, each after the one before it has succeeded; different queues go on
    /// beside each other. One member at a time has a queue: its broker leases it, and only when the handler has come to its end and
    /// the offset is committed does another member get it.
    ///
    /// Outcomes are those of [`OrderedOutcome`](super::OrderedOutcome) from here on. A failure suspends the queue, and by default
    /// for as many attempts as it takes: see [`max_redeliveries`](PushConsumerBuilder::max_redeliveries).
    #[doc(alias = "MessageListenerOrderly")]
    pub fn ordered(mut self) -> PushConsumerBuilder<Ordered> {
        self.config.order = Order::Strict { auto_commit: true };
        self.config.max_redeliveries = i32::MAX as u32;
        PushConsumerBuilder {
            client: self.client,
            config: self.config,
            concurrency: self.concurrency,
            desk: self.desk,
            rate: self.rate,
            offset_store: self.offset_store,
            direct_consumption: self.direct_consumption,
            listeners: self.listeners,
            tracing: self.tracing,
            problem: self.problem,
            mode: PhantomData,
        }
    }
}

/// What only unordered consumers can do.
impl PushConsumerBuilder {
    /// Lets brokers decide which queues are this member's, and whether they are pulled or popped: what an operator has set for the topic
    /// and the group (`mqadmin setConsumeMode`), pulling if nobody has. Default: members share queues out among themselves, and pull.
    ///
    /// Popped messages are acknowledged one by one, so that a slow one holds no other back and members need not hold queues. A handler
    /// that takes long has [more time](Self::pop_invisible) asked for. What fails comes again after 10 s, 30 s, 1 min, … 2 h; what fails
    /// too often goes to the dead letters. Brokers before 5.0 are pulled from.
    #[doc(alias = "setClientRebalance")]
    pub fn pop(mut self) -> Self {
        self.config.pop.enabled = true;
        self
    }

    /// For how long popped messages are out of sight for others, and for how long more each time that this is renewed. Default 60 s, as
    /// in Java; 5 s to 5 min.
    #[doc(alias = "setPopInvisibleTime")]
    pub fn pop_invisible(mut self, time: Duration) -> Self {
        self.config.pop.invisible = time;
        self
    }
}

impl PushConsumerBuilder<Ordered> {
    /// Whether [`Ack`](super::OrderedOutcome::Ack) is final. Default yes; otherwise messages that were acknowledged come again
    /// until [`Commit`](super::OrderedOutcome::Commit) is said.
    #[doc(alias = "setAutoCommit")]
    pub fn auto_commit(mut self, auto_commit: bool) -> Self {
        self.config.order = Order::Strict { auto_commit };
        self
    }

    /// How long a queue rests after its handler has failed. Default 1 s, as in Java; 10 ms to 30 s.
    #[doc(alias = "setSuspendCurrentQueueTimeMillis")]
    pub fn suspend_time(mut self, rest: Duration) -> Self {
        self.config.suspend_time = rest;
        self
    }
}

/// What to read.
impl<M: Mode> PushConsumerBuilder<M> {
    /// Reads a topic: all of it (`*`), messages with one of these tags (`a || b`), or those of another [`Filter`]. Every member of a
    /// group has to subscribe to the same, or brokers go back and forth between them.
    pub fn subscribe(mut self, topic: &str, filter: impl Into<Filter>) -> Self {
        match filter.into().subscription(topic) {
            Ok(data) => self.config.subscriptions.push(data),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// Every member gets every message, instead of one of them. Each remembers by itself how far it has read. What fails is passed
    /// over: nobody would deliver it again to this member alone.
    #[doc(alias = "MessageModel.BROADCASTING")]
    pub fn broadcasting(mut self) -> Self {
        self.config.model = Model::Broadcasting;
        self
    }

    /// Where a broadcasting consumer remembers how far it has read. Default: [`FileOffsets`](super::FileOffsets) below the home directory, in a file named
    /// after this machine's address and the group; with more than one consumer of a group on a machine, each needs a
    /// [name](crate::ClientBuilder::instance_name) or a store of its own.
    #[doc(alias = "setOffsetStore")]
    pub fn offset_store(mut self, store: impl OffsetStore) -> Self {
        self.offset_store = Some(Arc::new(store));
        self
    }

    /// Where to start a queue for which the group has no offset yet. Default [`StartFrom::Last`], as in Java.
    #[doc(alias = "setConsumeFromWhere")]
    #[doc(alias = "setConsumeTimestamp")]
    pub fn start_from(mut self, from: StartFrom) -> Self {
        self.config.start_from = from;
        self
    }

    /// Where to go on when a queue ends before the offset that was to be read: its broker has lost messages, or the topic has been created
    /// anew. Default: where the broker says, as in Java; brokers of 4.x may say at its beginning. It is logged either way.
    pub fn beyond_end(mut self, beyond_end: BeyondEnd) -> Self {
        self.config.beyond_end = beyond_end;
        self
    }

    /// How queues are shared out among the members. Default [`Averagely`](crate::Averagely). All members must have the same.
    #[doc(alias = "setAllocateMessageQueueStrategy")]
    pub fn strategy(mut self, strategy: impl Allocate + 'static) -> Self {
        self.config.strategy = Arc::new(strategy);
        self
    }

    /// Is told of queues that this member is about to read, and waited for: none of their messages is handed out before. Listeners are
    /// called one after the other, each with the queues that come or go together; after 10 s one is cut off, and not waited for any more.
    #[doc(alias = "MessageQueueListener")]
    pub fn on_assigned<F, Fut>(mut self, listener: F) -> Self
    where
        F: Fn(Vec<MessageQueue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.listeners.on_assigned(listener);
        self
    }

    /// Is told of queues that this member gives up, when their handlers have ended, and waited for like
    /// [`on_assigned`](Self::on_assigned): only then leases of an ordered consumer are given back, and brokers told that a consumer that
    /// is shut down has left. Of a queue whose lease is lost it is told, too, but others may have it already.
    pub fn on_revoked<F, Fut>(mut self, listener: F) -> Self
    where
        F: Fn(Vec<MessageQueue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.listeners.on_revoked(listener);
        self
    }

    /// Which messages to hand over at all; the others count as consumed. Called in the worker, after the subscription has let them
    /// through. May be said more than once.
    #[doc(alias = "FilterMessageHook")]
    pub fn only(mut self, wanted: impl Fn(&MessageExt) -> bool + Send + Sync + 'static) -> Self {
        self.desk.filters.push(Arc::new(wanted));
        self
    }
}

/// How to consume.
impl<M: Mode> PushConsumerBuilder<M> {
    /// How many handlers run at once, over all queues; of a stream, how many messages may be unsettled. Default 20, as in Java. It can
    /// be [changed](PushConsumer::set_concurrency) later.
    #[doc(alias = "setConsumeThreadMax")]
    #[doc(alias = "setConsumeThreadMin")]
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.clamp(1, 65_536);
        self
    }

    /// No more messages than so many a second. Default no limit.
    pub fn rate_limit(mut self, per_second: f64) -> Self {
        if per_second > 0.0 && per_second.is_finite() {
            self.rate = Some(per_second);
        } else {
            let error = Error::invalid(format!("{per_second} messages a second are no rate"));
            self.problem = self.problem.or(Some(error));
        }
        self
    }

    /// After how many redeliveries a failing message goes to the dead letters. Default 16; of an ordered consumer, never: both as in
    /// Java.
    #[doc(alias = "setMaxReconsumeTimes")]
    pub fn max_redeliveries(mut self, times: u32) -> Self {
        self.config.max_redeliveries = times.min(i32::MAX as u32);
        self
    }

    /// How long a handler may take before its message is sent back, to be delivered again; what the handler says later does not count.
    /// Default 15 min, as in Java, which notices up to twice as late; this notices within a sixteenth. Messages of an ordered
    /// consumer are not sent back; so long it waits for a handler before it gives a queue up.
    #[doc(alias = "setConsumeTimeout")]
    pub fn consume_timeout(mut self, timeout: Duration) -> Self {
        self.config.consume_timeout = timeout;
        self
    }

    /// What to do with a message that cannot be read. Default: [back to the broker](Poison::SendBack).
    pub fn poison(mut self, poison: Poison) -> Self {
        self.desk.poison = poison;
        self
    }

    /// Has somebody look on before and after every call of the handler.
    #[doc(alias = "registerConsumeMessageHook")]
    pub fn hook(mut self, hook: impl ConsumeHook) -> Self {
        self.desk.hooks.add(hook);
        self
    }

    /// Reports every message before and after it is consumed, in a trace topic. Default off, as in Java.
    #[doc(alias = "enableMsgTrace")]
    #[doc(alias = "setEnableTrace")]
    pub fn tracing(mut self, options: Tracing) -> Self {
        self.tracing = Some(options);
        self
    }

    /// Whether operators may have a message consumed at once, through a broker (`mqadmin consumeMessage`): the handler is called, and
    /// they are told what became of it. Default yes, as in Java.
    pub fn direct_consumption(mut self, allowed: bool) -> Self {
        self.direct_consumption = allowed;
        self
    }

    /// How long a queue that moves to another member waits for its running handlers, so that their messages do not come twice. Default
    /// 1 s; Java does not wait. An ordered consumer waits for [`consume_timeout`](Self::consume_timeout) at least.
    pub fn revoke_grace(mut self, grace: Duration) -> Self {
        self.config.revoke_grace = grace;
        self
    }

    /// How often offsets that have moved are committed. Default 5 s, as in Java. What was consumed since comes again after a crash.
    #[doc(alias = "setPersistConsumerOffsetInterval")]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.config.commit_interval = interval;
        self
    }
}

/// How much to hold.
impl<M: Mode> PushConsumerBuilder<M> {
    /// How many messages are asked for with one pull. Default 32, as in Java; brokers give 32 at most unless configured
    /// otherwise.
    #[doc(alias = "setPullBatchSize")]
    pub fn pull_batch(mut self, messages: u32) -> Self {
        self.config.pull_batch = messages;
        self
    }

    /// How many bytes are asked for with one pull. Default 256 KiB, as in Java.
    #[doc(alias = "setPullBatchSizeInBytes")]
    pub fn pull_batch_bytes(mut self, bytes: u32) -> Self {
        self.config.pull_batch_bytes = bytes;
        self
    }

    /// How long to wait between a pull that brought messages and the next. Default not at all, as in Java.
    #[doc(alias = "setPullInterval")]
    pub fn pull_interval(mut self, interval: Duration) -> Self {
        self.config.pull_interval = interval;
        self
    }

    /// How long to wait after a pull that failed. Default 1 s, as in Java.
    #[doc(alias = "setPullTimeDelayMillsWhenException")]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.config.retry_delay = delay;
        self
    }

    /// Whether each pull carries the subscription, instead of heartbeats alone. Default no, as in Java.
    #[doc(alias = "setPostSubscriptionWhenPull")]
    pub fn post_subscription(mut self, post: bool) -> Self {
        self.config.post_subscription = post;
        self
    }

    /// How many messages of one queue may be held that are not consumed yet. Default 1,000, as in Java.
    #[doc(alias = "setPullThresholdForQueue")]
    pub fn max_cached_messages(mut self, messages: usize) -> Self {
        self.config.limits.messages = messages;
        self
    }

    /// How many messages may be held of all queues of a topic together, in equal parts. Default no such limit; where there is one it
    /// stands in place of that for each queue. Java divides by the queues of all topics.
    #[doc(alias = "setPullThresholdForTopic")]
    pub fn max_cached_messages_of_topic(mut self, messages: usize) -> Self {
        self.config.topic_limits.messages = Some(messages);
        self
    }

    /// How many bytes may be held in all queues together. Default 256 MiB; Java has limits for each queue only.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.config.budget = Some(bytes);
        self
    }

    /// How many bytes of one queue may be held. Default 100 MiB, as in Java.
    #[doc(alias = "setPullThresholdSizeForQueue")]
    pub fn max_cached_bytes_of_queue(mut self, bytes: u64) -> Self {
        self.config.limits.bytes = bytes;
        self
    }

    /// How many bytes may be held of all queues of a topic together, in equal parts. Default no such limit.
    #[doc(alias = "setPullThresholdSizeForTopic")]
    pub fn max_cached_bytes_of_topic(mut self, bytes: u64) -> Self {
        self.config.topic_limits.bytes = Some(bytes);
        self
    }

    /// How far a queue may be read ahead of its first message that is not consumed, in messages: so many at most come again after a
    /// crash. Default 2,000, as in Java. An ordered queue has no such limit: nothing overtakes in it.
    #[doc(alias = "setConsumeConcurrentlyMaxSpan")]
    pub fn max_span(mut self, messages: u64) -> Self {
        self.config.limits.span = messages;
        self
    }
}

/// Starting.
impl<M: Mode> PushConsumerBuilder<M> {
    /// Starts the consumer with a closure that is called with each message. What it returns decides: `()` and `Ok`
    /// acknowledge, an `Err` has the message delivered again later, and an [`Outcome`](super::Outcome) (of an ordered consumer an
    /// [`OrderedOutcome`](super::OrderedOutcome)) says it in detail.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for names or options that cannot be used, and for a group that already has a
    /// consumer in this client. A topic that does not exist yet is no error: it is read once it does.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops what it has started.
    pub fn start<F, Fut>(self, handler: F) -> Call<'static, PushConsumer>
    where
        F: Fn(Delivery) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<M::Outcome>,
    {
        self.start_with(handler)
    }

    /// Starts the consumer with a [`Handler`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    pub fn start_with<H>(self, handler: H) -> Call<'static, PushConsumer>
    where
        H: Handler,
        H::Output: IntoOutcome<M::Outcome>,
    {
        Call::new(async move { self.launch_singly(handler).await })
    }

    /// Starts the consumer with a closure that blocks: it is called where it keeps nothing else waiting, on the runtime's pool for
    /// blocking work.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start). A call that has begun cannot be interrupted.
    #[doc(alias = "blocking_handler")]
    pub fn start_blocking<F, R>(self, handler: F) -> Call<'static, PushConsumer>
    where
        F: Fn(Delivery) -> R + Send + Sync + 'static,
        R: IntoOutcome<M::Outcome> + Send + 'static,
    {
        let handler = super::handler::Blocking::new(handler, &self.client.core().tasks);
        self.start_with(handler)
    }

    /// Starts the consumer with a closure that is called with up to `max` messages of one queue (1 to 1,024). What it returns says what
    /// becomes of all of them, or of each: see [`BatchOutcome`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    #[doc(alias = "setConsumeMessageBatchMaxSize")]
    pub fn start_batch<F, Fut>(self, max: usize, handler: F) -> Call<'static, PushConsumer>
    where
        F: Fn(Batch) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    {
        self.start_batch_with(max, handler)
    }

    /// Starts the consumer with a [`Handler`] of batches: see [`start_batch`](Self::start_batch).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    pub fn start_batch_with<H>(self, max: usize, handler: H) -> Call<'static, PushConsumer>
    where
        H: Handler<Batch>,
        H::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    {
        Call::new(async move { self.launch_batches(max, handler).await })
    }

    /// Starts the consumer as a stream: each message waits to be [settled](super::Unsettled).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
    /// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
    /// # let producer = client.producer("p").start().await?;
    /// # producer.send(rocketmq_client::Message::new("orders", "hello")).await?;
    /// # use rocketmq_client::StartFrom;
    /// # let audit = client.push_consumer("audit").start_from(StartFrom::First);
    /// let mut deliveries = audit.subscribe("orders", "*").stream().await?;
    /// while let Some(delivery) = deliveries.next().await {
    ///     let delivery = delivery?;
    ///     println!("{:?}", delivery.body());
    ///     delivery.ack();
    /// #   break;
    /// }
    /// # deliveries.shutdown(std::time::Duration::from_secs(5)).await;
    /// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    pub fn stream(self) -> Call<'static, Deliveries<M>> {
        Call::new(async move { self.launch_stream().await })
    }

    pub(super) fn check(&mut self) -> Result<(), Error> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        names::validate_group(&self.config.group).map_err(|error| {
            Error::invalid("a consumer group that cannot be used").with_source(error)
        })?;
        if self.config.subscriptions.is_empty() {
            return Err(Error::invalid("a consumer without a subscription"));
        }
        Ok(())
    }
}

impl<M: Mode> fmt::Debug for PushConsumerBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushConsumerBuilder")
            .field("config", &self.config)
            .field("concurrency", &self.concurrency)
            .field("desk", &self.desk)
            .finish_non_exhaustive()
    }
}
