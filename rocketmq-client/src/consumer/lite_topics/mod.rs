//! [`LiteTopicConsumer`]: messages of many small topics under one, received on demand.

mod arrivals;
mod builder;
mod requests;
mod subscriptions;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use rocketmq_protocol::body::LiteSubscriptionAction as Action;
use tokio::time::Instant;

use super::{
    Received,
    presence::{Presence, no_topic},
    simple::check_receive,
};
use crate::Error;
use arrivals::Arrivals;
use requests::LitePop;

pub use builder::LiteTopicConsumerBuilder;
pub use subscriptions::LiteStart;
pub(crate) use subscriptions::LiteTopics;

/// Receives messages of lite topics: small topics by the hundred thousand under one topic, made by the first message that names them
/// ([`Message::lite_topic`](crate::Message::lite_topic)) and gone when nobody has used them for a while. One for each session, device
/// or task, say. (They have nothing to do with [lite pull](crate::LitePullConsumer).)
///
/// Each lite topic is received in order: while messages of it are out, no others of it come, to whichever member. One that is not
/// acknowledged in time comes again first. Members of a group share what they have both subscribed to.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::builder().lite_topic("sessions", &["agents"]).start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// use std::time::Duration;
/// use rocketmq_client::Message;
///
/// let consumer = client.lite_topic_consumer("agents", "sessions").subscribe("42").start().await?;
/// let producer = client.producer("p").start().await?;
/// producer.send(Message::new("sessions", "hello").lite_topic("42")).await?;
/// for received in consumer.receive(16, Duration::from_secs(30)).await? {
///     assert_eq!((received.lite_topic(), &received.body()[..]), (Some("42"), &b"hello"[..]));
///     consumer.ack(&received).await?;
/// }
/// consumer.shutdown().await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
///
/// It needs brokers of 5.5 with `enableLmq`, `enableMultiDispatch` and `storeType=defaultRocksDB`, a topic of type LITE, and a group
/// that is bound to it (`+lite.bind.topic=<topic>`).
#[must_use = "a consumer that is dropped leaves its group"]
pub struct LiteTopicConsumer {
    presence: Presence,
    topic: Arc<str>,
    topics: Arc<LiteTopics>,
    arrivals: Arc<Arrivals>,
    await_duration: Duration,
}

impl LiteTopicConsumer {
    /// The group.
    pub fn group(&self) -> &str {
        self.presence.group()
    }

    /// The topic above the lite topics.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The lite topics that are subscribed to. Brokers may take some away: to give one to another member where the group is set to
    /// share nothing, or because it has expired. [`ClientEvent::LiteTopicTaken`](crate::ClientEvent::LiteTopicTaken) tells.
    pub fn subscriptions(&self) -> BTreeSet<Arc<str>> {
        self.topics.all()
    }

    /// Receives from this lite topic too, from where the group has come to.
    ///
    /// # Errors
    ///
    /// When a broker does not confirm: [`Refused`](crate::ErrorKind::Refused) if there are too many subscriptions. Then this one is
    /// none.
    ///
    /// # Cancel safety
    ///
    /// The subscription may be there or not: see [`subscriptions`](Self::subscriptions).
    pub async fn subscribe(&self, lite_topic: &str) -> Result<(), Error> {
        self.add(lite_topic, None).await
    }

    /// Receives from this lite topic too, from here on: for the whole group.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    ///
    /// # Cancel safety
    ///
    /// As [`subscribe`](Self::subscribe).
    pub async fn subscribe_from(&self, lite_topic: &str, start: LiteStart) -> Result<(), Error> {
        self.add(lite_topic, Some(start)).await
    }

    async fn add(&self, lite_topic: &str, start: Option<LiteStart>) -> Result<(), Error> {
        if lite_topic.is_empty() {
            return Err(Error::invalid("a lite topic without a name"));
        }
        let is_new = self.topics.insert(lite_topic);
        let change = self.topics.change(Action::PartialAdd, [lite_topic.to_owned()], start);
        let told = self.tell(change).await;
        if told.is_err() && is_new {
            // A broker that has taken it learns better with the next round.
            self.topics.remove(lite_topic);
        }
        told
    }

    /// Receives from this lite topic no longer.
    ///
    /// # Errors
    ///
    /// When a broker does not confirm. It learns of it with the next round of subscriptions, within the client's
    /// [`heartbeat_interval`](crate::ClientBuilder::heartbeat_interval).
    ///
    /// # Cancel safety
    ///
    /// As an error.
    pub async fn unsubscribe(&self, lite_topic: &str) -> Result<(), Error> {
        if !self.topics.remove(lite_topic) {
            return Ok(());
        }
        self.tell(self.topics.change(Action::PartialRemove, [lite_topic.to_owned()], None)).await
    }

