//! Figures about topics, groups and brokers. Rates are per second, times milliseconds since 1970.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MessageQueue, QueueTable, SubscriptionData};

/// How far a group has consumed (`remoting/protocol/admin/ConsumeStats.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages.
    pub consume_tps: f64,
    /// Each queue.
    pub offset_table: QueueTable<OffsetWrapper>,
}

/// How far a group has consumed one queue (`remoting/protocol/admin/OffsetWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetWrapper {
    /// One past the last offset of the queue.
    pub broker_offset: i64,
    /// The offset that the group has stored.
    pub consumer_offset: i64,
    /// When the message before that one was stored.
    pub last_timestamp: i64,
    /// The offset that the group has asked for last (5.x).
    pub pull_offset: i64,
}

/// How far every group of a broker has consumed (`ConsumeStatsList.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStatsList {
    /// The broker.
    pub broker_addr: String,
    /// By group, one a map.
    pub consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    /// Messages not consumed yet.
    pub total_diff: i64,
    /// Messages asked for and not consumed yet (5.x).
    pub total_inflight_diff: i64,
}

/// How far a topic goes (`remoting/protocol/admin/TopicStatsTable.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStatsTable {
    /// Each queue.
    pub offset_table: QueueTable<TopicOffset>,
    /// Messages stored (5.x).
    pub topic_put_tps: f64,
}

/// How far a queue goes (`remoting/protocol/admin/TopicOffset.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicOffset {
    /// When the last message was stored.
    pub last_update_timestamp: i64,
    /// One past the last offset.
    pub max_offset: i64,
    /// The first offset.
    pub min_offset: i64,
}

/// One figure of a broker (`BrokerStatsData.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStatsData {
    /// Of the last day.
    pub stats_day: BrokerStatsItem,
    /// Of the last hour.
    pub stats_hour: BrokerStatsItem,
    /// Of the last minute.
    pub stats_minute: BrokerStatsItem,
}

/// A figure over a time (`BrokerStatsItem.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStatsItem {
    /// How much at a time.
    pub avgpt: f64,
    /// How much in all.
    pub sum: i64,
    /// How often.
    pub tps: f64,
}

/// How old the messages are that a group is at (`QueryConsumeTimeSpanBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeTimeSpanBody {
    /// Each queue.
    pub consume_time_span_set: Vec<QueueTimeSpan>,
}

/// The times of a queue (`QueueTimeSpan.java`). What Java adds as text in its own time zone is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueTimeSpan {
    /// Of the last message consumed.
    pub consume_time_stamp: i64,
    /// How long the next message has waited, in milliseconds.
    pub delay_time: i64,
    /// Of the last message.
    pub max_time_stamp: i64,
    /// The queue.
    pub message_queue: MessageQueue,
    /// Of the first message.
    pub min_time_stamp: i64,
}

/// Entries of a consume queue (`QueryConsumeQueueResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeQueueResponseBody {
    /// The filter of the group, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_data: Option<String>,
    /// One past the last offset.
    pub max_queue_index: i64,
    /// The first offset.
    pub min_queue_index: i64,
    /// The entries.
    pub queue_data: Vec<ConsumeQueueData>,
    /// The subscription of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
}

/// One entry (`ConsumeQueueData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeQueueData {
    /// The bits of the filters that the message passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_map: Option<String>,
    /// Whether the message passes the filter of the group.
    pub eval: bool,
    /// What is stored beside the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend_data_json: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// The offset in the commit log.
    pub physic_offset: i64,
    /// The length of the message.
    pub physic_size: i32,
    /// The hash of its tag.
    pub tags_code: i64,
}

/// What a group wants of a topic (`QuerySubscriptionResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuerySubscriptionResponseBody {
    /// The group.
    pub group: String,
    /// Absent if no member is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
    /// The topic.
    pub topic: String,
}
