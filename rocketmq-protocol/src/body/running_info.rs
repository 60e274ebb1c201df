//! What a consumer holds and does: its answer to an operator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{QueueTable, SubscriptionData};

/// A consumer, as it describes itself (`ConsumerRunningInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerRunningInfo {
    /// The stacks of its threads, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jstack: Option<String>,
    /// The queues that it pops from (5.x).
    pub mq_pop_table: QueueTable<PopProcessQueueInfo>,
    /// The queues that it pulls from.
    pub mq_table: QueueTable<ProcessQueueInfo>,
    /// How it is configured: see the constants.
    pub properties: BTreeMap<String, String>,
    /// How fast it consumes, by topic.
    pub status_table: BTreeMap<String, ConsumeStatus>,
    /// What it subscribes to.
    pub subscription_set: Vec<SubscriptionData>,
    /// What the application adds (5.x).
    pub user_consumer_info: BTreeMap<String, String>,
}

impl ConsumerRunningInfo {
    /// The name servers, joined by semicolons.
    pub const PROP_NAMESERVER_ADDR: &'static str = "PROP_NAMESERVER_ADDR";
    /// How many threads consume.
    pub const PROP_THREADPOOL_CORE_SIZE: &'static str = "PROP_THREADPOOL_CORE_SIZE";
    /// `true` if it consumes in order. Spelt without a second underscore.
    pub const PROP_CONSUMEORDERLY: &'static str = "PROP_CONSUMEORDERLY";
    /// A [`ConsumeType`](super::ConsumeType).
    pub const PROP_CONSUME_TYPE: &'static str = "PROP_CONSUME_TYPE";
    /// The release, as `V5_3_1`.
    pub const PROP_CLIENT_VERSION: &'static str = "PROP_CLIENT_VERSION";
    /// Milliseconds since 1970. Tools fail without it.
    pub const PROP_CONSUMER_START_TIMESTAMP: &'static str = "PROP_CONSUMER_START_TIMESTAMP";
}

/// A queue that is pulled from (`ProcessQueueInfo.java`). Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessQueueInfo {
    /// Messages held.
    pub cached_msg_count: i32,
    /// The last offset held.
    pub cached_msg_max_offset: i64,
    /// The first offset held.
    pub cached_msg_min_offset: i64,
    /// What they measure, in MiB.
    #[serde(rename = "cachedMsgSizeInMiB")]
    pub cached_msg_size_in_mib: i32,
    /// The offset stored at the broker.
    pub commit_offset: i64,
    /// Whether it has been given up; spelt `droped` on the wire.
    #[serde(rename = "droped")]
    pub dropped: bool,
    /// The last time a message was consumed.
    pub last_consume_timestamp: i64,
    /// The last time it was leased.
    pub last_lock_timestamp: i64,
    /// The last time messages were asked for.
    pub last_pull_timestamp: i64,
    /// Whether it is leased.
    pub locked: bool,
    /// Of ordered consumption: messages in hand.
    pub transaction_msg_count: i32,
    /// Of ordered consumption: the last offset in hand.
    pub transaction_msg_max_offset: i64,
    /// Of ordered consumption: the first offset in hand.
    pub transaction_msg_min_offset: i64,
    /// How often giving the lease back was put off.
    pub try_unlock_times: i64,
}

/// A queue that is popped from (`PopProcessQueueInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PopProcessQueueInfo {
    /// Whether it has been given up; spelt `droped` on the wire.
    #[serde(rename = "droped")]
    pub dropped: bool,
    /// The last time messages were asked for: milliseconds since 1970.
    pub last_pop_timestamp: i64,
    /// Messages that are not acknowledged yet.
    pub wait_ack_count: i32,
}

/// How fast a topic is consumed (`ConsumeStatus.java`). Rates are per second, times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStatus {
    /// Failures in the last hour.
    pub consume_failed_msgs: i64,
    /// Failures.
    #[serde(rename = "consumeFailedTPS")]
    pub consume_failed_tps: f64,
    /// Successes.
    #[serde(rename = "consumeOKTPS")]
    pub consume_ok_tps: f64,
    /// How long a message takes.
    #[serde(rename = "consumeRT")]
    pub consume_rt: f64,
    /// How long a pull takes.
    #[serde(rename = "pullRT")]
    pub pull_rt: f64,
    /// Messages pulled.
    #[serde(rename = "pullTPS")]
    pub pull_tps: f64,
}
