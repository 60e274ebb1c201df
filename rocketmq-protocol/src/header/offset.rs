//! Offsets of groups and of queues.

use super::{BoundaryType, EmptyHeader, TopicFields};
use crate::Text;

super::headers! {
    /// Asks for the stored offset of a group (`QueryConsumerOffsetRequestHeader.java`).
    QueryConsumerOffsetRequestHeader: QUERY_CONSUMER_OFFSET -> OffsetResponseHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        /// `false`: do not answer 0 for a group without an offset on a young queue (5.x).
        set_zero_if_not_found: Option<bool> = "setZeroIfNotFound",
        ..shared: TopicFields,
    }

    /// Stores the offset of a group (`UpdateConsumerOffsetRequestHeader.java`).
    UpdateConsumerOffsetRequestHeader: UPDATE_CONSUMER_OFFSET -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        commit_offset: i64 = "commitOffset",
        ..shared: TopicFields,
    }

    /// One past the last offset of a queue (`GetMaxOffsetRequestHeader.java`).
    GetMaxOffsetRequestHeader: GET_MAX_OFFSET -> OffsetResponseHeader [SUCCESS] {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        /// Whether only what consumers may read counts (5.x).
        committed: Option<bool> = "committed",
        ..shared: TopicFields,
    }

    /// The first offset that a queue holds (`GetMinOffsetRequestHeader.java`).
    GetMinOffsetRequestHeader: GET_MIN_OFFSET -> OffsetResponseHeader [SUCCESS] {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        ..shared: TopicFields,
    }

    /// The offset of a time (`SearchOffsetRequestHeader.java`).
    SearchOffsetRequestHeader: SEARCH_OFFSET_BY_TIMESTAMP -> OffsetResponseHeader [SUCCESS] {
        topic: Text = "topic",
        lite_topic: Option<Text> = "liteTopic",
        queue_id: i32 = "queueId",
        /// Milliseconds since 1970.
        timestamp: i64 = "timestamp",
        boundary_type: Option<BoundaryType> = "boundaryType",
        ..shared: TopicFields,
    }

    /// When the first message of a queue was stored (`GetEarliestMsgStoretimeRequestHeader.java`).
    GetEarliestMsgStoretimeRequestHeader: GET_EARLIEST_MSG_STORETIME -> GetEarliestMsgStoretimeResponseHeader [SUCCESS] {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        ..shared: TopicFields,
    }

    /// Then (`GetEarliestMsgStoretimeResponseHeader.java`).
    GetEarliestMsgStoretimeResponseHeader {
        /// Milliseconds since 1970; -1 for a queue without messages.
        timestamp: i64 = "timestamp",
    }

    /// The smallest offsets among groups, against those of one (`QueryCorrectionOffsetHeader.java`).
    QueryCorrectionOffsetHeader: QUERY_CORRECTION_OFFSET -> EmptyHeader [SUCCESS] {
        /// Joined by commas.
        filter_groups: Option<Text> = "filterGroups",
        compare_group: Text = "compareGroup",
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// One offset: the answer to most of the questions above.
    OffsetResponseHeader {
        offset: i64 = "offset",
    }
}
