//! [`Groups`]: what to tell which broker about this client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rocketmq_protocol::body::{ConsumerData, HeartbeatData, ProducerData};

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

#[cfg(test)]
mod tests {

    use rocketmq_protocol::body::{BrokerData, QueueData, TopicRouteData};

    use super::*;
    use crate::TopicRoute;

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
