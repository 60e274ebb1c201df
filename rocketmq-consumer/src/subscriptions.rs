//! What the group reads, and what is known about each topic.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::body::SubscriptionData;
use rocketmq_route::MessageQueue;

use crate::rebalance::java_queue_order;

/// All topics of a group, its retry topic among them.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    topics: BTreeMap<Arc<str>, Topic>,
}

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// As told in heartbeats. Its version rises with every change of the queues held, so that a broker which heard
    /// something else from another member takes ours (`RebalanceImpl.messageQueueChanged`).
    pub(crate) announced: Arc<SubscriptionData>,
    /// The version that the expression has been valid since: what pulls ask for, because a broker refuses a pull whose
    /// version it has not yet seen in a heartbeat.
    pub(crate) version: i64,
    /// Its readable queues, sorted, once a route has come.
    pub(crate) queues: Option<Arc<[MessageQueue]>>,
    /// When the first route came, in milliseconds since the Unix epoch, and the queues in it.
    first: Option<(i64, Arc<[MessageQueue]>)>,
    /// The question that the queues held are the answer to.
    pub(crate) settled: Option<Question>,
    /// How many queues of it are held.
    pub(crate) held: usize,
    /// A broker has said that it is to be popped.
    pub(crate) popped: bool,
    doubts: Doubts,
}

/// When brokers did not know the subscription: what they are told is told once more, and that should be it.
#[derive(Debug, Clone, Copy, Default)]
struct Doubts {
    last: Option<Instant>,
    before: Option<Instant>,
}

/// What all queues of a topic run into at once is one doubt.
const SAME_DOUBT: Duration = Duration::from_secs(1);

/// Three doubts within this time are no accident.
const CONTEST: Duration = Duration::from_secs(5 * 60);

impl Topic {
    fn new(data: Arc<SubscriptionData>, version: i64) -> Self {
        Self {
            announced: data,
            version,
            queues: None,
            first: None,
            settled: None,
            held: 0,
            popped: false,
            doubts: Doubts::default(),
        }
    }

    /// Of a queue that this member has not found there when it began: since when it has been reading the topic.
    pub(crate) fn older_than(&self, queue: &MessageQueue) -> Option<i64> {
        let (since, queues) = self.first.as_ref()?;
        let is_known = queues.binary_search_by(|known| java_queue_order(known, queue)).is_ok();
        (!is_known).then_some(*since)
    }

    /// A broker did not know the subscription. The answer says whether that happens over and over.
    pub(crate) fn doubt(&mut self, now: Instant) -> bool {
        let Doubts { last, before } = self.doubts;
        if last.is_some_and(|last| now.saturating_duration_since(last) < SAME_DOUBT) {
            return false;
        }
        self.doubts = Doubts { last: Some(now), before: last };
        let contested = before.is_some_and(|at| now.saturating_duration_since(at) < CONTEST);
        if contested {
            self.doubts.before = None;
        }
        contested
    }
}

/// What an allocation depends on. Compared by identity: the lists are kept while they do not change.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) queues: Arc<[MessageQueue]>,
    pub(crate) members: Arc<[Arc<str>]>,
}

impl Question {
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.queues, &other.queues) && Arc::ptr_eq(&self.members, &other.members)
    }
}

impl Subscriptions {
    /// Adds a topic, or changes its expression, with a version higher than any before. The answer is its name, if it is
    /// new.
    pub(crate) fn add(&mut self, data: SubscriptionData, wall: i64) -> Option<Arc<str>> {
        let name = Arc::<str>::from(data.topic.as_str());
        let before = self.topics.get(&name).map(|topic| topic.announced.sub_version);
        let version = before.map_or(wall, |before| wall.max(before.saturating_add(1)));
        let data = Arc::new(SubscriptionData { sub_version: version, ..data });
        if let Some(topic) = self.topics.get_mut(&name) {
            topic.announced = data;
            topic.version = version;
            return None;
        }
        self.topics.insert(Arc::clone(&name), Topic::new(data, version));
        Some(name)
    }

    /// Removes a topic. The answer says whether it was there.
    pub(crate) fn remove(&mut self, topic: &str) -> bool {
        self.topics.remove(topic).is_some()
    }

    /// Takes note of a route. The answer says whether it told anything new.
    pub(crate) fn route(&mut self, topic: &str, mut queues: Vec<MessageQueue>, wall: i64) -> bool {
        let Some(topic) = self.topics.get_mut(topic) else { return false };
        queues.sort_by(java_queue_order);
        queues.dedup();
        if topic.queues.as_deref() == Some(&*queues) {
            return false;
        }
        let queues: Arc<[_]> = queues.into();
        topic.first.get_or_insert_with(|| (wall, Arc::clone(&queues)));
        topic.queues = Some(queues);
        true
    }

    /// Raises the announced version of a topic; the wall clock may go back, a version may not.
    pub(crate) fn renew(&mut self, topic: &str, wall: i64) {
        if let Some(topic) = self.topics.get_mut(topic) {
            let announced = Arc::make_mut(&mut topic.announced);
            announced.sub_version = announced.sub_version.max(wall);
        }
    }

    pub(crate) fn topic(&self, topic: &str) -> Option<&Topic> {
        self.topics.get(topic)
    }

    pub(crate) fn topic_mut(&mut self, topic: &str) -> Option<&mut Topic> {
        self.topics.get_mut(topic)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Topic)> {
        self.topics.iter()
    }
}
