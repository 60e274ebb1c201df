//! [`PushConsumerBuilder`]: options of a push consumer, and starting it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rocketmq_consumer::{Allocate, Config, ConsumerGroup};
use rocketmq_protocol::{body::ConsumeFromWhere, names};
use rocketmq_remoting::{Mailbox, Tasks};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Delivery, Filter, Handler, IntoOutcome, Outcome, PushConsumer, StartFrom,
    driver::{Driver, now},
    push::Running,
    requests::Requests,
    work_queue::WorkQueue,
    workers,
};
use crate::{
    Call, Client, Error,
    client::{Role, registry::Signals},
};

/// Options of a push consumer: clustering, concurrent. Ends with [`start`](Self::start).
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
#[derive(Debug)]
#[must_use = "a consumer does nothing until `start`"]
pub struct PushConsumerBuilder {
    client: Client,
    config: Config,
    concurrency: usize,
    problem: Option<Error>,
}

impl PushConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let mut config = Config::new(group, Arc::clone(&client.core().id), fastrand::u64(..));
        config.heartbeat_interval = client.core().options.heartbeat_interval;
        Self { client, config, concurrency: 20, problem: None }
    }

    /// Reads a topic: all of it (`*`), messages with one of these tags (`a || b`), or those of another [`Filter`]. Every member of a
    /// group has to subscribe to the same, or brokers go back and forth between them.
    pub fn subscribe(mut self, topic: &str, filter: impl Into<Filter>) -> Self {
        match filter.into().subscription(topic) {
            Ok(data) => self.config.subscriptions.push(data),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// How many handlers run at once, over all queues. Default 20, as in Java.
    #[doc(alias = "setConsumeThreadMax")]
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.clamp(1, 65_536);
        self
    }

    /// Where to start a queue for which the group has no offset yet. Default [`StartFrom::Last`], as in Java.
    #[doc(alias = "setConsumeFromWhere")]
    pub fn start_from(mut self, from: StartFrom) -> Self {
        self.config.start_from = from;
        self
    }

    /// How queues are shared out among the members. Default [`Averagely`](crate::Averagely). All members must have the same.
    #[doc(alias = "setAllocateMessageQueueStrategy")]
    pub fn strategy(mut self, strategy: impl Allocate + 'static) -> Self {
        self.config.strategy = Arc::new(strategy);
        self
    }

    /// After how many redeliveries a failing message goes to the dead letters. Default 16, as in Java.
    #[doc(alias = "setMaxReconsumeTimes")]
    pub fn max_redeliveries(mut self, times: u32) -> Self {
        self.config.max_redeliveries = times;
        self
    }

    /// How many messages are asked for with one pull. Default 32, as in Java; brokers give 32 at most unless configured
    /// otherwise.
    #[doc(alias = "setPullBatchSize")]
    pub fn pull_batch(mut self, messages: u32) -> Self {
        self.config.pull_batch = messages;
        self
    }

    /// How many messages of one queue may be held that are not consumed yet. Default 1,000, as in Java.
    #[doc(alias = "setPullThresholdForQueue")]
    pub fn max_cached_messages(mut self, messages: usize) -> Self {
        self.config.limits.messages = messages;
        self
    }

    /// How many bytes may be held in all queues together. Default 256 MiB. Java has a limit for each queue only, 100 MiB, which
    /// holds here too.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.config.budget = Some(bytes);
        self
    }

    /// How often offsets that have moved are committed. Default 5 s, as in Java. What was consumed since comes again after a crash.
    #[doc(alias = "setPersistConsumerOffsetInterval")]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.config.commit_interval = interval;
        self
    }

    /// Starts the consumer with a closure that is called with each message. What it returns decides: `()` and `Ok`
    /// acknowledge, an `Err` has the message delivered again later, and an [`Outcome`] says it in detail.
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
        Fut::Output: IntoOutcome<Outcome>,
    {
        self.start_with(handler)
    }

    /// Starts the consumer with a [`Handler`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with<H>(self, handler: H) -> Call<'static, PushConsumer>
    where
        H: Handler,
        H::Output: IntoOutcome<Outcome>,
    {
        Call::new(async move { self.launch(Arc::new(handler)) })
    }

    fn launch<H>(mut self, handler: Arc<H>) -> Result<PushConsumer, Error>
    where
        H: Handler,
        H::Output: IntoOutcome<Outcome>,
    {
        self.check()?;
        let core = Arc::clone(self.client.core());
        let group = Arc::clone(&self.config.group);
        let consume_from_where = match self.config.start_from {
            StartFrom::First => ConsumeFromWhere::FirstOffset,
            StartFrom::Timestamp(_) => ConsumeFromWhere::Timestamp,
            _ => ConsumeFromWhere::LastOffset,
        };
        let machine = ConsumerGroup::new(self.config, now())
            .map_err(|error| Error::invalid("options that cannot be used").with_source(error))?;
        let signals = Arc::<Signals>::default();
        core.registry.add_consumer(&group, &signals)?;
        let tasks = core.tasks.child("consumer");
        let work = Arc::new(WorkQueue::new(self.concurrency));
        for _ in 0..self.concurrency {
            let worker = workers::run(Arc::clone(&work), Arc::clone(&handler));
            tasks.spawn("worker", until_stopped(worker, tasks.clone()));
        }
        let (commands, received) = mpsc::unbounded_channel();
        let driver = Driver {
            machine,
            requests: Requests { core, group: Arc::clone(&group) },
            consume_from_where,
            work,
            ahead: (4 * self.concurrency).max(128),
            signals,
            commands: received,
            mailbox: Mailbox::new(),
            pulls: HashMap::new(),
            questions: JoinSet::new(),
            marks: Vec::new(),
            closing: Vec::new(),
            report: None,
        };
        tasks.spawn("driver", until_stopped(driver.run(), tasks.clone()));
        let running = Running { commands: commands.downgrade(), tasks: tasks.clone() };
        self.client.core().closers.add(Role::Consumer, running);
        Ok(PushConsumer { group, commands, tasks, closed: false, client: self.client })
    }

    fn check(&mut self) -> Result<(), Error> {
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

/// Whoever stops the tasks has waited long enough: even a handler is cut off where it awaits.
async fn until_stopped(work: impl Future<Output = ()>, tasks: Tasks) {
    tokio::select! {
        () = work => {}
        () = tasks.cancelled() => {}
    }
}
