//! What a client tells brokers about itself.

use serde::{Deserialize, Serialize};

use super::words::words;

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

/// A subscription that a broker is to check (`remoting/protocol/body/CheckClientRequestBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckClientRequestBody {
    /// The client.
    pub client_id: String,
    /// Its group.
    pub group: String,
    /// Of clients that have one of the first kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The subscription.
    pub subscription_data: SubscriptionData,
}

words! {
    /// How a group consumes (`ConsumeType.java`).
    pub enum ConsumeType {
        /// The application pulls.
        Actively = "CONSUME_ACTIVELY",
        /// A push consumer.
        #[default]
        Passively = "CONSUME_PASSIVELY",
        /// A push consumer that pops.
        Pop = "CONSUME_POP",
    }

    /// Who gets a message (`MessageModel.java`).
    pub enum MessageModel {
        /// Every member.
        Broadcasting = "BROADCASTING",
        /// One member.
        #[default]
        Clustering = "CLUSTERING",
        /// Of lite topics (5.5.0 and later).
        LiteSelective = "LITE_SELECTIVE",
    }

    /// Where a group starts to read (`ConsumeFromWhere.java`). Words that Java has given up mean the first one, as to Java.
    pub enum ConsumeFromWhere {
        /// Behind the last message.
        #[default]
        LastOffset = "CONSUME_FROM_LAST_OFFSET"
            | "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST"
            | "CONSUME_FROM_MIN_OFFSET"
            | "CONSUME_FROM_MAX_OFFSET",
        /// At the first message.
        FirstOffset = "CONSUME_FROM_FIRST_OFFSET",
        /// At a time.
        Timestamp = "CONSUME_FROM_TIMESTAMP",
    }

    /// How a subscription's expression is to be read (`common/filter/ExpressionType.java`).
    pub enum ExpressionType {
        /// Tags, joined by `||`; `*` is all.
        #[default]
        Tag = "TAG",
        /// A condition over properties, judged by the broker.
        Sql92 = "SQL92",
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
