//! [`SimpleConsumer`]: messages received on demand and acknowledged one by one, by POP.

mod builder;
mod received;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_consumer::pop::Popped;
use rocketmq_protocol::{
    Text, body::SubscriptionData, message::MessageExt, pop::Receipt, subscription,
};
use tokio::{task::JoinSet, time::Instant};

pub(super) use builder::LONGEST_INVISIBLE;
pub use builder::SimpleConsumerBuilder;
pub use received::Received;
pub(super) use received::opened;

use super::{
    Filter,
    popping::{ANY_QUEUE, PopPlan, Ticket},
    presence::{Presence, no_topic},
};
use crate::{Error, MessageQueue, spans};

/// How much longer than it may wait a broker may take to answer, as in Java.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Receives messages when the application asks for some. Each is out of sight for others for a while, and comes again unless it is
/// acknowledged by then: members need not share queues out, and one slow message holds no other back.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::builder().topic("orders", 1).start().await.unwrap();
/// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
/// # let producer = client.producer("p").start().await?;
/// # producer.send(rocketmq_client::Message::new("orders", "hello")).await?;
/// use std::time::Duration;
///
/// let consumer = client.simple_consumer("billing").subscribe("orders", "*").start().await?;
/// for mut received in consumer.receive(16, Duration::from_secs(30)).await? {
///     if received.body().is_empty() {
///         consumer.change_invisible(&mut received, Duration::from_secs(300)).await?;
///     } else {
///         consumer.ack(&received).await?;
///     }
/// }
/// consumer.shutdown().await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
///
/// It needs brokers from 5.0 on.
#[must_use = "a consumer that is dropped leaves its group"]
pub struct SimpleConsumer {
    presence: Presence,
    options: builder::Options,
    subscriptions: Mutex<BTreeMap<Arc<str>, Arc<SubscriptionData>>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    /// Attempts at orderly pops that have not been answered: to be made again under the same name, or their queues stay blocked.
    unanswered: Mutex<BTreeMap<MessageQueue, Text>>,
}

/// A topic on a broker, with what is wanted of it.
#[derive(Clone)]
struct Source {
    queue: MessageQueue,
    subscription: Arc<SubscriptionData>,
}

impl SimpleConsumer {
    /// The group.
    pub fn group(&self) -> &str {
        self.presence.group()
    }

    /// Receives from this topic too, or by another filter than before.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a topic or an expression that cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Nothing has changed if the future is dropped.
    pub async fn subscribe(&self, topic: &str, filter: impl Into<Filter>) -> Result<(), Error> {
        let data = filter.into().subscription(topic)?;
        self.reads(self.presence.namespace().wrap_subscription(data)).await
    }

    /// Receives from this topic no longer. Whether it was subscribed.
    pub fn unsubscribe(&self, topic: &str) -> bool {
        let topic = self.presence.namespace().wrap(&topic.into());
        self.presence.reads_no_longer(&topic);
        self.subscriptions().remove(&topic).is_some()
    }

    async fn reads(&self, data: SubscriptionData) -> Result<(), Error> {
        self.presence.reads(&data).await?;
        self.subscriptions().insert(data.topic.as_str().into(), Arc::new(data));
        Ok(())
    }

    /// Receives up to `max` messages (1 to 32), which nobody else gets for as long as `invisible` (1 s to 12 h). If there are none, waits for [as long as it was told](SimpleConsumerBuilder::await_duration), and then
    /// gives none.
    ///
    /// Topics and brokers have their turns. Messages that cannot be read are among those received, see [`Received::message`]; those
    /// whose tag is not wanted though its hash is are acknowledged unseen.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for numbers out of range, and without a subscription;
    /// [`TopicNotFound`](crate::ErrorKind::TopicNotFound) when none of the topics exists; otherwise when no broker answers.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what a broker had handed out already comes again when `invisible` is over.
    pub async fn receive(&self, max: usize, invisible: Duration) -> Result<Vec<Received>, Error> {
        let requests = &self.presence.requests;
        let span = spans::Consumer::new(&requests.core, &requests.group).receive(None);
        let outcome = spans::within(&span, pin!(self.look_for(max, invisible))).await;
        spans::received(&span, &outcome, Vec::len);
        outcome
    }

