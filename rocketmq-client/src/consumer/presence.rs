//! [`Presence`]: a group in the heartbeats of a client, for consumers that have no machine to speak for them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rocketmq_protocol::{
    body::{ConsumeType, ConsumerData, MessageModel, SubscriptionData},
    names,
};
use tokio::time::Instant;

use super::{Received, requests::Requests};
use crate::{
    Client, Error, ErrorKind, MessageQueue,
    client::{Closes, Closing, Core, Namespace, Role, registry::Signals},
};

/// A consumer group that lives in a client: brokers hear of it and of what it reads, and keep its offsets.
pub(super) struct Presence {
    /// The client lives as long as its consumers.
    client: Client,
    group: Arc<str>,
    pub(super) requests: Requests,
    model: MessageModel,
    subscriptions: Mutex<BTreeMap<String, SubscriptionData>>,
    left: Arc<AtomicBool>,
}

impl Presence {
    /// Joins, unless the client has a consumer of this group already.
    pub(super) fn enter(client: Client, group: Arc<str>) -> Result<Self, Error> {
        Self::enter_with(client, group, MessageModel::Clustering, &Arc::default())
    }

    /// Joins as one who consumes in a way of its own, and wants to hear of news.
    pub(super) fn enter_with(
        client: Client,
        group: Arc<str>,
        model: MessageModel,
        signals: &Arc<Signals>,
    ) -> Result<Self, Error> {
        names::validate_group(&group).map_err(|error| {
            Error::invalid("a consumer group that cannot be used").with_source(error)
        })?;
        let core = Arc::clone(client.core());
        let wire_group = core.namespace().wrap(&group);
        core.registry.add_consumer(&wire_group, signals)?;
        let left = Arc::<AtomicBool>::default();
        let member = Member {
            core: Arc::downgrade(&core),
            group: Arc::clone(&wire_group),
            left: Arc::downgrade(&left),
        };
        core.closers.add(Role::Consumer, member);
        let requests = Requests { core, group: wire_group };
        let subscriptions = Mutex::default();
        let presence = Self { client, group, requests, model, subscriptions, left };
        presence.announce(&BTreeMap::new());
        Ok(presence)
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    pub(super) fn namespace(&self) -> &Namespace {
        self.requests.core.namespace()
    }

    /// By when a request made now is to be answered.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.requests.core.options.request_timeout
    }

    /// Brokers are told that the group reads this, unless they know. A condition is checked by one of them first: pulls by one that
    /// cannot be parsed are answered as if there were none.
    pub(super) async fn reads(&self, data: &SubscriptionData) -> Result<(), Error> {
        let same = |before: &SubscriptionData| {
            (&before.sub_string, before.expression_type) == (&data.sub_string, data.expression_type)
        };
        if self.known().get(&data.topic).is_some_and(same) {
            return Ok(());
        }
        self.requests.check(std::slice::from_ref(data)).await?;
        let mut known = self.known();
        known.insert(data.topic.clone(), data.clone());
        self.announce(&known);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, SubscriptionData>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brokers are told that the group does not read this topic any more.
    pub(super) fn reads_no_longer(&self, topic: &str) {
        let mut known = self.known();
        if known.remove(topic).is_some() {
            self.announce(&known);
        }
    }

    fn announce(&self, subscriptions: &BTreeMap<String, SubscriptionData>) {
        let data = ConsumerData {
            consume_type: ConsumeType::Actively,
            message_model: self.model,
            group_name: self.requests.group.to_string(),
            subscription_data_set: subscriptions.values().cloned().collect(),
            unit_mode: self.requests.core.options.unit_mode,
            ..ConsumerData::default()
        };
        self.requests.core.registry.announce(&self.requests.group, data);
    }

    /// The readable queues of a topic, as the name servers tell them now.
    pub(super) async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, Error> {
        let wire_topic = self.namespace().wrap(&topic.into());
        let route = self.requests.core.routes.refreshed(&wire_topic, self.deadline()).await?;
        let route = route.ok_or_else(|| no_topic(topic))?;
        Ok(self.namespace().unwrap_queues(route.subscribe_queues()))
    }

    /// Acknowledges a message. It is an error if its time was over, though the broker has been told.
    pub(super) async fn ack(&self, received: &Received) -> Result<(), Error> {
        self.requests.ack(&received.ticket()?, self.deadline()).await?;
        received.check_time()
    }

    /// Has a message come again after `invisible` from now.
    pub(super) async fn change_invisible(
        &self,
        received: &mut Received,
        invisible: Duration,
    ) -> Result<(), Error> {
        let (ticket, deadline) = (received.ticket()?, self.deadline());
        let changed = self.requests.change_invisible(&ticket, invisible, deadline).await?;
        let in_time = received.check_time();
        received.renew(changed, Instant::now() + invisible);
        in_time
    }

    /// Tells the brokers that this member leaves, unless the client has done so.
    pub(super) async fn leave(&self) {
        if !self.left.swap(true, Ordering::Relaxed) {
            self.requests.unregister(self.deadline()).await;
        }
    }
}

/// A member as its client sees it: to take leave for, if it has not when the client is shut down.
struct Member {
    core: Weak<Core>,
    group: Arc<str>,
    left: Weak<AtomicBool>,
}

impl Closes for Member {
    fn is_alive(&self) -> bool {
        self.left.upgrade().is_some_and(|left| !left.load(Ordering::Relaxed))
    }

    fn close(&self, deadline: Instant) -> Closing {
        let (core, group) = (self.core.upgrade(), Arc::clone(&self.group));
        let had_left = self.left.upgrade().is_none_or(|left| left.swap(true, Ordering::Relaxed));
        Box::pin(async move {
            if let Some(core) = core.filter(|_| !had_left) {
                Requests { core, group }.unregister(deadline).await;
            }
            0
        })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.left.load(Ordering::Relaxed) {
            self.client.core().registry.remove_consumer(&self.requests.group);
        }
    }
}

pub(super) fn no_topic(topic: &str) -> Error {
    Error::new(ErrorKind::TopicNotFound, format!("topic {topic} does not exist"))
}
