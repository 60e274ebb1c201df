//! [`LitePullConsumer`]: polls that are fed by pulls ahead, positions that can be sought and committed.

mod builder;
mod positions;
mod stream;
mod watch;

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use rocketmq_consumer::{Input, Snapshot, Vouch};
use rocketmq_protocol::message::BodyLimits;
use rocketmq_remoting::Tasks;
use tokio::sync::{mpsc, oneshot};

pub use builder::LitePullConsumerBuilder;
pub use stream::LitePullStream;
pub use watch::QueueChanges;

use super::{
    Delivery, Filter, ShutdownReport,
    driver::Request,
    polls::{Poll, Polled},
    push::close,
    requests::Requests,
};
use crate::{Client, Error, MessageQueue, client::Namespace, spans};

/// Reads messages when the application polls, from queues that are pulled ahead.
///
/// Its queues are either shared with the other members of the group ([`subscribe`](LitePullConsumerBuilder::subscribe)), or those
/// that the application [assigns](LitePullConsumerBuilder::assign). What is polled counts as consumed with the next poll, and is
/// committed every 5 s and at the end; without [automatic commits](LitePullConsumerBuilder::auto_commit) only what
/// [`commit`](Self::commit) is called for.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::builder().topic("orders", 1).start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// # let producer = client.producer("p").start().await?;
/// # producer.send(rocketmq_client::Message::new("orders", "hello")).await?;
/// use std::time::Duration;
///
/// let consumer = client.lite_pull_consumer("audit").subscribe("orders", "*").start().await?;
/// for delivery in consumer.poll(Duration::from_secs(5)).await? {
///     println!("{} at {}", delivery.queue(), delivery.message().queue_offset);
/// }
/// consumer.shutdown(Duration::from_secs(5)).await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
#[must_use = "a consumer that is dropped stops"]
#[doc(alias = "DefaultLitePullConsumer")]
pub struct LitePullConsumer {
    group: Arc<str>,
    requests: Requests,
    commands: mpsc::UnboundedSender<Request>,
    tasks: Tasks,
    options: builder::Options,
    closed: bool,
    /// The client lives as long as its consumers.
    _client: Client,
}

impl LitePullConsumer {
    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    fn namespace(&self) -> &Namespace {
        self.requests.core.namespace()
    }

    /// Messages of one queue, in order, as soon as there are any; none if there are none within `wait`. Queues have their turns.
    ///
    /// What was polled before counts as consumed now, if [commits are automatic](LitePullConsumerBuilder::auto_commit): whoever hands
    /// messages to other tasks polls again when these are done, or commits by hand.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: messages that nobody has seen come with the next poll.
    pub async fn poll(&self, wait: Duration) -> Result<Vec<Delivery>, Error> {
        let span = spans::Consumer::new(&self.requests.core, &self.requests.group).receive(None);
        let outcome = spans::within(&span, pin!(self.poll_for(wait))).await;
        spans::received(&span, &outcome, Vec::len);
        outcome
    }

    async fn poll_for(&self, wait: Duration) -> Result<Vec<Delivery>, Error> {
        let polled = self.ask()?;
        match tokio::time::timeout(wait, polled).await {
            Ok(polled) => Ok(self.open(polled.map_err(|_| gone())?)),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Messages one by one, as a stream.
    pub fn stream(&self) -> LitePullStream<'_> {
        LitePullStream::new(self)
    }

    fn ask(&self) -> Result<oneshot::Receiver<Polled>, Error> {
        let (answer, polled) = oneshot::channel();
        let poll = Poll { max: self.options.poll_max, vouch: self.options.auto_commit, answer };
        self.send(Request::Poll(poll))?;
        Ok(polled)
    }

    /// What cannot be read is handed over as it came: nobody else would look after it.
    fn open(&self, polled: Polled) -> Vec<Delivery> {
        let limits = BodyLimits::default();
        let open = |item| {
            Delivery::open(item, &limits, self.namespace()).unwrap_or_else(|(item, cause)| {
                tracing::error!(delivery = ?item, %cause, "a message that cannot be read");
                Delivery::raw(item, self.namespace())
            })
        };
        polled.accept().into_iter().map(open).collect()
    }

    /// Reads one more topic, or reads one with another filter. All members of the group have to follow, and soon.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a topic or a filter that cannot be used, and when queues are assigned.
    pub fn subscribe(&self, topic: &str, filter: impl Into<Filter>) -> Result<(), Error> {
        if self.options.assigned {
            return Err(Error::invalid("the queues of this consumer are assigned"));
        }
        let data = filter.into().subscription(topic)?;
        self.tell(Input::Subscribe(self.namespace().wrap_subscription(data)))
    }

    /// Reads a topic no longer. Its queues are given up, with what was consumed of them committed.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    pub fn unsubscribe(&self, topic: &str) -> Result<(), Error> {
        self.tell(Input::Unsubscribe { topic: self.namespace().wrap(&topic.into()) })
    }

