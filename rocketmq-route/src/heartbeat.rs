//! [`Groups`]: what to tell which broker about this client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rocketmq_protocol::{
    body::{self, ConsumerData, HeartbeatData, ProducerData},
    header::HeartbeatResponseHeader,
};

use crate::{RouteTable, topic_route::MASTER};

/// How often brokers hear from a client (`heartbeatBrokerInterval`). They drop one that is silent for 120 s.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// The group under which every client may send, for messages that consumers hand back themselves (`CLIENT_INNER_PRODUCER_GROUP`).
pub const INNER_PRODUCER_GROUP: &str = "CLIENT_INNER_PRODUCER";

/// The groups that live in a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// Producer groups.
    pub producers: BTreeMap<Arc<str>, ProducerData>,
    /// Consumer groups with their subscriptions.
    pub consumers: BTreeMap<Arc<str>, ConsumerData>,
}

impl Groups {
    /// What all brokers are told. `None`: there is nothing to tell.
    pub fn heartbeat(&self, client_id: &str) -> Option<HeartbeatData> {
        if self.producers.is_empty() && self.consumers.is_empty() {
            return None;
        }
        Some(HeartbeatData {
            client_id: client_id.to_owned(),
            consumer_data_set: self.consumers.values().cloned().collect(),
            producer_data_set: self.producers.values().cloned().collect(),
            ..HeartbeatData::default()
        })
    }

    /// The addresses to tell it to: every one that a route mentions, but masters only while nothing consumes
    /// (`MQClientInstance.sendHeartbeatToAllBrokerV1`).
    pub fn addresses<'a>(&self, routes: &'a RouteTable) -> Vec<&'a Arc<str>> {
        let slaves_too = !self.consumers.is_empty();
        let all = routes.brokers().values().flatten();
        all.filter(|(id, _)| slaves_too || **id == MASTER).map(|(_, address)| address).collect()
    }
}

/// Which brokers hold the subscriptions of this client already, so that a short heartbeat will do
/// (`MQClientInstance.sendHeartbeatToBrokerV2`).
///
/// A broker tells in its answer whether it understands short ones, and whether it held other subscriptions until now. What is
/// remembered lasts for one connection: who has restarted has forgotten everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Briefed(BTreeMap<Arc<str>, i32>);

impl Briefed {
    /// What to tell a broker: all of it, unless it has it.
    pub fn message(&self, address: &str, full: &HeartbeatData) -> HeartbeatData {
        let fingerprint = fingerprint(full);
        let mut message = HeartbeatData { heartbeat_fingerprint: fingerprint, ..full.clone() };
        if self.0.get(address) == Some(&fingerprint) {
            message.without_sub = true;
            for consumer in &mut message.consumer_data_set {
                consumer.subscription_data_set.clear();
            }
        }
        message
    }

    /// A broker has answered a message.
    pub fn answered(
        &mut self,
        address: &Arc<str>,
        message: &HeartbeatData,
        answer: &HeartbeatResponseHeader,
    ) {
        let understood = answer.supports_v2 == Some(true);
        if understood && answer.subscription_changed != Some(true) {
            self.0.insert(Arc::clone(address), message.heartbeat_fingerprint);
        } else {
            self.0.remove(address);
        }
    }

    /// A broker has to be told all of it again: it was reconnected to, or the groups have been rebalanced.
    pub fn forget(&mut self, address: &str) {
        self.0.remove(address);
    }
}

/// A number for the subscriptions of a heartbeat. The same on every member that subscribes to the same: the id of the client and
/// the versions of subscriptions are left out. Never 0, which brokers take for the first kind of heartbeat.
fn fingerprint(full: &HeartbeatData) -> i32 {
    let mut canonical = HeartbeatData {
        client_id: String::new(),
        heartbeat_fingerprint: 0,
        without_sub: false,
        ..full.clone()
    };
    for consumer in &mut canonical.consumer_data_set {
        consumer.subscription_data_set.iter_mut().for_each(|data| data.sub_version = 0);
        consumer.subscription_data_set.sort_by(|a, b| a.topic.cmp(&b.topic));
    }
    // FNV-1a: brokers only compare it, and Java's own hash differs between its versions.
    let hash = body::encode(&canonical)
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.max(1).cast_signed()
}

