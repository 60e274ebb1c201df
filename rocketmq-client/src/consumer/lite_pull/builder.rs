//! [`LitePullConsumerBuilder`]: options of a lite pull consumer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rocketmq_consumer::{Allocate, Assignment, BeyondEnd, Config, Consumption};

use super::LitePullConsumer;
use crate::{
    Call, Client, Error, MessageQueue,
    consumer::{Filter, StartFrom, launch, requests::Requests},
};

/// Options of a [`LitePullConsumer`]. Ends with [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a consumer does nothing until `start`"]
pub struct LitePullConsumerBuilder {
    client: Client,
    config: Config,
    options: Options,
    assigned: Option<Vec<MessageQueue>>,
    problem: Option<Error>,
}

#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) poll_max: usize,
    pub(super) auto_commit: bool,
    pub(super) assigned: bool,
    /// Of topics whose queues are assigned; all messages of others.
    pub(super) filters: BTreeMap<Arc<str>, Filter>,
}

impl LitePullConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let mut config = Config::new(group, Arc::clone(&client.core().id), fastrand::u64(..));
        config.heartbeat_interval = client.core().options.heartbeat_interval;
        config.retries = false;
        config.post_subscription = true;
        config.suspend = Duration::from_secs(20);
        let options =
            Options { poll_max: 32, auto_commit: true, assigned: false, filters: BTreeMap::new() };
        Self { client, config, options, assigned: None, problem: None }
    }

    /// Reads a topic, whose queues the members of the group share: all of it (`*`), messages with one of these tags (`a || b`), or those
    /// of another [`Filter`]. Every member of a group has to subscribe to the same.
    pub fn subscribe(mut self, topic: &str, filter: impl Into<Filter>) -> Self {
        match filter.into().subscription(topic) {
            Ok(data) => self.config.subscriptions.push(data),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// Reads these queues, whoever else does. They can be [others](LitePullConsumer::assign) later, and none at first.
    pub fn assign(mut self, queues: impl IntoIterator<Item = MessageQueue>) -> Self {
        self.assigned.get_or_insert_default().extend(queues);
        self
    }

    /// Which messages are wanted of a topic whose queues are assigned. Default all.
    #[doc(alias = "setSubExpressionForAssign")]
    pub fn filter(mut self, topic: &str, filter: impl Into<Filter>) -> Self {
        self.options.filters.insert(topic.into(), filter.into());
        self
    }

    /// Where to start a queue for which the group has no offset yet. Default [`StartFrom::Last`], as in Java.
    #[doc(alias = "setConsumeFromWhere")]
    pub fn start_from(mut self, from: StartFrom) -> Self {
        self.config.start_from = from;
        self
    }

    /// Where to go on when a queue ends before the offset that was to be read. Default: where the broker says, as in Java; brokers of 4.x
    /// may say at its beginning.
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

    /// Whether what was polled is committed by itself: with the next poll it counts as consumed. Default yes, as in Java.
    #[doc(alias = "setAutoCommit")]
    pub fn auto_commit(mut self, automatic: bool) -> Self {
        self.options.auto_commit = automatic;
        self
    }

    /// How often offsets that have moved are committed, if they are by themselves. Default 5 s, as in Java.
    #[doc(alias = "setAutoCommitIntervalMillis")]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.config.commit_interval = interval;
        self
    }

    /// How many messages one poll gives at most. Default 32; in Java as many as one pull brought, 10.
    pub fn poll_batch(mut self, messages: usize) -> Self {
        self.options.poll_max = messages.max(1);
        self
    }

    /// How many messages are asked for with one pull. Default 32 (in Java 10); brokers give 32 at most unless configured otherwise.
    #[doc(alias = "setPullBatchSize")]
    pub fn pull_batch(mut self, messages: u32) -> Self {
        self.config.pull_batch = messages;
        self
    }

    /// How many messages of one queue may be held that have not been polled yet. Default 1,000, as in Java.
    #[doc(alias = "setPullThresholdForQueue")]
    pub fn max_cached_messages(mut self, messages: usize) -> Self {
        self.config.limits.messages = messages;
        self
    }

    /// How many bytes may be held in all queues together. Default 256 MiB. Java counts pulls, 10,000 messages at most, and has a limit
    /// for each queue, 100 MiB, which holds here too.
    #[doc(alias = "setPullThresholdForAll")]
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.config.budget = Some(bytes);
        self
    }

    /// How long a broker may hold a pull that finds nothing. Default 20 s, as in Java; up to 25 s.
    #[doc(alias = "setBrokerSuspendMaxTimeMillis")]
    pub fn broker_wait(mut self, wait: Duration) -> Self {
        self.config.suspend = wait;
        self
    }

    /// Starts the consumer.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for names or options that cannot be used, for queues that are both shared and assigned,
    /// and for a group that already has a consumer in this client;
    /// [`TopicNotFound`](crate::ErrorKind::TopicNotFound) for an assigned queue of a topic that does not exist.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops what it has started.
    pub fn start(self) -> Call<'static, LitePullConsumer> {
        Call::new(self.launch())
    }

    async fn launch(mut self) -> Result<LitePullConsumer, Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if self.assigned.is_some() && !self.config.subscriptions.is_empty() {
            return Err(Error::invalid("queues are either shared by subscription or assigned"));
        }
        self.options.assigned = self.assigned.is_some();
        self.config.consumption = Consumption::Vouched { automatic: self.options.auto_commit };
        if self.options.assigned {
            self.config.assignment = Assignment::ByHand;
            for (topic, filter) in &self.options.filters {
                self.config.subscriptions.push(filter.subscription(topic)?);
            }
        }
        let group = Arc::clone(&self.config.group);
        self.client.core().namespace().wrap_names(&mut self.config);
        let requests = Requests {
            core: Arc::clone(self.client.core()),
            group: Arc::clone(&self.config.group),
        };
        requests.check(&self.config.subscriptions).await?;
        let launched = launch::drive_polled(&self.client, self.config)?;
        let consumer = LitePullConsumer {
            group,
            requests: launched.requests,
            commands: launched.commands,
            tasks: launched.tasks,
            options: self.options,
            closed: false,
            _client: self.client,
        };
        if let Some(queues) = self.assigned {
            consumer.assign(queues).await?;
        }
        Ok(consumer)
    }
}

pub(super) fn topics_of(queues: &[MessageQueue]) -> BTreeSet<Arc<str>> {
    queues.iter().map(|queue| Arc::clone(&queue.topic)).collect()
}
