//! What operators ask brokers.

use super::{EmptyHeader, TopicFields};
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
}
