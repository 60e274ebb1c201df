//! Looking messages up.

use super::{EmptyHeader, TopicFields};
use crate::Text;

super::headers! {
    /// Reads one message by its offset in the commit log (`ViewMessageRequestHeader.java`).
    ViewMessageRequestHeader: VIEW_MESSAGE_BY_ID -> ViewMessageResponseHeader [SUCCESS] {
        topic: Option<Text> = "topic",
        offset: i64 = "offset",
    }

    /// The message is the body (`ViewMessageResponseHeader.java`).
    ViewMessageResponseHeader {}

    /// Looks messages up by key; the index compares hashes, so that others may come along
    /// (`QueryMessageRequestHeader.java`).
    QueryMessageRequestHeader: QUERY_MESSAGE -> QueryMessageResponseHeader [SUCCESS] {
        topic: Text = "topic",
        key: Text = "key",
        max_num: i32 = "maxNum",
        /// Milliseconds since 1970.
        begin_timestamp: i64 = "beginTimestamp",
        /// Milliseconds since 1970.
        end_timestamp: i64 = "endTimestamp",
        /// `K` keys, `U` unique ids, `T` tags (5.4.0).
        index_type: Option<Text> = "indexType",
        /// Where the page before ended (5.4.0).
        last_key: Option<Text> = "lastKey",
        /// Whether `key` is a unique id: 32 messages at most then. Not one of upstream's fields, but read by its brokers
        /// (`broker/processor/QueryMessageProcessor.java`).
        unique_key_query: Option<bool> = "_UNIQUE_KEY_QUERY",
        ..shared: TopicFields,
    }

    /// How far the index goes (`QueryMessageResponseHeader.java`).
    QueryMessageResponseHeader {
        /// Milliseconds since 1970.
        index_last_update_timestamp: i64 = "indexLastUpdateTimestamp",
        index_last_update_phyoffset: i64 = "indexLastUpdatePhyoffset",
    }

    /// Reads entries of a consume queue (`QueryConsumeQueueRequestHeader.java`).
    QueryConsumeQueueRequestHeader: QUERY_CONSUME_QUEUE -> EmptyHeader [SUCCESS] {
        topic: Option<Text> = "topic",
        queue_id: Option<i32> = "queueId",
        /// The first offset wanted.
        index: Option<i64> = "index",
        count: Option<i32> = "count",
        /// The group whose filter is to be tried on each entry.
        consumer_group: Option<Text> = "consumerGroup",
        ..shared: TopicFields,
    }
}
