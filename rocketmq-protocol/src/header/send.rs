//! Sending messages, and handing them back.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
    /// Stores one message, with long field names (`SendMessageRequestHeader.java`).
    SendMessageRequestHeader: SEND_MESSAGE -> SendMessageResponseHeader
        [SUCCESS, FLUSH_DISK_TIMEOUT, SLAVE_NOT_AVAILABLE, FLUSH_SLAVE_TIMEOUT] {
        producer_group: Text = "producerGroup",
        topic: Text = "topic",
        /// The topic whose brokers create `topic` if it does not exist.
        default_topic: Text = "defaultTopic",
        default_topic_queue_nums: i32 = "defaultTopicQueueNums",
        /// Negative: the broker chooses.
        queue_id: i32 = "queueId",
        sys_flag: i32 = "sysFlag",
        /// Milliseconds since 1970.
        born_timestamp: i64 = "bornTimestamp",
        flag: i32 = "flag",
        /// See [`Properties`](crate::message::Properties).
        properties: Option<Text> = "properties",
        reconsume_times: Option<i32> = "reconsumeTimes",
        unit_mode: Option<bool> = "unitMode",
        batch: Option<bool> = "batch",
        /// For topics `%RETRY%…` only.
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
        ..shared: TopicFields,
    }

    /// Stores one message, with one-letter field names: what clients send (`SendMessageRequestHeaderV2.java`).
    SendMessageRequestHeaderV2: SEND_MESSAGE_V2 -> SendMessageResponseHeader
        [SUCCESS, FLUSH_DISK_TIMEOUT, SLAVE_NOT_AVAILABLE, FLUSH_SLAVE_TIMEOUT] {
        producer_group: Text = "a",
        topic: Text = "b",
        /// The topic whose brokers create `topic` if it does not exist.
        default_topic: Text = "c",
        default_topic_queue_nums: i32 = "d",
        /// Negative: the broker chooses.
        queue_id: i32 = "e",
        sys_flag: i32 = "f",
        /// Milliseconds since 1970.
        born_timestamp: i64 = "g",
        flag: i32 = "h",
        /// See [`Properties`](crate::message::Properties).
        properties: Option<Text> = "i",
        reconsume_times: Option<i32> = "j",
        unit_mode: Option<bool> = "k",
        /// For topics `%RETRY%…` only.
        max_reconsume_times: Option<i32> = "l",
        batch: Option<bool> = "m",
        broker_name: Option<Text> = "n",
        ..shared: TopicFields,
    }

    /// Stores the messages of a batch. `batch` has to be true: the code alone does not say it.
    SendBatchMessageRequestHeader: SEND_BATCH_MESSAGE -> SendMessageResponseHeader
        [SUCCESS, FLUSH_DISK_TIMEOUT, SLAVE_NOT_AVAILABLE, FLUSH_SLAVE_TIMEOUT] {
        ..send: SendMessageRequestHeaderV2,
    }

    /// Where a message was stored (`SendMessageResponseHeader.java`).
    SendMessageResponseHeader {
        /// The offset message id; several, joined by commas, for a batch.
        msg_id: Text = "msgId",
        queue_id: i32 = "queueId",
        queue_offset: i64 = "queueOffset",
        transaction_id: Option<Text> = "transactionId",
        batch_uniq_id: Option<Text> = "batchUniqId",
        /// What takes a timer message back.
        recall_handle: Option<Text> = "recallHandle",
        /// The region of the broker. Not one of upstream's fields, as the next
        /// (`broker/processor/SendMessageProcessor.java`).
        region: Option<Text> = "MSG_REGION",
        /// Whether the broker wants traces.
        trace_on: Option<bool> = "TRACE_ON",
    }

    /// Takes a timer message back before it is delivered (`RecallMessageRequestHeader.java`, 5.3.2).
    RecallMessageRequestHeader: RECALL_MESSAGE -> RecallMessageResponseHeader [SUCCESS] {
        producer_group: Option<Text> = "producerGroup",
        topic: Text = "topic",
        /// As the answer to the send has given it.
        recall_handle: Text = "recallHandle",
        ..shared: TopicFields,
    }

    /// The message that was taken back (`RecallMessageResponseHeader.java`).
    RecallMessageResponseHeader {
        /// The unique id.
        msg_id: Text = "msgId",
    }

    /// Hands a failed message back (`ConsumerSendMsgBackRequestHeader.java`).
    ConsumerSendMsgBackRequestHeader: CONSUMER_SEND_MSG_BACK -> EmptyHeader [SUCCESS] {
        /// The offset in the commit log, not in the queue.
        offset: i64 = "offset",
        group: Text = "group",
        /// -1: to the dead letters. 0: the broker's ladder. Otherwise that level.
        delay_level: i32 = "delayLevel",
        origin_msg_id: Option<Text> = "originMsgId",
        origin_topic: Option<Text> = "originTopic",
        unit_mode: Option<bool> = "unitMode",
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
        ..shared: RpcFields,
    }
}
