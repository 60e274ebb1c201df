//! Who is connected to a broker.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData};
use crate::code::{LanguageCode, Version};

/// One client (`Connection.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// `host:port`.
    pub client_addr: String,
    /// Its id.
    pub client_id: String,
    /// Absent if the broker does not know it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub language: Option<LanguageCode>,
    /// Its release.
    pub version: Version,
}

/// The members of a consumer group (`ConsumerConnection.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerConnection {
    /// They.
    pub connection_set: Vec<Connection>,
    /// Where they start to read.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How they consume.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub consume_type: Option<ConsumeType>,
    /// Who of them gets a message.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub message_model: Option<MessageModel>,
    /// What they subscribe to, by topic.
    pub subscription_table: BTreeMap<String, SubscriptionData>,
}

/// The members of a producer group (`ProducerConnection.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerConnection {
    /// They.
    pub connection_set: Vec<Connection>,
}

/// Every producer of a broker (`ProducerTableInfo.java`, 4.9.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerTableInfo {
    /// By group.
    pub data: BTreeMap<String, Vec<ProducerInfo>>,
}

/// One producer (`ProducerInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerInfo {
    /// Its id.
    pub client_id: String,
    /// Absent if the broker does not know it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub language: Option<LanguageCode>,
    /// Its last heartbeat: milliseconds since 1970.
    pub last_update_timestamp: i64,
    /// `/host:port`.
    #[serde(rename = "remoteIP")]
    pub remote_ip: String,
    /// Its release.
    pub version: Version,
}

/// A word, or none if it is one that only later releases know.
fn known<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(deserializer).ok())
}
