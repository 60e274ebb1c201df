//! Lite topics (5.5.0). Times are milliseconds since 1970.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{OffsetWrapper, TopicOffset, words::words};

/// Subscriptions to be changed (`LiteSubscriptionCtlRequestBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiteSubscriptionCtlRequestBody {
    /// The changes.
    pub subscription_set: Vec<LiteSubscriptionDTO>,
}

/// One change (`common/lite/LiteSubscriptionDTO.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiteSubscriptionDTO {
    /// What is to be done.
    pub action: LiteSubscriptionAction,
    /// The client.
    pub client_id: String,
    /// Its group.
    pub group: String,
    /// The lite topics.
    pub lite_topic_set: Vec<String>,
    /// Where to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_option: Option<OffsetOption>,
    /// The topic above them.
    pub topic: String,
    /// Grows with each change.
    pub version: i64,
}

words! {
    /// A change of subscriptions (`common/lite/LiteSubscriptionAction.java`).
    pub enum LiteSubscriptionAction {
        /// These as well.
        #[default]
        PartialAdd = "PARTIAL_ADD",
        /// These no more.
        PartialRemove = "PARTIAL_REMOVE",
        /// These and no others.
        CompleteAdd = "COMPLETE_ADD",
        /// None at all.
        CompleteRemove = "COMPLETE_REMOVE",
    }

    /// What the value of an [`OffsetOption`] means (`common/lite/OffsetOption.java`).
    pub enum OffsetOptionType {
        /// 0: at the last message; 1: at the first; 2: at the last behind the group's own offset.
        #[default]
        Policy = "POLICY",
        /// At this offset.
        Offset = "OFFSET",
        /// So many messages before the end.
        TailN = "TAIL_N",
        /// At this time.
        Timestamp = "TIMESTAMP",
    }
}

/// Where to start (`common/lite/OffsetOption.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OffsetOption {
    /// What the value means.
    #[serde(rename = "type")]
    pub kind: OffsetOptionType,
    /// The value.
    pub value: i64,
}

/// Figures about the lite topics of a broker (`GetBrokerLiteInfoResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetBrokerLiteInfoResponseBody {
    /// Consume queues.
    pub cq_table_size: i32,
    /// Lite topics.
    pub current_lmq_num: i32,
    /// Clients with messages to be told of.
    pub event_map_size: i32,
    /// The groups of each topic.
    pub group_meta: BTreeMap<String, Vec<String>>,
    /// Subscriptions.
    pub lite_subscription_count: i32,
    /// How many lite topics there may be.
    pub max_lmq_num: i32,
    /// Offsets stored.
    pub offset_table_size: i32,
    /// Queues that are consumed in order.
    pub order_info_count: i32,
    /// `default` or `defaultRocksDB`; the second is needed.
    pub store_type: String,
    /// How many minutes the lite topics of each topic live.
    pub topic_meta: BTreeMap<String, i32>,
}

/// Figures about the lite topics under one topic (`GetParentTopicInfoResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetParentTopicInfoResponseBody {
    /// The groups bound to it.
    pub groups: Vec<String>,
    /// Lite topics.
    pub lite_topic_count: i32,
    /// Queues of them.
    pub lmq_num: i32,
    /// The topic.
    pub topic: String,
    /// How many minutes its lite topics live.
    pub ttl: i32,
}

/// A lite topic (`GetLiteTopicInfoResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetLiteTopicInfoResponseBody {
    /// Its name.
    pub lite_topic: String,
    /// The topic above it.
    pub parent_topic: String,
    /// Whether this broker is the one for it.
    pub sharding_to_broker: bool,
    /// Who reads it.
    pub subscriber: Vec<ClientGroup>,
    /// How far it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_offset: Option<TopicOffset>,
}

/// A client of a group (`common/entity/ClientGroup.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientGroup {
    /// The client.
    pub client_id: String,
    /// The group.
    pub group: String,
}

/// What a client has subscribed to (`GetLiteClientInfoResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetLiteClientInfoResponseBody {
    /// The client.
    pub client_id: String,
    /// Its group.
    pub group: String,
    /// Its last request; -1 if there was none.
    pub last_access_time: i64,
    /// Its last message.
    pub last_consume_time: i64,
    /// Lite topics; -1 if it is not known.
    pub lite_topic_count: i32,
    /// Some of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lite_topic_set: Option<Vec<String>>,
    /// The topic above them.
    pub parent_topic: String,
}

/// How far a group is behind (`GetLiteGroupInfoResponseBody.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetLiteGroupInfoResponseBody {
    /// Of the first message not consumed; -1 if there is none.
    pub earliest_unconsumed_timestamp: i64,
    /// The group.
    pub group: String,
    /// Those with most messages left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_count_top_k: Option<Vec<LiteLagInfo>>,
    /// Those with the oldest messages left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_timestamp_top_k: Option<Vec<LiteLagInfo>>,
    /// The one that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lite_topic: Option<String>,
    /// How far that one has been consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lite_topic_offset_wrapper: Option<OffsetWrapper>,
    /// The topic above them.
    pub parent_topic: String,
    /// Messages left.
    pub total_lag_count: i64,
}

impl Default for GetLiteGroupInfoResponseBody {
    fn default() -> Self {
        Self {
            earliest_unconsumed_timestamp: -1,
            group: String::new(),
            lag_count_top_k: None,
            lag_timestamp_top_k: None,
            lite_topic: None,
            lite_topic_offset_wrapper: None,
            parent_topic: String::new(),
            total_lag_count: 0,
        }
    }
}

/// How far a group is behind on one lite topic (`common/lite/LiteLagInfo.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiteLagInfo {
    /// Of the first message not consumed; -1 if there is none.
    pub earliest_unconsumed_timestamp: i64,
    /// Messages left.
    pub lag_count: i64,
    /// The lite topic.
    pub lite_topic: String,
}

impl Default for LiteLagInfo {
    fn default() -> Self {
        Self { earliest_unconsumed_timestamp: -1, lag_count: 0, lite_topic: String::new() }
    }
}
