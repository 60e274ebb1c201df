//! [`TopicRoute`]: what a route answer means to producers and to consumers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rocketmq_protocol::{
    Perm,
    body::{QueueData, TopicRouteData},
};

use crate::{MessageQueue, static_topic};

/// The id of a master among the addresses of a broker name.
pub const MASTER: i64 = 0;

/// The queues of one topic, and the addresses of the brokers that serve them.
///
/// Upstream: `client/impl/factory/MQClientInstance.java`, `topicRouteData2TopicPublishInfo` and `topicRouteData2TopicSubscribeInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicRoute {
    publish: Vec<MessageQueue>,
    subscribe: Vec<MessageQueue>,
    brokers: BTreeMap<Arc<str>, Addresses>,
    ordered: bool,
    /// Of a static topic, the broker that holds each queue.
    endpoints: BTreeMap<MessageQueue, Arc<str>>,
}

/// The addresses under one broker name, by broker id.
pub type Addresses = BTreeMap<i64, Arc<str>>;

impl TopicRoute {
    /// Reads a route answer for `topic`. Nothing of the answer is kept but copies of its names.
    pub fn new(topic: &str, data: &TopicRouteData) -> Self {
        let topic: Arc<str> = topic.into();
        let brokers: BTreeMap<Arc<str>, Addresses> = data
            .broker_datas
            .iter()
            .map(|broker| (broker.broker_name.as_str().into(), addresses(&broker.broker_addrs)))
            .collect();
        let mut queues: Vec<&QueueData> = data.queue_datas.iter().collect();
        queues.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
        let order = data.order_topic_conf.as_deref().filter(|conf| !conf.is_empty());
        let mapping = data.topic_queue_mapping_by_broker.as_ref();
        let endpoints =
            mapping.map(|mapping| static_topic::endpoints(&topic, mapping)).unwrap_or_default();
        let logical = || endpoints.keys().cloned().collect::<Vec<_>>();
        Self {
            publish: match order {
                Some(conf) => ordered_queues(&topic, conf),
                None if !endpoints.is_empty() => logical(),
                None => publish_queues(&topic, &queues, &brokers),
            },
            subscribe: match endpoints.is_empty() {
                true => subscribe_queues(&topic, &queues),
                false => logical(),
            },
            brokers,
            ordered: order.is_some(),
            endpoints,
        }
    }

    /// The queues that messages may be sent to: in the order of an order configuration, otherwise by broker name and id.
    pub fn publish_queues(&self) -> &[MessageQueue] {
        &self.publish
    }

    /// Whether messages may be sent to more brokers than one.
    pub fn has_several_brokers(&self) -> bool {
        let ends = self.publish.first().zip(self.publish.last());
        ends.is_some_and(|(first, last)| first.broker_name != last.broker_name)
    }

    /// The queues that messages may be read from, sorted.
    pub fn subscribe_queues(&self) -> &[MessageQueue] {
        &self.subscribe
    }

    /// The addresses by broker name.
    pub fn brokers(&self) -> &BTreeMap<Arc<str>, Addresses> {
        &self.brokers
    }

    /// The broker that holds a queue: of a static topic another than the queue names.
    pub fn broker_of<'a>(&'a self, queue: &'a MessageQueue) -> &'a Arc<str> {
        self.endpoints.get(queue).unwrap_or(&queue.broker_name)
    }

    /// The names of the brokers that messages are sent to.
    pub fn publish_brokers(&self) -> BTreeSet<&Arc<str>> {
        self.publish.iter().map(|queue| self.broker_of(queue)).collect()
    }

    /// Whether the operator has configured the order of the queues to send to.
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Whether neither producers nor consumers find a queue.
    pub fn is_empty(&self) -> bool {
        self.publish.is_empty() && self.subscribe.is_empty()
    }

    /// This route as that of another topic, which does not exist yet and will be created by its first message: at most
    /// `queues` queues on each broker (`updateTopicRouteInfoFromNameServer` with `isDefault`).
    #[must_use]
    pub fn for_new_topic(&self, topic: &str, queues: i32) -> Self {
        let topic: Arc<str> = topic.into();
        let renamed = |found: &[MessageQueue]| -> Vec<MessageQueue> {
            let kept = found.iter().filter(|queue| queue.queue_id < queues);
            kept.map(|queue| MessageQueue { topic: Arc::clone(&topic), ..queue.clone() }).collect()
        };
        Self {
            publish: renamed(&self.publish),
            subscribe: renamed(&self.subscribe),
            brokers: self.brokers.clone(),
            ordered: false,
            endpoints: BTreeMap::new(),
        }
    }
}

fn addresses(by_id: &BTreeMap<i64, String>) -> Addresses {
    by_id.iter().map(|(id, address)| (*id, address.as_str().into())).collect()
}

fn publish_queues(
    topic: &Arc<str>,
    queues: &[&QueueData],
    brokers: &BTreeMap<Arc<str>, Addresses>,
) -> Vec<MessageQueue> {
    let has_master =
        |name: &str| brokers.get(name).is_some_and(|known| known.contains_key(&MASTER));
    let writable = queues
        .iter()
        .filter(|queue| Perm(queue.perm).is_writable() && has_master(&queue.broker_name));
    writable.flat_map(|queue| numbered(topic, &queue.broker_name, queue.write_queue_nums)).collect()
}

