//! Namespaces: of the first kind, which names carry on the wire and applications do not see, and of the second, which every request
//! carries beside its names.

use std::{borrow::Cow, sync::Arc};

use rocketmq_consumer::{Config, Snapshot};
use rocketmq_protocol::{
    Command, Text, body::SubscriptionData, header::RpcFields, message::MessageExt, names::namespace,
};
use rocketmq_remoting::RpcHook;
use rocketmq_route::MessageQueue;

/// The namespace of the first kind that a client lives in, if any. Only the façade knows of it: routes, machines and requests have
/// names as they are on the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace(Option<Arc<str>>);

impl Namespace {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(Some(name.into()).filter(|name| !name.is_empty()))
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The name of a topic or group on the wire.
    pub(crate) fn wrap(&self, name: &Arc<str>) -> Arc<str> {
        match self.name().map(|own| namespace::wrap(own, name)) {
            Some(Cow::Owned(wrapped)) => wrapped.into(),
            _ => Arc::clone(name),
        }
    }

    /// The queue on the wire.
    pub(crate) fn wrap_queue<'a>(&self, queue: &'a MessageQueue) -> Cow<'a, MessageQueue> {
        match self.0 {
            None => Cow::Borrowed(queue),
            Some(_) => Cow::Owned(MessageQueue { topic: self.wrap(&queue.topic), ..queue.clone() }),
        }
    }

    /// Queues on the wire.
    pub(crate) fn wrap_queues(
        &self,
        queues: impl IntoIterator<Item = MessageQueue>,
    ) -> Vec<MessageQueue> {
        queues.into_iter().map(|queue| self.wrap_queue(&queue).into_owned()).collect()
    }

    /// Puts the names that a consumer is made of on the wire.
    pub(crate) fn wrap_names(&self, config: &mut Config) {
        config.group = self.wrap(&config.group);
        for data in &mut config.subscriptions {
            *data = self.wrap_subscription(std::mem::take(data));
        }
    }

    /// The subscription on the wire.
    pub(crate) fn wrap_subscription(&self, data: SubscriptionData) -> SubscriptionData {
        match self.name() {
            None => data,
            Some(own) => {
                SubscriptionData { topic: namespace::wrap(own, &data.topic).into_owned(), ..data }
            }
        }
    }

    /// The name of a topic or group for the application.
    pub(crate) fn unwrap<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.name() {
            Some(own) => namespace::unwrap(own, name),
            None => Cow::Borrowed(name),
        }
    }

    /// The topic for the application.
    pub(crate) fn unwrap_topic(&self, topic: &Arc<str>) -> Arc<str> {
        let bare = self.unwrap(topic);
        if bare.len() == topic.len() { Arc::clone(topic) } else { bare.into() }
    }

    /// The queue for the application.
    pub(crate) fn unwrap_queue(&self, queue: &MessageQueue) -> MessageQueue {
        match self.0 {
            None => queue.clone(),
            Some(_) => MessageQueue { topic: self.unwrap_topic(&queue.topic), ..queue.clone() },
        }
    }

    /// Queues for the application.
    pub(crate) fn unwrap_queues(&self, queues: &[MessageQueue]) -> Vec<MessageQueue> {
        queues.iter().map(|queue| self.unwrap_queue(queue)).collect()
    }

    /// The message for the application.
    pub(crate) fn unwrap_message(&self, message: MessageExt) -> MessageExt {
        match self.0 {
            None => message,
            Some(_) => {
                let topic = Text::from(self.unwrap(&message.topic).into_owned());
                MessageExt { topic, ..message }
            }
        }
    }

    /// The state of a group for the application.
    pub(crate) fn unwrap_snapshot(&self, mut snapshot: Snapshot) -> Snapshot {
        if self.0.is_some() {
            for queue in &mut snapshot.queues {
                queue.queue = self.unwrap_queue(&queue.queue);
            }
            let topics = std::mem::take(&mut snapshot.topics);
            let unwrapped =
                topics.into_iter().map(|(topic, tally)| (self.unwrap_topic(&topic), tally));
            snapshot.topics = unwrapped.collect();
        }
        snapshot
    }
}

/// The namespace of the second kind, in every request (`client/rpchook/NamespaceRpcHook.java`).
#[derive(Debug)]
pub(super) struct InNamespace(pub(super) Text);

impl RpcHook for InNamespace {
    fn before_request(&self, _address: &str, request: &mut Command) {
        request.add_fields(&RpcFields {
            namespace: Some(self.0.clone()),
            namespaced: Some(true),
            ..RpcFields::default()
        });
    }
}
