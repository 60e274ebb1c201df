//! Queues that brokers assign (5.x).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MessageModel, MessageQueue, words::words};

/// Which queues of a topic are mine? (`QueryAssignmentRequestBody.java`)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryAssignmentRequestBody {
    /// The client.
    pub client_id: String,
    /// Its group.
    pub consumer_group: String,
    /// Who gets a message.
    pub message_model: MessageModel,
    /// `AVG` or `AVG_BY_CIRCLE`; brokers know no other.
    pub strategy_name: String,
    /// The topic.
    pub topic: String,
}

/// Those (`QueryAssignmentResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryAssignmentResponseBody {
    /// Absent: the broker cannot say, so that what was assigned stays. Empty: nothing is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_queue_assignments: Option<Vec<MessageQueueAssignment>>,
}

/// One queue, and how to read it (`common/message/MessageQueueAssignment.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueueAssignment {
    /// Free text by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<BTreeMap<String, String>>,
    /// The queue; number -1 means any of the broker.
    pub message_queue: MessageQueue,
    /// How.
    pub mode: MessageRequestMode,
}

words! {
    /// How messages are got from a broker (`common/message/MessageRequestMode.java`).
    pub enum MessageRequestMode {
        /// By offset.
        #[default]
        Pull = "PULL",
        /// Taken out for a while.
        Pop = "POP",
    }
}

/// How a group is to read a topic (`SetMessageRequestModeRequestBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetMessageRequestModeRequestBody {
    /// The group.
    pub consumer_group: String,
    /// How.
    pub mode: MessageRequestMode,
    /// With how many other members a popped queue is shared; 0: with all.
    pub pop_share_queue_num: i32,
    /// The topic.
    pub topic: String,
}

/// That of every topic and group (`MessageRequestModeSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageRequestModeSerializeWrapper {
    /// By topic, then by group.
    pub message_request_mode_map:
        BTreeMap<String, BTreeMap<String, SetMessageRequestModeRequestBody>>,
}