fn subscribe_queues(topic: &Arc<str>, queues: &[&QueueData]) -> Vec<MessageQueue> {
    let readable = queues.iter().filter(|queue| Perm(queue.perm).is_readable());
    let mut found: Vec<_> = readable
        .flat_map(|queue| numbered(topic, &queue.broker_name, queue.read_queue_nums))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// `broker:queues`, joined by semicolons. Permissions and masters are not looked at; an item that is none is skipped.
fn ordered_queues(topic: &Arc<str>, conf: &str) -> Vec<MessageQueue> {
    let items = conf.split(';').filter_map(|item| item.trim().rsplit_once(':'));
    let counted = items.filter_map(|(broker, count)| Some((broker, count.parse::<i32>().ok()?)));
    counted.flat_map(|(broker, count)| numbered(topic, broker, count)).collect()
}

/// No broker serves more queues of a topic than this; a larger number is a damaged answer.
const QUEUES_MAX: i32 = 65_536;

fn numbered(
    topic: &Arc<str>,
    broker: &str,
    count: i32,
) -> impl Iterator<Item = MessageQueue> + use<> {
    let (topic, broker): (Arc<str>, Arc<str>) = (Arc::clone(topic), broker.into());
    (0..count.min(QUEUES_MAX)).map(move |queue_id| MessageQueue {
        topic: Arc::clone(&topic),
        broker_name: Arc::clone(&broker),
        queue_id,
    })
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::body::BrokerData;

    use super::*;

    fn queue(broker: &str, perm: i32, read: i32, write: i32) -> QueueData {
        QueueData {
            broker_name: broker.into(),
            perm,
            read_queue_nums: read,
            write_queue_nums: write,
            ..QueueData::default()
        }
    }

    fn broker(name: &str, ids: &[i64]) -> BrokerData {
        BrokerData {
            broker_name: name.into(),
            broker_addrs: ids.iter().map(|id| (*id, format!("{name}:{id}"))).collect(),
            ..BrokerData::default()
        }
    }

    fn data(queues: Vec<QueueData>, brokers: Vec<BrokerData>) -> TopicRouteData {
        TopicRouteData { queue_datas: queues, broker_datas: brokers, ..TopicRouteData::default() }
    }

    #[test]
    fn f30_a_route_is_read_whether_its_keys_are_quoted_or_not() {
        // As 4.9.7 writes it, and as 5.x does when asked for standard JSON.
        let old = r#"{"brokerDatas":[{"brokerAddrs":{0:"a:0",1:"a:1"},"brokerName":"a","cluster":"c"}],"filterServerTable":{},"queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":2,"topicSysFlag":0,"writeQueueNums":2}]}"#;
        let standard = old.replace("{0:", r#"{"0":"#).replace(",1:", r#","1":"#);
        assert_ne!(old, standard);
        for text in [old, &standard] {
            let data: TopicRouteData = rocketmq_protocol::body::decode(text.as_bytes()).unwrap();
            let route = TopicRoute::new("t", &data);
            assert_eq!(names(route.publish_queues()), ["a0", "a1"]);
            assert_eq!(
                route,
                TopicRoute::new(
                    "t",
                    &self::data(vec![queue("a", 6, 2, 2)], vec![broker("a", &[0, 1])])
                )
            );
        }
    }

    fn names(queues: &[MessageQueue]) -> Vec<String> {
        queues.iter().map(|queue| format!("{}{}", queue.broker_name, queue.queue_id)).collect()
    }

    #[test]
    fn only_brokers_with_a_master_are_sent_to() {
        let route = TopicRoute::new(
            "t",
            &data(
                vec![queue("b", 6, 2, 1), queue("a", 6, 1, 2), queue("c", 6, 1, 1)],
                vec![broker("a", &[0, 1]), broker("b", &[0]), broker("c", &[1])],
            ),
        );
        assert_eq!(names(route.publish_queues()), ["a0", "a1", "b0"]);
        assert_eq!(names(route.subscribe_queues()), ["a0", "b0", "b1", "c0"]);
    }

    #[test]
    fn permissions_count() {
        let check = |perm, publish: usize, subscribe: usize| {
            let route =
                TopicRoute::new("t", &data(vec![queue("a", perm, 3, 2)], vec![broker("a", &[0])]));
            let found = (route.publish_queues().len(), route.subscribe_queues().len());
            assert_eq!(found, (publish, subscribe), "perm {perm}");
        };
        check(6, 2, 3);
        check(4, 0, 3);
        check(2, 2, 0);
        check(0, 0, 0);
    }

    #[test]
    fn an_order_configuration_decides_alone() {
        let mut data = data(vec![queue("a", 0, 1, 1)], vec![]);
        data.order_topic_conf = Some("b:2;a:1;broken;c:x".into());
        let route = TopicRoute::new("t", &data);
        assert!(route.is_ordered());
        assert_eq!(names(route.publish_queues()), ["b0", "b1", "a0"]);
    }

    #[test]
    fn a_new_topic_gets_as_many_queues_as_both_sides_allow() {
        let default_topic = data(vec![queue("a", 7, 8, 8)], vec![broker("a", &[0])]);
        let default_topic = TopicRoute::new("TBW102", &default_topic);
        let check = |wanted, expected| {
            let route = default_topic.for_new_topic("t", wanted);
            assert_eq!(route.publish_queues().len(), expected);
            assert!(route.publish_queues().iter().all(|queue| &*queue.topic == "t"));
        };
        check(4, 4);
        check(16, 8);
    }

    #[test]
    fn absurd_counts_do_not_fill_memory() {
        let route =
            TopicRoute::new("t", &data(vec![queue("a", 6, i32::MAX, -1)], vec![broker("a", &[0])]));
        assert_eq!(route.subscribe_queues().len(), 65_536);
        assert_eq!(route.publish_queues().len(), 0);
    }
}