    /// Reads these queues from now on, and no others. Those that stay go on where they are.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) when queues are shared with other members;
    /// [`TopicNotFound`](crate::ErrorKind::TopicNotFound) for a topic that does not exist.
    ///
    /// # Cancel safety
    ///
    /// Nothing has changed if the future is dropped.
    pub async fn assign(
        &self,
        queues: impl IntoIterator<Item = MessageQueue>,
    ) -> Result<(), Error> {
        if !self.options.assigned {
            return Err(Error::invalid("the queues of this consumer are shared with its group"));
        }
        let queues: Vec<_> = queues.into_iter().collect();
        for topic in builder::topics_of(&queues) {
            self.find(&topic).await?;
            if !self.options.filters.contains_key(&topic) {
                let data = Filter::all().subscription(&topic)?;
                self.tell(Input::Subscribe(self.namespace().wrap_subscription(data)))?;
            }
        }
        self.tell(Input::Assign(self.namespace().wrap_queues(queues)))
    }

    /// The queues that this consumer reads, or is about to read.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn assignment(&self) -> Result<Vec<MessageQueue>, Error> {
        Ok(self.snapshot().await?.queues.into_iter().map(|queue| queue.queue).collect())
    }

    /// What the consumer holds and does at this moment.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let (answer, snapshot) = oneshot::channel();
        self.send(Request::Snapshot(answer))?;
        Ok(self.namespace().unwrap_snapshot(snapshot.await.map_err(|_| gone())?))
    }

    /// Messages that the brokers hold for this member's queues and that are not consumed yet, as of the last pulls.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn lag(&self) -> Result<u64, Error> {
        Ok(self.snapshot().await?.lag())
    }

    /// Neither pulls from these queues nor gives out what has been pulled, until they are [resumed](Self::resume). They stay this
    /// member's.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    pub fn pause(&self, queues: impl IntoIterator<Item = MessageQueue>) -> Result<(), Error> {
        self.tell(Input::PauseQueues(self.namespace().wrap_queues(queues)))
    }

    /// Reads paused queues again.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    pub fn resume(&self, queues: impl IntoIterator<Item = MessageQueue>) -> Result<(), Error> {
        self.tell(Input::ResumeQueues(self.namespace().wrap_queues(queues)))
    }

    /// Tells when the queues of a topic change.
    #[doc(alias = "registerTopicMessageQueueChangeListener")]
    pub fn watch_queues(&self, topic: &str) -> QueueChanges {
        QueueChanges::new(&self.requests.core, topic)
    }

    /// Stops in order: no more pulls; what counts as consumed is committed, and that is awaited; the brokers are told that this
    /// member leaves. It waits for answers of brokers for `deadline` at most.
    ///
    /// With automatic commits everything that was polled counts. Otherwise what was not committed is read again by the next one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the consumer at once.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        self.closed = true;
        if self.options.auto_commit {
            let _ = self.tell(Input::Vouch(Vouch::HandedOut));
        }
        let closing = close(&self.commands, &self.tasks, deadline);
        let closed = tokio::time::timeout(deadline, closing).await;
        self.tasks.stop();
        closed.unwrap_or_default().into()
    }

    fn tell(&self, input: Input) -> Result<(), Error> {
        self.send(Request::Tell(input))
    }

    fn send(&self, request: Request) -> Result<(), Error> {
        self.commands.send(request).map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::closed("consumer")
}

impl Drop for LitePullConsumer {
    fn drop(&mut self) {
        if !self.closed {
            tracing::warn!(group = %self.group, "a consumer was dropped without shutdown");
            self.requests.core.registry.remove_consumer(&self.requests.group);
        }
        self.tasks.stop();
    }
}

impl fmt::Debug for LitePullConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LitePullConsumer").field("group", &self.group()).finish_non_exhaustive()
    }
}