    async fn tell(&self, change: subscriptions::Change) -> Result<(), Error> {
        self.presence.requests.tell_lite(&self.topics.topic, change, self.presence.deadline()).await
    }

    /// Receives up to `max` messages (1 to 32), which nobody else gets for as long as `invisible` (1 s to 12 h). If there are none, waits
    /// for [as long as it was told](LiteTopicConsumerBuilder::await_duration), and then gives none.
    ///
    /// All brokers are asked at the same time. What the slower ones bring is received by the next call, as long as it is still out
    /// of sight for others.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for numbers out of range, [`TopicNotFound`](crate::ErrorKind::TopicNotFound) when there is
    /// no such topic, otherwise when no broker answers, or all refuse: because the topic is not of type LITE, say, or the group is
    /// bound to another.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what brokers hand out meanwhile is received by the next call.
    pub async fn receive(&self, max: usize, invisible: Duration) -> Result<Vec<Received>, Error> {
        let max_messages = check_receive(max, invisible)?;
        let until = Instant::now() + self.await_duration;
        loop {
            let news = self.arrivals.news();
            let arrived = self.arrivals.take(max);
            if !arrived.is_empty() {
                return Ok(arrived);
            }
            let brokers = self.brokers().await?;
            if let Some(error) = self.arrivals.failure_of_all(&brokers) {
                return Err(error);
            }
            for broker in &brokers {
                self.ask(broker, max_messages, invisible, until);
            }
            let rested = self.arrivals.first_rested(&brokers).unwrap_or(until);
            tokio::select! {
                biased;
                () = news => {}
                () = tokio::time::sleep_until(until) => return Ok(Vec::new()),
                () = tokio::time::sleep_until(rested) => {}
            }
        }
    }

    /// Pops from a broker, unless that is being done.
    fn ask(&self, broker: &Arc<str>, max_messages: u32, invisible: Duration, until: Instant) {
        let requests = self.presence.requests.clone();
        let new_attempt = || requests.core.new_message_id().to_string().into();
        let wait = until.saturating_duration_since(Instant::now());
        let Some(attempt) = self.arrivals.begin(broker, wait, new_attempt) else { return };
        let plan = LitePop {
            topics: Arc::clone(&self.topics),
            broker: Arc::clone(broker),
            max_messages: max_messages.cast_signed(),
            invisible,
            wait,
            attempt,
        };
        let (arrivals, tasks) = (Arc::clone(&self.arrivals), requests.core.tasks.clone());
        let pop = async move {
            tokio::select! {
                popped = requests.pop_lite(&plan) => arrivals.ended(&plan.broker, popped),
                () = tasks.cancelled() => {}
            }
        };
        self.presence.requests.core.tasks.spawn("pop", pop);
    }

    /// The brokers that the topic lies on.
    async fn brokers(&self) -> Result<BTreeSet<Arc<str>>, Error> {
        let routes = &self.presence.requests.core.routes;
        let route = routes.find(&self.topics.topic, self.presence.deadline()).await?;
        let route = route.ok_or_else(|| no_topic(&self.topic))?;
        Ok(route.subscribe_queues().iter().map(|queue| Arc::clone(&queue.broker_name)).collect())
    }

    /// Acknowledges a message: it does not come again, and its lite topic goes on.
    ///
    /// # Errors
    ///
    /// [`Expired`](crate::ErrorKind::Expired) when its time was over before: the broker has been told, but the message may have come again
    /// already. Otherwise when the broker does not confirm.
    ///
    /// # Cancel safety
    ///
    /// The broker may have been told or not.
    pub async fn ack(&self, received: &Received) -> Result<(), Error> {
        self.presence.ack(received).await
    }

    /// Has a message come again after `invisible` from now, sooner or later than it would have.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// The broker may have been told or not.
    pub async fn change_invisible(
        &self,
        received: &mut Received,
        invisible: Duration,
    ) -> Result<(), Error> {
        self.presence.change_invisible(received, invisible).await
    }

    /// Gives all subscriptions back and takes leave of the brokers. Messages that are not acknowledged come again, to another member.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves without a word: brokers notice after a minute.
    pub async fn shutdown(self) {
        self.topics.leave();
        let told = self.tell(self.topics.change(Action::CompleteRemove, [], None)).await;
        if let Err(cause) = told {
            tracing::debug!(group = self.group(), %cause, "could not give subscriptions back");
        }
        self.presence.leave().await;
    }
}

impl fmt::Debug for LiteTopicConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiteTopicConsumer")
            .field("group", &self.group())
            .field("topic", &self.topic())
            .finish_non_exhaustive()
    }
}
