//! Leases of queues.

use serde::{Deserialize, Serialize};

use super::MessageQueue;

/// Which queues a consumer wants to lease (`LockBatchRequestBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LockBatchRequestBody {
    /// The consumer.
    pub client_id: String,
    /// Its group.
    pub consumer_group: String,
    /// The queues.
    pub mq_set: Vec<MessageQueue>,
    /// Whether only this broker is to be asked, and not its replicas (5.x).
    pub only_this_broker: bool,
}

/// Which leases a consumer gives back (`UnlockBatchRequestBody.java`); the same members.
pub type UnlockBatchRequestBody = LockBatchRequestBody;

/// Which queues were leased (`LockBatchResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockBatchResponseBody {
    /// Those queues; spelt so on the wire.
    #[serde(rename = "lockOKMQSet")]
    pub locked: Vec<MessageQueue>,
}
