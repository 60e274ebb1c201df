//! Stored messages and batches of them.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::message::{
    BodyLimits, SysFlag, decode_batch, decode_messages, encode_batch_record, encode_message,
};

/// What may come out of a compressed body here.
const LIMITS: BodyLimits = BodyLimits { inflated: 64 * 1024, ratio: 64 };

/// A pull: every byte of it comes out, in a message or in an error; a message that was read survives being written.
pub fn message(data: &[u8]) {
    let mut at = 0;
    for read in decode_messages(Bytes::copy_from_slice(data)) {
        let length = match &read {
            Ok(message) => message.store_size as usize,
            Err(lost) => {
                assert_eq!(lost.bytes, data[at..at + lost.bytes.len()]);
                lost.bytes.len()
            }
        };
        assert!(length > 0);
        let bytes = &data[at..at + length];
        at += length;
        let Ok(message) = read else {
            continue;
        };
        if let Ok(body) = message.plain_body(&LIMITS) {
            assert!(body.len() <= LIMITS.inflated.max(message.body.len()));
        }
        assert!(!message.message_id().as_str().is_empty());
        assert!(format!("{message:?}").len() <= 4096 + 8 * length);
        survives(&message, bytes);
        for inner in message.unwrap_batch(message.queue_offset).into_iter().flatten() {
            assert!(!inner.sys_flag.contains(SysFlag::INNER_BATCH));
        }
    }
    assert_eq!(at, data.len(), "bytes were lost");
    batch(data);
}

/// The same bytes again, but for the checksum, which is computed, and for a short topic of a V2 message, which is written as V1.
fn survives(message: &rocketmq_protocol::message::MessageExt, bytes: &[u8]) {
    let mut written = BytesMut::new();
    encode_message(message, &mut written);
    let again =
        decode_messages(written.clone().freeze()).next().expect("one").expect("what we wrote");
    assert!(again.crc_matches());
    if bytes[7] == written[7] {
        assert_eq!(bytes[..8], written[..8]);
        assert_eq!(bytes[12..], written[12..]);
    }
    let mut expected = message.clone();
    (expected.body_crc, expected.store_size) = (again.body_crc, again.store_size);
    assert_eq!(again, expected);
}

fn batch(data: &[u8]) {
    let Some(records) = decode_batch(Bytes::copy_from_slice(data)) else {
        return;
    };
    let mut written = BytesMut::new();
    for record in &records {
        encode_batch_record(record, &mut written);
    }
    assert_eq!(written.len(), data.len(), "bytes were lost");
    assert_eq!(decode_batch(written.freeze()), Some(records));
}
