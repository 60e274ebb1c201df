//! POP: taking messages out for a while, whichever queue they are in. The codes of this family fit the JSON form only.

use super::{EmptyHeader, TopicFields};
use crate::Text;

super::headers! {
    /// Takes messages out (`PopMessageRequestHeader.java`).
    PopMessageRequestHeader: POP_MESSAGE -> PopMessageResponseHeader
        [SUCCESS, PULL_NOT_FOUND, POLLING_FULL, POLLING_TIMEOUT] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        /// -1: any queue.
        queue_id: i32 = "queueId",
        /// 32 at most.
        max_msg_nums: i32 = "maxMsgNums",
        /// How long they stay out, in milliseconds.
        invisible_time: i64 = "invisibleTime",
        /// How long the broker may wait for messages, in milliseconds.
        poll_time: i64 = "pollTime",
        /// 0: now, by the broker's clock. With another clock than the broker's the request may count as late.
        born_time: i64 = "bornTime",
        /// Where a group without an offset starts: 0 at the first message, 1 behind the last.
        init_mode: i32 = "initMode",
        /// `TAG` or `SQL92`.
        exp_type: Option<Text> = "expType",
        /// The expression; all messages if empty.
        exp: Option<Text> = "exp",
        /// Whether queues are taken from in order, one batch at a time.
        order: Option<bool> = "order",
        /// The same for each attempt of one call, so that an ordered one may read its own batch again.
        attempt_id: Option<Text> = "attemptId",
        ..shared: TopicFields,
    }

    /// What a receipt is made of (`PopMessageResponseHeader.java`). Refusals carry it too, full of zeros.
    PopMessageResponseHeader {
        /// Milliseconds since 1970, by the broker's clock.
        pop_time: i64 = "popTime",
        /// How long the messages stay out, in milliseconds.
        invisible_time: i64 = "invisibleTime",
        revive_qid: i32 = "reviveQid",
        /// How many messages are left.
        rest_num: i64 = "restNum",
        /// `kind queue start`, joined by semicolons.
        start_offset_info: Option<Text> = "startOffsetInfo",
        /// `kind queue offset,offset…`, joined by semicolons, in the order of the messages.
        msg_offset_info: Option<Text> = "msgOffsetInfo",
        /// `kind queue count`, joined by semicolons: how often each was delivered before, in ordered answers.
        order_count_info: Option<Text> = "orderCountInfo",
    }

    /// Acknowledges one popped message (`AckMessageRequestHeader.java`).
    AckMessageRequestHeader: ACK_MESSAGE -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        /// The topic that it is stored in, which may be one of retries.
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        /// The whole receipt.
        extra_info: Text = "extraInfo",
        offset: i64 = "offset",
        lite_topic: Option<Text> = "liteTopic",
        ..shared: TopicFields,
    }

    /// Acknowledges the popped messages in the body (5.1.3).
    BatchAckMessageRequestHeader: BATCH_ACK_MESSAGE -> EmptyHeader [SUCCESS] {}

    /// Changes how long a popped message stays out (`ChangeInvisibleTimeRequestHeader.java`).
    ChangeInvisibleTimeRequestHeader: CHANGE_MESSAGE_INVISIBLETIME -> ChangeInvisibleTimeResponseHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        /// The topic that it is stored in, which may be one of retries.
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        /// The whole receipt.
        extra_info: Text = "extraInfo",
        offset: i64 = "offset",
        /// Milliseconds from now.
        invisible_time: i64 = "invisibleTime",
        lite_topic: Option<Text> = "liteTopic",
        suspend: Option<bool> = "suspend",
        ..shared: TopicFields,
    }

    /// What the new receipt is made of (`ChangeInvisibleTimeResponseHeader.java`). All zeros: the old one stays.
    ChangeInvisibleTimeResponseHeader {
        /// Milliseconds since 1970, by the broker's clock.
        pop_time: i64 = "popTime",
        /// In milliseconds.
        invisible_time: i64 = "invisibleTime",
        revive_qid: i32 = "reviveQid",
    }

    /// Reads messages without taking them (`PeekMessageRequestHeader.java`).
    PeekMessageRequestHeader: PEEK_MESSAGE -> PopMessageResponseHeader [SUCCESS, PULL_NOT_FOUND] {
        topic: Text = "topic",
        /// -1: any queue.
        queue_id: i32 = "queueId",
        max_msg_nums: i32 = "maxMsgNums",
        consumer_group: Text = "consumerGroup",
        ..shared: TopicFields,
    }

    /// Waits until a queue has messages, without taking any (`NotificationRequestHeader.java`).
    NotificationRequestHeader: NOTIFICATION -> NotificationResponseHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        /// -1: any queue.
        queue_id: i32 = "queueId",
        /// How long the broker may wait for messages, in milliseconds.
        poll_time: i64 = "pollTime",
        /// 0: now, by the broker's clock.
        born_time: i64 = "bornTime",
        order: Option<bool> = "order",
        attempt_id: Option<Text> = "attemptId",
        /// `TAG` or `SQL92` (5.5.0).
        exp_type: Option<Text> = "expType",
        /// The expression (5.5.0).
        exp: Option<Text> = "exp",
        ..shared: TopicFields,
    }

    /// Whether there are any (`NotificationResponseHeader.java`).
    NotificationResponseHeader {
        has_msg: bool = "hasMsg",
        /// Whether too many requests wait already.
        polling_full: Option<bool> = "pollingFull",
    }

    /// How many requests wait for messages of a queue (`PollingInfoRequestHeader.java`).
    PollingInfoRequestHeader: POLLING_INFO -> PollingInfoResponseHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        ..shared: TopicFields,
    }

    /// So many (`PollingInfoResponseHeader.java`).
    PollingInfoResponseHeader {
        polling_num: i32 = "pollingNum",
    }

    /// Which queues this client is to read, and how; question and answer are bodies
    /// (`broker/processor/QueryAssignmentProcessor.java`).
    QueryAssignmentRequestHeader: QUERY_ASSIGNMENT -> EmptyHeader [SUCCESS] {}
}
