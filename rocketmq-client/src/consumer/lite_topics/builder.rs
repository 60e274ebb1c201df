//! [`LiteTopicConsumerBuilder`]: options of a consumer of lite topics.

use std::{sync::Arc, time::Duration};

use rocketmq_protocol::{body::MessageModel, names, subscription};

use super::{LiteTopicConsumer, LiteTopics, subscriptions};
use crate::{
    Call, Client, Error,
    client::registry::Signals,
    consumer::{presence::Presence, simple::LONGEST_INVISIBLE},
};

/// Options of a [`LiteTopicConsumer`]. Ends with [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a consumer does nothing until `start`"]
pub struct LiteTopicConsumerBuilder {
    client: Client,
    group: Arc<str>,
    topic: Arc<str>,
    lite_topics: Vec<String>,
    await_duration: Duration,
}

impl LiteTopicConsumerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>, topic: Arc<str>) -> Self {
        let await_duration = Duration::from_secs(15);
        Self { client, group, topic, lite_topics: Vec::new(), await_duration }
    }

    /// Receives from this lite topic, from where the group has come to. Others may follow
    /// [later](LiteTopicConsumer::subscribe).
    pub fn subscribe(mut self, lite_topic: impl Into<String>) -> Self {
        self.lite_topics.push(lite_topic.into());
        self
    }

    /// How long [`receive`](LiteTopicConsumer::receive) waits for messages when there are none. Default 15 s.
    pub fn await_duration(mut self, wait: Duration) -> Self {
        self.await_duration = wait.min(LONGEST_INVISIBLE);
        self
    }

    /// Starts the consumer, and subscribes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for names that cannot be used, and for a group that already has a consumer in this
    /// client; those of [`subscribe`](LiteTopicConsumer::subscribe).
    ///
    /// # Cancel safety
    ///
    /// The subscriptions may be there for a minute.
    pub fn start(self) -> Call<'static, LiteTopicConsumer> {
        Call::new(self.launch())
    }

    async fn launch(self) -> Result<LiteTopicConsumer, Error> {
        names::validate_topic(&self.topic)
            .map_err(|error| Error::invalid("a topic that cannot be used").with_source(error))?;
        let everything = subscription::tags(&self.topic, subscription::ALL, 0)
            .map_err(|error| Error::invalid("a topic that cannot be used").with_source(error))?;
        let signals = Arc::<Signals>::default();
        let (model, client) = (MessageModel::LiteSelective, self.client);
        let presence = Presence::enter_with(client, self.group, model, &signals)?;
        let core = Arc::clone(&presence.requests.core);
        let group = &presence.requests.group;
        let wire_topic = core.namespace().wrap(&self.topic);
        let topics = Arc::new(LiteTopics::new(&core.id, group, wire_topic));
        core.registry.lite_topics(group, &topics);
        let consumer = LiteTopicConsumer {
            presence,
            topic: self.topic,
            topics,
            arrivals: Arc::default(),
            await_duration: self.await_duration,
        };
        consumer.presence.reads(&core.namespace().wrap_subscription(everything)).await?;
        for lite_topic in &self.lite_topics {
            consumer.subscribe(lite_topic).await?;
        }
        let requests = consumer.presence.requests.clone();
        let rounds = subscriptions::rounds(requests, Arc::downgrade(&consumer.topics), signals);
        core.tasks.spawn("lite topics", rounds);
        Ok(consumer)
    }
}
