//! Offsets of groups: reset, asked for, compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{DataVersion, DecodeBodyError, QueueTable, decode, encode};

/// Where queues are to be read from now on (`ResetOffsetBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBody {
    /// The offset of each queue.
    pub offset_table: QueueTable<i64>,
}

/// The same, as brokers write it for clients that say they are C++ (`ResetOffsetBodyForC.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBodyForC {
    /// The queues.
    pub offset_table: Vec<MessageQueueForC>,
}

/// A queue with an offset (`common/message/MessageQueueForC.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueueForC {
    /// The broker's name.
    pub broker_name: String,
    /// The offset.
    pub offset: i64,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

/// Which offsets consumers hold (`GetConsumerStatusBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetConsumerStatusBody {
    /// From a broker: of each client.
    pub consumer_table: BTreeMap<String, QueueTable<i64>>,
    /// From a client: of each queue.
    pub message_queue_table: QueueTable<i64>,
}

/// The smallest offsets among groups (`QueryCorrectionOffsetBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryCorrectionOffsetBody {
    /// By the number of the queue; `i64::MAX` if the other group is not behind.
    pub correction_offsets: BTreeMap<i32, i64>,
}

/// The offsets of every group of a broker (`ConsumerOffsetSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerOffsetSerializeWrapper {
    /// Which version of the table this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_version: Option<DataVersion>,
    /// The topics of each group (5.x).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group_topic_map: BTreeMap<String, Vec<String>>,
    /// By `topic@group`, then by the number of the queue.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
    /// The same of the offsets asked for last (5.x).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pull_offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// How far each delay level has come (`broker/schedule/DelayOffsetSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DelayOffsetSerializeWrapper {
    /// Which version of the table this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_version: Option<DataVersion>,
    /// By level.
    pub offset_table: BTreeMap<i32, i64>,
}

/// The offsets that a consumer keeps by itself, in a file, with a checksum: a digit that flips on a disk leaves valid JSON. Not one of
/// upstream's: theirs are a [`ResetOffsetBody`], with keys that are no JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetFile {
    version: u32,
    /// CRC-32 of the offsets as [`encode`] writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<u32>,
    offsets: Vec<MessageQueueForC>,
}

/// A file that holds no offsets which can be believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeOffsetFileError {
    /// Something else, or a part of a file of offsets.
    #[error("no file of offsets")]
    Foreign(#[source] DecodeBodyError),
    /// Written by a later version, or by something else.
    #[error("version {0} is not known")]
    UnknownVersion(u32),
    /// It is not what was written.
    #[error("the checksum does not match")]
    Damaged,
}

impl OffsetFile {
    const VERSION: u32 = 2;
    /// The same without a checksum.
    const UNCHECKED: u32 = 1;

    /// With these offsets, in the order of their queues.
    pub fn new(offsets: Vec<MessageQueueForC>) -> Self {
        Self { version: Self::VERSION, checksum: Some(checksum(&offsets)), offsets }
    }

    /// Reads what [`encode`] has written of it, and checks it.
    ///
    /// # Errors
    ///
    /// When it is something else, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeOffsetFileError> {
        let file: Self = decode(bytes).map_err(DecodeOffsetFileError::Foreign)?;
        match (file.version, file.checksum) {
            (Self::VERSION, Some(sum)) if sum == checksum(&file.offsets) => Ok(file),
            (Self::UNCHECKED, None) => Ok(file),
            (Self::VERSION | Self::UNCHECKED, _) => Err(DecodeOffsetFileError::Damaged),
            (version, _) => Err(DecodeOffsetFileError::UnknownVersion(version)),
        }
    }

    /// Whether it has the checksum that earlier forms of the file had not.
    pub fn is_checked(&self) -> bool {
        self.checksum.is_some()
    }

    /// The offsets.
    pub fn into_offsets(self) -> Vec<MessageQueueForC> {
        self.offsets
    }
}

fn checksum(offsets: &[MessageQueueForC]) -> u32 {
    crc32fast::hash(&encode(&offsets))
}
