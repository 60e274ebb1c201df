//! Bodies that are JSON documents.
//!
//! Servers write them with fastjson, which is not always JSON: [`decode`] reads both. Names are upstream's; members that a server
//! leaves out, writes as null or has added since are no errors.

pub mod assignment;
pub mod auth;
#[cfg(feature = "base64")]
pub mod batch_ack;
pub mod broker;
pub mod connection;
pub mod controller;
pub mod direct_consume;
pub mod group;
pub mod heartbeat;
pub mod lite;
pub mod offset;
pub mod queue_lock;
pub mod route;
pub mod running_info;
pub mod static_topic;
pub mod statistics;
pub mod subscription_group;
pub mod topic;

mod by_code;
mod fastjson;
mod queue_table;
mod words;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

pub use self::{
    assignment::*, auth::*, broker::*, connection::*, controller::*, direct_consume::*, group::*,
    heartbeat::*, lite::*, offset::*, queue_lock::*, queue_table::QueueTable, route::*,
    running_info::*, static_topic::*, statistics::*, subscription_group::*, topic::*,
};
#[cfg(feature = "base64")]
pub use batch_ack::*;
pub use by_code::{Bodies, BodyKind, JsonBody, by_code};

/// A queue as bodies name it (`common/message/MessageQueue.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueue {
    /// The broker's name.
    pub broker_name: String,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

/// A body that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeBodyError {
    /// Neither JSON nor fastjson's dialect of it.
    #[error("a body that is no JSON, at byte {at}: {what}")]
    Syntax {
        /// Where.
        at: usize,
        /// What was expected or found there.
        what: &'static str,
    },
    /// JSON of another shape than the one that was asked for.
    #[error("a body of another shape, at byte {at}: {what}")]
    Shape {
        /// Where reading stopped.
        at: usize,
        /// What was expected and found there.
        what: String,
    },
    /// fastjson before 5.4.0 may write a repeated object as a reference to the first; nothing else is known about it.
    #[error("a body with a reference (`$ref`) at byte {0}")]
    Reference(usize),
}

/// Reads a JSON body, in fastjson's dialect or not.
///
/// Members that are null count as absent, as do null elements of lists; members that nobody asked for are skipped; numbers may
/// come as text.
///
/// # Errors
///
/// See [`DecodeBodyError`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeBodyError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DecodeBodyError::Syntax { at: error.valid_up_to(), what: "not UTF-8" })?;
    fastjson::read(text)
}

/// Writes a JSON body, the way Java reads it: see [`QueueTable`].
pub fn encode<T: Serialize>(value: &T) -> Bytes {
    // The bodies of this crate have no types that can fail.
    fastjson::write(value).unwrap_or_default().into()
}
