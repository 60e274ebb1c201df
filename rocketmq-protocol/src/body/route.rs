//! Who serves which topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TopicQueueMappingInfo;

/// Who serves the queues of a topic (`remoting/protocol/route/TopicRouteData.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicRouteData {
    /// The brokers.
    pub broker_datas: Vec<BrokerData>,
    /// Historic.
    pub filter_server_table: BTreeMap<String, Vec<String>>,
    /// `broker:queues`, joined by semicolons: the queues to send to, in their order, for topics configured so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_topic_conf: Option<String>,
    /// The queues of each broker.
    pub queue_datas: Vec<QueueData>,
    /// Which queues of a static topic each broker holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_queue_mapping_by_broker: Option<BTreeMap<String, TopicQueueMappingInfo>>,
}

/// The addresses under one broker name (`remoting/protocol/route/BrokerData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerData {
    /// `host:port` by broker id; 0 is the master.
    pub broker_addrs: BTreeMap<i64, String>,
    /// The name.
    pub broker_name: String,
    /// The cluster it belongs to.
    pub cluster: String,
    /// Whether a slave takes over reading and locking when the master is gone (5.x).
    pub enable_acting_master: bool,
    /// The zone it is in (5.x).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
}

/// The queues of a topic on one broker (`remoting/protocol/route/QueueData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueData {
    /// The broker's name.
    pub broker_name: String,
    /// 4 to read, 2 to write, 1 to inherit.
    pub perm: i32,
    /// Queues that can be read.
    pub read_queue_nums: i32,
    /// Of the topic; `topicSynFlag` before 4.9.0.
    #[serde(alias = "topicSynFlag")]
    pub topic_sys_flag: i32,
    /// Queues that can be written.
    pub write_queue_nums: i32,
}

/// Every cluster and broker that a name server knows (`remoting/protocol/body/ClusterInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterInfo {
    /// The addresses by broker name.
    pub broker_addr_table: BTreeMap<String, BrokerData>,
    /// The broker names by cluster.
    pub cluster_addr_table: BTreeMap<String, Vec<String>>,
}

/// The addresses under one broker name, asked for by it (`remoting/protocol/body/BrokerMemberGroup.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerMemberGroup {
    /// `host:port` by broker id; 0 is the master.
    pub broker_addrs: BTreeMap<i64, String>,
    /// The name.
    pub broker_name: String,
    /// The cluster it belongs to.
    pub cluster: String,
}

/// The answer to that question (`GetBrokerMemberGroupResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetBrokerMemberGroupResponseBody {
    /// No addresses, if nobody knows the broker.
    pub broker_member_group: BrokerMemberGroup,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;

    #[test]
    fn routes_are_read_as_old_and_new_name_servers_write_them() {
        let check = |key: &str| {
            let text = format!(
                r#"{{"brokerDatas":[{{"brokerAddrs":{{{key}:"10.0.0.1:10911"}},"brokerName":"broker-a","cluster":"c"}}],
                "filterServerTable":null,"queueDatas":[{{"brokerName":"broker-a","perm":6,"readQueueNums":8,
                "topicSynFlag":1,"writeQueueNums":4}}],"unknown":1}}"#
            );
            let route: TopicRouteData = body::decode(text.as_bytes()).unwrap();
            assert_eq!(route.broker_datas[0].broker_addrs[&0], "10.0.0.1:10911");
            assert_eq!(route.queue_datas[0].topic_sys_flag, 1);
            assert_eq!(route.queue_datas[0].write_queue_nums, 4);
        };
        check("0");
        check("\"0\"");
    }

    #[test]
    fn routes_are_written_as_strict_json() {
        let broker = BrokerData {
            broker_addrs: BTreeMap::from([(0, "h:1".into())]),
            broker_name: "a".into(),
            ..BrokerData::default()
        };
        let route = TopicRouteData { broker_datas: vec![broker], ..TopicRouteData::default() };
        assert_eq!(
            body::encode(&route),
            r#"{"brokerDatas":[{"brokerAddrs":{"0":"h:1"},"brokerName":"a","cluster":"","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[]}"#
        );
    }
}
