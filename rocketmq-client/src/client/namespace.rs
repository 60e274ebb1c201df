//! Namespaces of the first kind: names in them on the wire, and without them towards the application.

use std::{borrow::Cow, sync::Arc};

use rocketmq_protocol::names::namespace;
use rocketmq_route::MessageQueue;

use super::Core;

impl Core {
    /// The namespace of this client, if it has one.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.options.namespace.as_deref()
    }

    /// The name of a topic or group on the wire.
    pub(crate) fn wrap(&self, name: &Arc<str>) -> Arc<str> {
        match self.namespace().map(|own| namespace::wrap(own, name)) {
            Some(Cow::Owned(wrapped)) => wrapped.into(),
            _ => Arc::clone(name),
        }
    }

    /// The name of a topic or group for the application.
    pub(crate) fn unwrap<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.namespace() {
            Some(own) => namespace::unwrap(own, name),
            None => Cow::Borrowed(name),
        }
    }

    /// The queue for the application.
    pub(crate) fn unwrap_queue(&self, queue: &MessageQueue) -> MessageQueue {
        match self.namespace() {
            None => queue.clone(),
            Some(_) => MessageQueue { topic: self.unwrap(&queue.topic).into(), ..queue.clone() },
        }
    }
}
