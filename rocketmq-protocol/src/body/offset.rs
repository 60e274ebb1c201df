//! Offsets of groups: reset, asked for, compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DataVersion, QueueTable};

/// Where queues are to be read from now on (`ResetOffsetBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBody {
    /// The offset of each queue.
    pub offset_table: QueueTable<i64>,
}

/// The same, as brokers write it for clients that say they are C++ (`ResetOffsetBodyForC.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBodyForC {
    /// The queues.
    pub offset_table: Vec<MessageQueueForC>,
}

/// A queue with an offset (`common/message/MessageQueueForC.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueueForC {
    /// The broker's name.
    pub broker_name: String,
    /// The offset.
    pub offset: i64,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

/// Which offsets consumers hold (`GetConsumerStatusBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetConsumerStatusBody {
    /// From a broker: of each client.
    pub consumer_table: BTreeMap<String, QueueTable<i64>>,
    /// From a client: of each queue.
    pub message_queue_table: QueueTable<i64>,
}

/// The smallest offsets among groups (`QueryCorrectionOffsetBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryCorrectionOffsetBody {
    /// By the number of the queue; `i64::MAX` if the other group is not behind.
    pub correction_offsets: BTreeMap<i32, i64>,
}

/// The offsets of every group of a broker (`ConsumerOffsetSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerOffsetSerializeWrapper {
    /// Which version of the table this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_version: Option<DataVersion>,
    /// The topics of each group (5.x).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group_topic_map: BTreeMap<String, Vec<String>>,
    /// By `topic@group`, then by the number of the queue.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
    /// The same of the offsets asked for last (5.x).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pull_offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// How far each delay level has come (`broker/schedule/DelayOffsetSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DelayOffsetSerializeWrapper {
    /// Which version of the table this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_version: Option<DataVersion>,
    /// By level.
    pub offset_table: BTreeMap<i32, i64>,
}

/// The offsets that a consumer keeps by itself, in a file. Not one of upstream's: theirs are a
/// [`ResetOffsetBody`], with keys that are no JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetFile {
    /// Of the format: 1.
    pub version: u32,
    /// In the order of the queues.
    pub offsets: Vec<MessageQueueForC>,
}