    async fn look_for(&self, max: usize, invisible: Duration) -> Result<Vec<Received>, Error> {
        let max_messages = check_receive(max, invisible)?;
        let until = Instant::now() + self.options.await_duration;
        let mut pause = FIRST_PAUSE;
        loop {
            let sources = self.sources().await?;
            let received = self.sweep(&sources, max_messages, invisible, until).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !received.is_empty() || left.is_zero() {
                return Ok(received);
            }
            if sources.len() > 1 {
                self.any_has_messages(&sources, left).await;
            }
            // A broker that promises messages and has none, or does not wait, is not asked without end.
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks one source after the other until one has something. A single one may take its time; of several none may keep the others
    /// waiting.
    async fn sweep(
        &self,
        sources: &[Source],
        max_messages: u32,
        invisible: Duration,
        until: Instant,
    ) -> Result<Vec<Received>, Error> {
        let mut failed = None;
        for source in sources {
            let wait = match sources {
                [_] => until.saturating_duration_since(Instant::now()),
                _ => Duration::ZERO,
            };
            match self.pop(source, max_messages, invisible, wait).await {
                Ok(received) if received.is_empty() => {}
                Ok(received) => return Ok(received),
                Err(error) => failed = Some(error),
            }
        }
        // One broker may be down while others are well; whoever has nothing but a failure to tell tells it.
        match failed {
            Some(error) if sources.len() == 1 || until <= Instant::now() => Err(error),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    async fn pop(
        &self,
        source: &Source,
        max_messages: u32,
        invisible: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, Error> {
        let plan = PopPlan {
            queue: &source.queue,
            max_messages,
            invisible,
            wait,
            from_first: self.options.from_first,
            subscription: &source.subscription,
            attempt: self.options.ordered.then(|| self.attempt(&source.queue)),
        };
        let popped = self.presence.requests.pop(&plan, Instant::now() + wait + ANSWER_TIME).await;
        // An answer ends the attempt. Without one the broker may have handed out messages.
        if popped.as_ref().err().is_none_or(|error| error.response_code().is_some()) {
            self.unanswered().remove(&source.queue);
        }
        let expires = Instant::now() + invisible;
        let namespace = self.presence.namespace();
        let topic = namespace.unwrap_topic(&source.queue.topic);
        let mut received = Vec::new();
        for Popped { content, receipt, .. } in popped? {
            let content = match content {
                Ok(stored) if !wants(&source.subscription, &stored) => {
                    self.ack_unwanted(&source.queue.topic, receipt);
                    continue;
                }
                content => opened(content, namespace),
            };
            let (topic, wire_topic) = (Arc::clone(&topic), Arc::clone(&source.queue.topic));
            let one = Received { content, receipt, topic, wire_topic, is_lite: false, expires };
            received.push(one);
        }
        Ok(received)
    }

    /// The name of the attempt to pop from a queue: a new one, unless the last was not answered.
    fn attempt(&self, queue: &MessageQueue) -> Text {
        let mut unanswered = self.unanswered();
        let new = || Text::from(self.presence.requests.core.new_message_id().to_string());
        unanswered.entry(queue.clone()).or_insert_with(new).clone()
    }

    /// Nobody waits for it: a message that is not acknowledged comes again, and is not wanted again.
    fn ack_unwanted(&self, topic: &Arc<str>, receipt: Option<Receipt>) {
        let Some(receipt) = receipt else { return };
        let (requests, topic, deadline) =
            (self.presence.requests.clone(), Arc::clone(topic), self.presence.deadline());
        let acknowledged = async move {
            let ticket = Ticket::new(&topic, &receipt);
            if let Err(cause) = requests.ack(&ticket, deadline).await {
                tracing::debug!(%topic, %cause, "a message that is not wanted comes again");
            }
        };
        self.presence.requests.core.tasks.spawn("ack", acknowledged);
    }

    /// Waits until one of several sources has something, without taking anything.
    async fn any_has_messages(&self, sources: &[Source], wait: Duration) {
        let mut asked = JoinSet::new();
        for source in sources.iter().cloned() {
            let requests = self.presence.requests.clone();
            let ordered = self.options.ordered;
            asked.spawn(async move {
                let plan = PopPlan {
                    queue: &source.queue,
                    max_messages: 1,
                    invisible: Duration::ZERO,
                    wait,
                    from_first: false,
                    subscription: &source.subscription,
                    attempt: ordered.then(Text::default),
                };
                requests.has_messages(&plan, Instant::now() + wait + ANSWER_TIME).await
            });
        }
        let found = async {
            while let Some(answer) = asked.join_next().await {
                if matches!(answer, Ok(Ok(true))) {
                    return;
                }
            }
            // Nobody could be asked: later.
            std::future::pending::<()>().await;
        };
        let _elapsed = tokio::time::timeout(wait, found).await;
    }

    /// Acknowledges a message: it does not come again.
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

    /// Acknowledges messages, those of one broker in one request.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack), for the first one that failed. All others have been tried.
    ///
    /// # Cancel safety
    ///
    /// The brokers may have been told or not.
    pub async fn ack_all(
        &self,
        received: impl IntoIterator<Item = &Received>,
    ) -> Result<(), Error> {
        let mut of_brokers = BTreeMap::<&str, Vec<Ticket<'_>>>::new();
        let mut outcome = Ok(());
        for received in received {
            let in_time = received.ticket().and_then(|ticket| {
                of_brokers.entry(&ticket.receipt.broker_name).or_default().push(ticket);
                received.check_time()
            });
            outcome = outcome.and(in_time);
        }
        for (broker, tickets) in of_brokers {
            let deadline = self.presence.deadline();
            let told = self.presence.requests.ack_together(broker, &tickets, deadline).await;
            outcome = told.and(outcome);
        }
        outcome
    }

    /// Has a message come again after `invisible` from now, sooner or later than it would have: more time for one that takes long, or
    /// another try soon for one that failed.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    ///
    /// # Cancel safety
    ///
    /// The broker may have been told or not. If it was, the receipt that `received` holds is void, and the message comes again.
    #[doc(alias = "changeInvisibleDuration")]
    pub async fn change_invisible(
        &self,
        received: &mut Received,
        invisible: Duration,
    ) -> Result<(), Error> {
        self.presence.change_invisible(received, invisible).await
    }

    /// Takes leave of the brokers. Messages that are neither acknowledged nor out of time can still come again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves without a word.
    pub async fn shutdown(self) {
        self.presence.leave().await;
    }

    /// Every topic on every broker, another one first each time.
    async fn sources(&self) -> Result<Vec<Source>, Error> {
        let subscriptions: Vec<_> = self.subscriptions().values().cloned().collect();
        let mut sources = Vec::new();
        let mut missing = None;
        for subscription in subscriptions {
            let topic = Arc::<str>::from(subscription.topic.as_str());
            let routes = &self.presence.requests.core.routes;
            let Some(route) = routes.find(&topic, self.presence.deadline()).await? else {
                missing = Some(no_topic(&topic));
                continue;
            };
            let brokers: BTreeSet<_> =
                route.subscribe_queues().iter().map(|queue| &queue.broker_name).collect();
            sources.extend(brokers.into_iter().map(|broker| Source {
                queue: MessageQueue::new(Arc::clone(&topic), Arc::clone(broker), ANY_QUEUE),
                subscription: Arc::clone(&subscription),
            }));
        }
        if sources.is_empty() {
            return Err(
                missing.unwrap_or_else(|| Error::invalid("a consumer without a subscription"))
            );
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % sources.len();
        sources.rotate_left(first);
        Ok(sources)
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<SubscriptionData>>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unanswered(&self) -> MutexGuard<'_, BTreeMap<MessageQueue, Text>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many messages a call may ask for, and for how long nobody else gets them.
pub(super) fn check_receive(max: usize, invisible: Duration) -> Result<u32, Error> {
    let max_messages = u32::try_from(max).ok().filter(|max| (1..=32).contains(max));
    let max_messages =
        max_messages.ok_or_else(|| Error::invalid("1 to 32 messages can be received"))?;
    if invisible < Duration::from_secs(1) || invisible > LONGEST_INVISIBLE {
        return Err(Error::invalid("messages can be invisible for 1 s to 12 h"));
    }
    Ok(max_messages)
}

fn wants(data: &SubscriptionData, message: &MessageExt) -> bool {
    subscription::wants(data, &message.properties)
}

impl fmt::Debug for SimpleConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleConsumer").field("group", &self.group()).finish_non_exhaustive()
    }
}
