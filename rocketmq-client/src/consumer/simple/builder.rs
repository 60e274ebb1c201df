//! [`SimpleConsumerBuilder`]: options of a simple consumer.

use std::{
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use rocketmq_protocol::body::SubscriptionData;

use super::SimpleConsumer;
use crate::{
    Call, Client, Error,
    consumer::{Filter, StartFrom, presence::Presence},
};

/// Longer than any broker takes a message for alive.
pub(in crate::consumer) const LONGEST_INVISIBLE: Duration = Duration::from_secs(12 * 60 * 60);

/// Options of a [`SimpleConsumer`]. Ends with [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a consumer does nothing until `start`"]
pub struct SimpleConsumerBuilder {
    client: Client,
    group: Arc<str>,
    subscriptions: Vec<SubscriptionData>,
    start_from: StartFrom,
    await_duration: Duration,
    ordered: bool,
    problem: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) from_first: bool,
    pub(super) await_duration: Duration,
    pub(super) ordered: bool,
}

impl SimpleConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        Self {
            client,
            group,
            subscriptions: Vec::new(),
            start_from: StartFrom::Last,
            await_duration: Duration::from_secs(15),
            ordered: false,
            problem: None,
        }
    }

    /// Receives from a topic: all of it (`*`), messages with one of these tags (`a || b`), or those of another [`Filter`].
    pub fn subscribe(mut self, topic: &str, filter: impl Into<Filter>) -> Self {
        match filter.into().subscription(topic) {
            Ok(data) => self.subscriptions.push(data),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// Where a group starts that has never received anything: at the first message or behind the last. POP knows no times. Default
    /// [`StartFrom::Last`]; of a young queue, whose first message it has in memory, a broker gives everything even so.
    pub fn start_from(mut self, from: StartFrom) -> Self {
        self.start_from = from;
        self
    }

    /// How long [`receive`](SimpleConsumer::receive) waits for messages when there are none. Default 15 s, as Java's POP does.
    pub fn await_duration(mut self, wait: Duration) -> Self {
        self.await_duration = wait;
        self
    }

    /// Receives each queue in order: one batch of it is out at a time, for all members. A message that is not acknowledged in time
    /// comes again before those behind it. Retries do not move to another topic.
    pub fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// Starts the consumer. The next heartbeat tells the brokers of its group.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for names, expressions and options that cannot be used, and for a group that already has
    /// a consumer in this client.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened if the future is dropped.
    pub fn start(self) -> Call<'static, SimpleConsumer> {
        Call::new(self.launch())
    }

    async fn launch(self) -> Result<SimpleConsumer, Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if matches!(self.start_from, StartFrom::Timestamp(_)) {
            return Err(Error::invalid("a simple consumer cannot start from a time"));
        }
        let options = Options {
            from_first: self.start_from == StartFrom::First,
            await_duration: self.await_duration.min(LONGEST_INVISIBLE),
            ordered: self.ordered,
        };
        let consumer = SimpleConsumer {
            presence: Presence::enter(self.client, self.group)?,
            options,
            subscriptions: Mutex::default(),
            turn: AtomicUsize::new(0),
            unanswered: Mutex::default(),
        };
        for data in self.subscriptions {
            consumer.reads(consumer.presence.namespace().wrap_subscription(data)).await?;
        }
        Ok(consumer)
    }
}
