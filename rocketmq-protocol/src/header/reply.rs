//! Request and reply: how a reply finds the client that waits for it.

use super::{
    EmptyHeader, SendMessageRequestHeader, SendMessageRequestHeaderV2, SendMessageResponseHeader,
    TopicFields,
};
use crate::Text;

super::headers! {
    /// Sends a reply, with long field names. Java sends the [short ones](SendReplyMessageRequestHeaderV2).
    SendReplyMessageRequestHeader: SEND_REPLY_MESSAGE -> SendMessageResponseHeader [SUCCESS] {
        ..send: SendMessageRequestHeader,
    }

    /// Sends a reply; the broker stores it if asked to, and pushes it to who waits
    /// (`broker/processor/ReplyMessageProcessor.java`).
    SendReplyMessageRequestHeaderV2: SEND_REPLY_MESSAGE_V2 -> SendMessageResponseHeader [SUCCESS] {
        ..send: SendMessageRequestHeaderV2,
    }

    /// From the broker: the reply that this client waits for is in the body (`ReplyMessageRequestHeader.java`).
    ReplyMessageRequestHeader: PUSH_REPLY_MESSAGE_TO_CLIENT -> EmptyHeader [SUCCESS] {
        producer_group: Text = "producerGroup",
        topic: Text = "topic",
        default_topic: Text = "defaultTopic",
        default_topic_queue_nums: i32 = "defaultTopicQueueNums",
        queue_id: i32 = "queueId",
        /// See [`SysFlag`](crate::message::SysFlag): the body may be compressed.
        sys_flag: i32 = "sysFlag",
        /// Milliseconds since 1970.
        born_timestamp: i64 = "bornTimestamp",
        flag: i32 = "flag",
        /// See [`Properties`](crate::message::Properties).
        properties: Option<Text> = "properties",
        reconsume_times: Option<i32> = "reconsumeTimes",
        unit_mode: Option<bool> = "unitMode",
        /// Who sent the reply, `/host:port`.
        born_host: Text = "bornHost",
        /// The broker, `/host:port`.
        store_host: Text = "storeHost",
        /// Milliseconds since 1970; 0 if it was not stored.
        store_timestamp: i64 = "storeTimestamp",
        ..shared: TopicFields,
    }
}
