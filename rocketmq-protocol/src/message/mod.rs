//! Messages as brokers store and send them.
//!
//! [`decode_messages`] reads what a pull brings, one by one and without copying. What an application may see is the
//! [plain body](MessageExt::plain_body) of a message whose [checksum matches](MessageExt::crc_matches); a stored batch is
//! [taken apart](MessageExt::unwrap_batch) first.
//!
//! ```
//! use rocketmq_protocol::message::{BodyError, BodyLimits, decode_messages};
//!
//! fn show(pull: bytes::Bytes) -> Result<(), BodyError> {
//!     for message in decode_messages(pull) {
//!         match message {
//!             Ok(message) if message.crc_matches() => {
//!                 let body = message.plain_body(&BodyLimits::default())?;
//!                 println!("{} [{:?}]: {} bytes", message.message_id(), message.tag(), body.len());
//!             }
//!             Ok(message) => println!("{}: a damaged body", message.message_id()),
//!             // Those behind it come out all the same.
//!             Err(undecodable) => println!("{undecodable}: {}", undecodable.damage),
//!         }
//!     }
//!     Ok(())
//! }
//! # let pull = bytes::Bytes::from_static(&[0, 0, 0, 1]);
//! # assert_eq!(decode_messages(pull.clone()).filter(Result::is_err).count(), 1);
//! # show(pull).unwrap();
//! ```
//!
//! A producer writes [properties](PropertiesWriter), perhaps [compresses](compress) the body, and puts
//! [records](encode_batch_record) into one body for a batch; [`UniqueIds`] are the ids that it gives.

mod batch;
mod codec;
mod compression;
mod delay;
mod id;
mod properties;
pub mod property;
mod stored;
mod sys_flag;

use std::net::SocketAddr;

use bytes::Bytes;

pub use batch::{BatchRecord, batch_properties, decode_batch, encode_batch_record};
pub use codec::{Damage, Messages, Undecodable, crc_property, decode_messages, encode_message};
pub use compression::{
    BodyError, BodyLimits, Compression, UnknownCompression, compress, decompress,
};
pub use delay::DelayLevels;
pub use id::{InvalidMessageId, MessageId, OffsetMessageId, UniqueId, UniqueIdPrefix, UniqueIds};
pub use properties::{PROPERTIES_MAX, Properties, PropertiesWriter, PropertyError};
pub use sys_flag::{PullSysFlag, SysFlag};

use crate::Text;
pub use crate::java::string_hash;

/// A stored message (`common/message/MessageExt.java`).
///
/// Topic, body and properties are slices of the frame it came in; whoever keeps a small message for long copies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageExt {
    /// The topic it lies in: `%RETRY%…` for a message that comes again.
    pub topic: Text,
    /// The queue it lies in.
    pub queue_id: i32,
    /// Its position in the queue.
    pub queue_offset: i64,
    /// Its position in the broker's commit log.
    pub commit_log_offset: i64,
    /// A number of the application's own.
    pub flag: i32,
    /// What kind of message it is.
    pub sys_flag: SysFlag,
    /// When it was sent, in milliseconds since 1970, by the sender's clock.
    pub born_timestamp: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When it was stored, in milliseconds since 1970, by the broker's clock.
    pub store_timestamp: i64,
    /// Who stored it.
    pub store_host: SocketAddr,
    /// How often it has been handed back.
    pub reconsume_times: i32,
    /// Of a transaction's message: where the half message lies.
    pub prepared_transaction_offset: i64,
    /// CRC-32 of the stored body, without its highest bit.
    pub body_crc: u32,
    /// The body as stored: perhaps compressed, see [`plain_body`](Self::plain_body).
    pub body: Bytes,
    /// What travels with it.
    pub properties: Properties,
    /// Its size in the commit log.
    pub store_size: u32,
}

impl MessageExt {
    /// Its one tag.
    pub fn tag(&self) -> Option<&str> {
        self.properties.get(property::TAGS)
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.properties
            .get(property::KEYS)
            .unwrap_or_default()
            .split(' ')
            .filter(|key| !key.is_empty())
    }

    /// The id made by its producer, or else its [offset id](Self::offset_message_id).
    pub fn message_id(&self) -> MessageId {
        let unique = self.properties.get(property::UNIQ_KEY).and_then(MessageId::new);
        unique.unwrap_or_else(|| self.offset_message_id().to_message_id())
    }

    /// Where it is stored.
    pub fn offset_message_id(&self) -> OffsetMessageId {
        OffsetMessageId { store_host: self.store_host, commit_log_offset: self.commit_log_offset }
    }

    /// Whether the stored body has the checksum that it was stored with. The topmost bit does not count: Java cuts it off, others
    /// write it.
    pub fn crc_matches(&self) -> bool {
        codec::body_crc(&self.body) == self.body_crc & codec::CRC_BITS
    }

    /// The body as it was sent: inflated if need be, otherwise shared.
    ///
    /// # Errors
    ///
    /// When the body is damaged, of an unknown compression, or larger than `limits` allow.
    pub fn plain_body(&self, limits: &BodyLimits) -> Result<Bytes, BodyError> {
        if !self.sys_flag.contains(SysFlag::COMPRESSED) {
            return Ok(self.body.clone());
        }
        let bits = self.sys_flag.compression_bits();
        let compression =
            Compression::from_bits(bits).ok_or(BodyError::UnknownCompression(bits))?;
        decompress(compression, &self.body, limits)
    }
}
