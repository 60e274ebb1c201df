//! Bodies that are JSON documents.
//!
//! Servers write them with fastjson, which is not always JSON: [`decode`] reads both. Names are upstream's; members that a server
//! leaves out, writes as null or has added since are no errors.

mod fastjson;
mod group;
mod heartbeat;
mod queue_lock;
mod route;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

pub use group::ConsumerIds;
pub use heartbeat::{
    ConsumeFromWhere, ConsumeType, ConsumerData, ExpressionType, HeartbeatData, MessageModel,
    ProducerData, SubscriptionData,
};
pub use queue_lock::{LockBatchRequestBody, LockBatchResponseBody, UnlockBatchRequestBody};
pub use route::{BrokerData, ClusterInfo, QueueData, TopicRouteData};

/// A queue as bodies name it (`common/message/MessageQueue.java`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageQueue {
    /// The broker's name.
    pub broker_name: String,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

/// A body that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeBodyError {
    /// Not JSON, not what fastjson writes either, or not the shape that was asked for.
    #[error("a body that is not the expected JSON document")]
    Json(#[source] serde_json::Error),
    /// Neither JSON nor fastjson's dialect of it.
    #[error("a body that is no JSON, at byte {at}: {what}")]
    Syntax {
        /// Where.
        at: usize,
        /// What was expected or found there.
        what: &'static str,
    },
    /// fastjson before 5.4.0 may write a repeated object as a reference to the first; nothing else is known about it.
    #[error("a body with a reference (`$ref`) at byte {0}")]
    Reference(usize),
}

/// Reads a JSON body: strictly first, as fastjson writes it if that fails.
///
/// # Errors
///
/// See [`DecodeBodyError`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeBodyError> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(strict) => {
            let strict = DecodeBodyError::Json(strict);
            let normal = fastjson::normalise(bytes)?;
            // Text that is no different was strict already: its own error says more.
            if normal.as_slice() == bytes {
                return Err(strict);
            }
            serde_json::from_slice(&normal).map_err(DecodeBodyError::Json)
        }
    }
}

/// Writes a JSON body.
pub fn encode<T: Serialize>(value: &T) -> Bytes {
    // The bodies of this crate have string keys and no types that can fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}
