//! What a client tells brokers about itself.

use serde::{Deserialize, Serialize};

/// A heartbeat (`remoting/protocol/heartbeat/HeartbeatData.java`). Members stand in the order Java writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeartbeatData {
    /// The client.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Its consumer groups.
    pub consumer_data_set: Vec<ConsumerData>,
    /// 0: a full heartbeat of the first kind.
    pub heartbeat_fingerprint: i32,
    /// Its producer groups.
    pub producer_data_set: Vec<ProducerData>,
    /// Whether subscriptions are left out because the broker has them already.
    pub without_sub: bool,
}

/// A producer group (`ProducerData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerData {
    /// Its name.
    pub group_name: String,
}

/// A consumer group (`ConsumerData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerData {
    /// Where it starts to read.
    pub consume_from_where: ConsumeFromWhere,
    /// How it consumes.
    pub consume_type: ConsumeType,
    /// Its name.
    pub group_name: String,
    /// Who gets a message.
    pub message_model: MessageModel,
    /// What it subscribes to: the same on every member, or they overwrite each other at the broker.
    pub subscription_data_set: Vec<SubscriptionData>,
    /// Of unit deployments.
    pub unit_mode: bool,
}

/// What a group wants of a topic (`SubscriptionData.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionData {
    /// Historic.
    pub class_filter_mode: bool,
    /// The hash of each tag, which is what brokers compare.
    pub code_set: Vec<i32>,
    /// How the expression is to be read.
    pub expression_type: ExpressionType,
    /// The expression. Never null: brokers do not check.
    pub sub_string: String,
    /// Milliseconds since 1970. May not go backwards.
    pub sub_version: i64,
    /// The tags.
    pub tags_set: Vec<String>,
    /// The topic.
    pub topic: String,
}

/// How a group consumes (`ConsumeType.java`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsumeType {
    /// The application pulls.
    #[serde(rename = "CONSUME_ACTIVELY")]
    Actively,
    /// A push consumer.
    #[default]
    #[serde(rename = "CONSUME_PASSIVELY")]
    Passively,
    /// A push consumer that pops.
    #[serde(rename = "CONSUME_POP")]
    Pop,
}

/// Who gets a message (`MessageModel.java`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageModel {
    /// Every member.
    #[serde(rename = "BROADCASTING")]
    Broadcasting,
    /// One member.
    #[default]
    #[serde(rename = "CLUSTERING")]
    Clustering,
    /// Of lite topics (5.5.0 and later).
    #[serde(rename = "LITE_SELECTIVE")]
    LiteSelective,
}

/// Where a group starts to read (`ConsumeFromWhere.java`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsumeFromWhere {
    /// Behind the last message.
    #[default]
    #[serde(
        rename = "CONSUME_FROM_LAST_OFFSET",
        alias = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        alias = "CONSUME_FROM_MIN_OFFSET",
        alias = "CONSUME_FROM_MAX_OFFSET"
    )]
    LastOffset,
    /// At the first message.
    #[serde(rename = "CONSUME_FROM_FIRST_OFFSET")]
    FirstOffset,
    /// At a time.
    #[serde(rename = "CONSUME_FROM_TIMESTAMP")]
    Timestamp,
}

/// How a subscription's expression is to be read (`common/filter/ExpressionType.java`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExpressionType {
    /// Tags, joined by `||`; `*` is all.
    #[default]
    #[serde(rename = "TAG")]
    Tag,
    /// A condition over properties, judged by the broker.
    #[serde(rename = "SQL92")]
    Sql92,
}

impl ExpressionType {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "TAG",
            Self::Sql92 => "SQL92",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, subscription};

    #[test]
    fn heartbeats_are_written_as_java_writes_them() {
        let heartbeat = HeartbeatData {
            client_id: "10.0.0.1@1".into(),
            consumer_data_set: vec![ConsumerData {
                group_name: "CG".into(),
                subscription_data_set: vec![
                    subscription::tags("TopicTest", "TagA || TagB", 1_700_000_000_000).unwrap(),
                ],
                ..ConsumerData::default()
            }],
            producer_data_set: vec![ProducerData { group_name: "PG".into() }],
            ..HeartbeatData::default()
        };
        assert_eq!(
            body::encode(&heartbeat),
            concat!(
                r#"{"clientID":"10.0.0.1@1","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","#,
                r#""consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","#,
                r#""subscriptionDataSet":[{"classFilterMode":false,"codeSet":[2598919,2598920],"expressionType":"TAG","#,
                r#""subString":"TagA || TagB","subVersion":1700000000000,"tagsSet":["TagA","TagB"],"topic":"TopicTest"}],"#,
                r#""unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}"#
            )
        );
    }
}
