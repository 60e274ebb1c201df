//! How consumer groups are configured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DataVersion, ExpressionType, words::words};

/// A consumer group on one broker (`remoting/protocol/subscription/SubscriptionGroupConfig.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupConfig {
    /// `priority.factor` and the like: with a sign in requests, without in answers (5.x).
    pub attributes: BTreeMap<String, String>,
    /// The broker to read from.
    pub broker_id: i64,
    /// Whether members may be broadcasting.
    pub consume_broadcast_enable: bool,
    /// Whether members may consume.
    pub consume_enable: bool,
    /// Whether members may start at the first message.
    pub consume_from_min_enable: bool,
    /// Whether popped messages come in order (5.x).
    pub consume_message_orderly: bool,
    /// After how many minutes a member is too slow (5.x).
    pub consume_timeout_minute: i32,
    /// Its name.
    pub group_name: String,
    /// How long a failed message waits (5.x).
    pub group_retry_policy: GroupRetryPolicy,
    /// Of unit deployments (5.x).
    pub group_sys_flag: i32,
    /// Whether members are told of each other's coming and going.
    pub notify_consumer_ids_changed_enable: bool,
    /// How often a message is redelivered before it is a dead letter.
    pub retry_max_times: i32,
    /// Queues of the retry topic.
    pub retry_queue_nums: i32,
    /// What the group subscribes to, if the broker has to know it beforehand (5.x).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data_set: Option<Vec<SimpleSubscriptionData>>,
    /// The broker that slow members are sent to.
    pub which_broker_when_consume_slowly: i64,
}

impl Default for SubscriptionGroupConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            broker_id: 0,
            consume_broadcast_enable: true,
            consume_enable: true,
            consume_from_min_enable: true,
            consume_message_orderly: false,
            consume_timeout_minute: 15,
            group_name: String::new(),
            group_retry_policy: GroupRetryPolicy::default(),
            group_sys_flag: 0,
            notify_consumer_ids_changed_enable: true,
            retry_max_times: 16,
            retry_queue_nums: 1,
            subscription_data_set: None,
            which_broker_when_consume_slowly: 1,
        }
    }
}

/// How long a failed message waits (`GroupRetryPolicy.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupRetryPolicy {
    /// The waits of the first kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customized_retry_policy: Option<CustomizedRetryPolicy>,
    /// The waits of the second kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponential_retry_policy: Option<ExponentialRetryPolicy>,
    /// Which kind counts.
    #[serde(rename = "type")]
    pub kind: GroupRetryPolicyType,
}

words! {
    /// The kinds of [`GroupRetryPolicy`] (`GroupRetryPolicyType.java`).
    pub enum GroupRetryPolicyType {
        /// Growing by a factor.
        Exponential = "EXPONENTIAL",
        /// Listed one by one.
        #[default]
        Customized = "CUSTOMIZED",
    }
}

/// Waits listed one by one (`CustomizedRetryPolicy.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomizedRetryPolicy {
    /// In milliseconds.
    pub next: Vec<i64>,
}

/// Waits that grow by a factor (`ExponentialRetryPolicy.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExponentialRetryPolicy {
    /// The first, in milliseconds.
    pub initial: i64,
    /// The longest, in milliseconds.
    pub max: i64,
    /// The factor.
    pub multiplier: i64,
}

/// What a group subscribes to (`SimpleSubscriptionData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimpleSubscriptionData {
    /// The expression.
    pub expression: String,
    /// How it is to be read.
    pub expression_type: ExpressionType,
    /// The topic.
    pub topic: String,
    /// Milliseconds since 1970.
    pub version: i64,
}

/// Groups to be created or changed (`SubscriptionGroupList.java`, 5.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupList {
    /// They.
    pub group_config_list: Vec<SubscriptionGroupConfig>,
}

/// Every group of a broker (`SubscriptionGroupWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupWrapper {
    /// Which version of the table this is.
    pub data_version: DataVersion,
    /// What is forbidden, as bits by group and topic (5.x).
    pub forbidden_table: BTreeMap<String, BTreeMap<String, i32>>,
    /// By name.
    pub subscription_group_table: BTreeMap<String, SubscriptionGroupConfig>,
}

/// Whether a group may read a topic (`GroupForbidden.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupForbidden {
    /// The group.
    pub group: String,
    /// Whether it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readable: Option<bool>,
    /// The topic.
    pub topic: String,
}
