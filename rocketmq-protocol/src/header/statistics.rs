//! Figures about topics, groups and clients.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
    /// Minimum, maximum and last write of each queue of a topic (`GetTopicStatsInfoRequestHeader.java`).
    GetTopicStatsInfoRequestHeader: GET_TOPIC_STATS_INFO -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// How far a group has consumed (`GetConsumeStatsRequestHeader.java`).
    GetConsumeStatsRequestHeader: GET_CONSUME_STATS -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        topic: Option<Text> = "topic",
        /// Joined by semicolons.
        topic_list: Option<Text> = "topicList",
        ..shared: TopicFields,
    }

    /// How far every group of a broker has consumed (`GetConsumeStatsInBrokerHeader.java`).
    GetConsumeStatsInBrokerHeader: GET_BROKER_CONSUME_STATS -> EmptyHeader [SUCCESS] {
        /// Whether only topics in order are meant.
        is_order: bool = "isOrder",
    }

    /// Who consumes in a group; `CONSUMER_NOT_ONLINE` if nobody does (`GetConsumerConnectionListRequestHeader.java`).
    GetConsumerConnectionListRequestHeader: GET_CONSUMER_CONNECTION_LIST -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        ..shared: RpcFields,
    }

    /// Who produces in a group (`GetProducerConnectionListRequestHeader.java`).
    GetProducerConnectionListRequestHeader: GET_PRODUCER_CONNECTION_LIST -> EmptyHeader [SUCCESS] {
        producer_group: Text = "producerGroup",
        ..shared: RpcFields,
    }

    /// Every producer of a broker (`GetAllProducerInfoRequestHeader.java`, 4.9.4).
    GetAllProducerInfoRequestHeader: GET_ALL_PRODUCER_INFO -> EmptyHeader [SUCCESS] {}

    /// Which groups consume a topic (`QueryTopicConsumeByWhoRequestHeader.java`).
    QueryTopicConsumeByWhoRequestHeader: QUERY_TOPIC_CONSUME_BY_WHO -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// Which topics a group consumes (`QueryTopicsByConsumerRequestHeader.java`, 5.x).
    QueryTopicsByConsumerRequestHeader: QUERY_TOPICS_BY_CONSUMER -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        ..shared: RpcFields,
    }

    /// What a group wants of a topic (`QuerySubscriptionByConsumerRequestHeader.java`, 5.x).
    QuerySubscriptionByConsumerRequestHeader: QUERY_SUBSCRIPTION_BY_CONSUMER -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        topic: Option<Text> = "topic",
        ..shared: TopicFields,
    }

    /// How old the messages are that a group is at (`QueryConsumeTimeSpanRequestHeader.java`).
    QueryConsumeTimeSpanRequestHeader: QUERY_CONSUME_TIME_SPAN -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        group: Text = "group",
        ..shared: TopicFields,
    }

    /// One figure of a broker by minute, hour and day (`ViewBrokerStatsDataRequestHeader.java`).
    ViewBrokerStatsDataRequestHeader: VIEW_BROKER_STATS_DATA -> EmptyHeader [SUCCESS] {
        stats_name: Text = "statsName",
        stats_key: Text = "statsKey",
    }
}
