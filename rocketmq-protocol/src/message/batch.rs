//! Several messages in one body: what a producer sends as a batch, and what brokers store as one.
//!
//! ```text
//! size i32 │ 0 i32 │ 0 i32 │ flag i32 │ body: i32, bytes │ properties: i16, bytes
//! ```
//!
//! Upstream: `common/message/MessageDecoder.java`, `encodeMessage`, `decodeMessage`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{MessageExt, Properties, PropertiesWriter, PropertyError, SysFlag, property};

/// Size, magic, checksum, flag, body length, properties length.
const FIXED: usize = 22;

/// One message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// A number of the application's own.
    pub flag: i32,
    /// Never compressed.
    pub body: Bytes,
    /// Its own properties.
    pub properties: Properties,
}

/// Appends one record. Bodies up to 4 GiB and properties up to 32,767 bytes have room.
pub fn encode_batch_record(record: &BatchRecord, out: &mut BytesMut) {
    let properties = record.properties.as_bytes();
    out.put_u32((FIXED + record.body.len() + properties.len()) as u32);
    out.put_i32(0);
    out.put_i32(0);
    out.put_i32(record.flag);
    out.put_u32(record.body.len() as u32);
    out.put_slice(&record.body);
    out.put_u16(properties.len() as u16);
    out.put_slice(properties);
}

/// Reads records until the end. `None`: the bytes are no batch.
pub fn decode_batch(mut bytes: Bytes) -> Option<Vec<BatchRecord>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let size = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
        let rest = size.checked_sub(4).filter(|rest| *rest <= bytes.len())?;
        let mut record = bytes.split_to(rest);
        record.try_get_i64().ok()?;
        let flag = record.try_get_i32().ok()?;
        let body_len = usize::try_from(record.try_get_i32().ok()?).ok()?;
        let body = (body_len <= record.len()).then(|| record.split_to(body_len))?;
        let properties_len = usize::try_from(record.try_get_i16().ok()?).ok()?;
        if properties_len != record.len() {
            return None;
        }
        records.push(BatchRecord { flag, body, properties: Properties::from_bytes(record) });
    }
    Some(records)
}

impl MessageExt {
    /// The messages inside a stored batch, from queue offset `from` on; `None` if this message is no stored batch, or a
    /// damaged one.
    ///
    /// A pull into the middle of a batch returns the whole batch. Each message takes the next queue offset and otherwise
    /// what the batch has (`common/message/MessageDecoder.java`, `decodeMessage(MessageExt, List)`).
    pub fn unwrap_batch(&self, from: i64) -> Option<Vec<Self>> {
        if !self.sys_flag.contains(SysFlag::INNER_BATCH.with(SysFlag::NEED_UNWRAP)) {
            return None;
        }
        let records = decode_batch(self.body.clone())?;
        // Wraps where a hostile offset would.
        let offsets = (0..).map(|index| self.queue_offset.wrapping_add(index));
        let wanted = offsets.zip(records).filter(|(offset, _)| *offset >= from);
        Some(wanted.map(|(offset, record)| self.inner(offset, record)).collect())
    }

    fn inner(&self, queue_offset: i64, record: BatchRecord) -> Self {
        Self {
            queue_offset,
            flag: record.flag,
            body_crc: super::codec::body_crc(&record.body),
            body: record.body,
            properties: record.properties,
            sys_flag: self.sys_flag.without(SysFlag::INNER_BATCH.with(SysFlag::NEED_UNWRAP)),
            ..self.clone()
        }
    }
}

/// The properties of a batch as a whole: whether to wait for it to be stored.
///
/// Without an id: brokers of 4.x append these properties to those of every message, so that the batch's id would take the place
/// of the message's own. Only topics whose queues store batches as one message have a use for it, and they store the messages
/// of a batch without an id one by one (`store/MessageExtEncoder.java`).
///
/// # Errors
///
/// Never, as things are.
pub fn batch_properties(wait_stored: bool) -> Result<Properties, PropertyError> {
    let mut writer = PropertiesWriter::default();
    writer.put(property::WAIT_STORE_MSG_OK, if wait_stored { "true" } else { "false" })?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(flag: i32, body: &'static [u8], properties: &'static [u8]) -> BatchRecord {
        BatchRecord {
            flag,
            body: Bytes::from_static(body),
            properties: Properties::from_bytes(Bytes::from_static(properties)),
        }
    }

    #[test]
    fn batches_have_the_form_of_java() {
        let records =
            [record(0, b"m1", b"UNIQ_KEY\x01A\x02"), record(5, b"msg2", b"TAGS\x01T\x02")];
        let mut out = BytesMut::new();
        for record in &records {
            encode_batch_record(record, &mut out);
        }
        let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "00000023000000000000000000000000000000026d31000b554e49515f4b45590141020000002100000000000000\
             0000000005000000046d736732000754414753015402"
                .replace(' ', "")
        );
        assert_eq!(decode_batch(out.freeze()), Some(records.into()));
    }

    #[test]
    fn no_length_is_believed() {
        let mut good = BytesMut::new();
        encode_batch_record(&record(0, b"body", b"TAGS\x01T\x02"), &mut good);
        for at in 0..good.len() {
            assert_eq!(
                decode_batch(Bytes::copy_from_slice(&good[..at])).map(|r| r.len()).unwrap_or(0),
                0
            );
        }
        for at in [0, 3, 16, 19] {
            let mut bad = good.to_vec();
            bad[at] ^= 0x80;
            assert_eq!(decode_batch(bad.into()), None, "byte {at}");
        }
    }
}