#[cfg(test)]
mod tests {

    use rocketmq_protocol::body::{BrokerData, QueueData, TopicRouteData};

    use super::*;
    use crate::TopicRoute;

    fn heartbeat(topic: &str, version: i64) -> HeartbeatData {
        use rocketmq_protocol::body::SubscriptionData;
        let subscription = SubscriptionData {
            topic: topic.into(),
            sub_version: version,
            ..SubscriptionData::default()
        };
        let consumer = ConsumerData {
            group_name: "g".into(),
            subscription_data_set: vec![subscription],
            ..ConsumerData::default()
        };
        HeartbeatData {
            client_id: "id".into(),
            consumer_data_set: vec![consumer],
            ..HeartbeatData::default()
        }
    }

    #[test]
    fn f19_a_broker_that_asks_for_all_of_it_gets_all_of_it() {
        let (mut briefed, address) = (Briefed::default(), Arc::from("b:1"));
        let answer = |supports_v2, subscription_changed| HeartbeatResponseHeader {
            supports_v2: Some(supports_v2),
            subscription_changed: Some(subscription_changed),
        };
        let full = heartbeat("t", 1);
        let is_short =
            |briefed: &Briefed, full: &HeartbeatData| briefed.message("b:1", full).without_sub;
        let message = briefed.message("b:1", &full);
        assert!(!message.without_sub && message.heartbeat_fingerprint != 0);
        briefed.answered(&address, &message, &answer(true, false));
        assert!(is_short(&briefed, &full));
        assert!(is_short(&briefed, &heartbeat("t", 2)), "a version is no news");
        assert!(!is_short(&briefed, &heartbeat("other", 1)));

        briefed.answered(&address, &message, &answer(true, true));
        assert!(!is_short(&briefed, &full), "it held another subscription");
        briefed.answered(&address, &message, &answer(true, false));
        briefed.forget("b:1");
        assert!(!is_short(&briefed, &full), "it was reconnected to");
        briefed.answered(&address, &message, &answer(false, false));
        briefed.answered(&address, &message, &HeartbeatResponseHeader::default());
        assert!(!is_short(&briefed, &full), "it does not understand short ones");
    }

    #[test]
    fn slaves_hear_of_consumers_only() {
        let mut routes = RouteTable::default();
        let broker = BrokerData {
            broker_name: "a".into(),
            broker_addrs: BTreeMap::from([(0, "m:1".into()), (1, "s:1".into())]),
            ..BrokerData::default()
        };
        let queue = QueueData {
            broker_name: "a".into(),
            perm: 6,
            read_queue_nums: 1,
            ..QueueData::default()
        };
        let data = TopicRouteData {
            broker_datas: vec![broker],
            queue_datas: vec![queue],
            ..TopicRouteData::default()
        };
        routes.apply(&Arc::from("t"), TopicRoute::new("t", &data), crate::any_instant());

        let mut groups = Groups::default();
        assert_eq!(groups.heartbeat("id"), None);
        groups.producers.insert("p".into(), ProducerData { group_name: "p".into() });
        assert_eq!(groups.addresses(&routes), [&Arc::from("m:1")]);
        groups
            .consumers
            .insert("c".into(), ConsumerData { group_name: "c".into(), ..ConsumerData::default() });
        assert_eq!(groups.addresses(&routes), [&Arc::from("m:1"), &Arc::from("s:1")]);
        let heartbeat = groups.heartbeat("id").unwrap();
        assert_eq!((heartbeat.consumer_data_set.len(), heartbeat.producer_data_set.len()), (1, 1));
    }
}
