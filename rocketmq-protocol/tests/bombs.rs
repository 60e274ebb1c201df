//! Compressed bodies that are not what they say: what a peer can send to exhaust the memory of whoever reads it.
//!
//! F33, F35 and F36 name failures of other clients: one undecodable message hiding all behind it, inflating without a limit, and
//! LZ4 that is not a frame.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Text,
    message::{
        BodyError, BodyLimits, Compression, MessageExt, Properties, SysFlag, decode_messages,
        decompress, encode_message,
    },
};

const GIB: u64 = 1 << 30;

fn message(body: Bytes, compression: Option<Compression>) -> MessageExt {
    let host = ([10, 0, 0, 1], 10911).into();
    let flag = compression.map_or(SysFlag(0), |compression| {
        SysFlag::COMPRESSED.with_compression_bits(compression.bits())
    });
    MessageExt {
        topic: Text::from_static("T"),
        queue_id: 0,
        queue_offset: 0,
        commit_log_offset: 0,
        flag: 0,
        sys_flag: flag,
        born_timestamp: 0,
        born_host: host,
        store_timestamp: 0,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body,
        properties: Properties::default(),
        store_size: 0,
    }
}

/// The bomb is refused within the limit; the other 31 messages of its pull come out.
fn refused(compression: Compression, bomb: Vec<u8>) {
    let limits = BodyLimits::default();
    let error = decompress(compression, &bomb, &limits).expect_err("a bomb");
    let BodyError::TooLarge { input, limit } = error else {
        panic!("{error}");
    };
    assert_eq!(input, bomb.len());
    assert!(limit <= limits.inflated && (limit as u64) < GIB / 32);

    let mut pull = BytesMut::new();
    for at in 0..32 {
        let body = if at == 16 { Bytes::from(bomb.clone()) } else { Bytes::from_static(b"good") };
        encode_message(&message(body, (at == 16).then_some(compression)), &mut pull);
    }
    let read: Vec<_> = decode_messages(pull.freeze()).map(|m| m.expect("whole")).collect();
    let good = read.iter().filter(|m| m.plain_body(&limits).is_ok_and(|body| body == "good"));
    assert_eq!(good.count(), 31);
    assert!(matches!(read[16].plain_body(&limits), Err(BodyError::TooLarge { .. })));
}

/// 32 KiB that become 1 GiB: blocks that repeat one byte.
#[test]
fn f35_a_zstandard_bomb_is_refused() {
    let block = 128 * 1024;
    // Magic, no content size, a window of 128 KiB; then blocks of type 1: a length and the byte to repeat.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    for at in 0..GIB / block {
        let last = u64::from(at + 1 == GIB / block);
        let header = (block << 3 | 1 << 1 | last) as u32;
        bomb.extend(&header.to_le_bytes()[..3]);
        bomb.push(b'x');
    }
    assert!(bomb.len() < 33 * 1024);
    refused(Compression::Zstd, bomb);
}

/// A header that says 1 GiB, and another that says 4 EiB.
#[test]
fn f35_a_lying_content_size_is_refused_before_anything_is_allocated() {
    for size in [GIB, 1 << 62] {
        let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        bomb.extend(size.to_le_bytes());
        bomb.extend([1, 0, 0]);
        refused(Compression::Zstd, bomb);
    }
}

/// 1 MiB that becomes 1 GiB: a mebibyte of zeros, deflated so that it refers to nothing before it, again and again.
#[test]
fn f35_a_zlib_bomb_is_refused() {
    use flate2::{Compress, Compression as Level, FlushCompress};
    let mebibyte = vec![0; 1 << 20];
    let mut block = Vec::with_capacity(1 << 16);
    let mut encoder = Compress::new(Level::best(), false);
    encoder.compress_vec(&mebibyte, &mut block, FlushCompress::Full).expect("memory");
    assert_eq!(encoder.total_in(), 1 << 20);
    let bomb = [&[0x78, 0xda], &block.repeat((GIB >> 20) as usize)[..]].concat();
    assert!(bomb.len() < 9 << 17);
    refused(Compression::Zlib, bomb);
}

/// 4.3 MiB that become 1 GiB: one block of 4 MiB, again and again.
#[test]
fn f35_an_lz4_bomb_is_refused() {
    let block = lz4_flex::block::compress(&vec![0; 4 << 20]);
    // Magic, independent blocks of up to 4 MiB, the checksum of that: as Java writes it.
    let mut bomb = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73];
    for _ in 0..GIB >> 22 {
        bomb.extend((block.len() as u32).to_le_bytes());
        bomb.extend(&block);
    }
    bomb.extend([0; 4]);
    assert!(bomb.len() < 9 << 19);
    refused(Compression::Lz4, bomb);
}

/// A body whose compression is unknown or damaged is an error of its own message.
#[test]
fn f33_an_undecodable_body_does_not_hide_its_neighbours() {
    let mut pull = BytesMut::new();
    encode_message(&message(Bytes::from_static(b"good"), None), &mut pull);
    for compression in [Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        encode_message(
            &message(Bytes::from_static(b"not compressed"), Some(compression)),
            &mut pull,
        );
    }
    let mut unknown = message(Bytes::from_static(b"?"), None);
    unknown.sys_flag = SysFlag::COMPRESSED.with_compression_bits(5);
    encode_message(&unknown, &mut pull);
    encode_message(&message(Bytes::from_static(b"good"), None), &mut pull);
    let bodies: Vec<_> = decode_messages(pull.freeze())
        .map(|message| message.expect("whole").plain_body(&BodyLimits::default()))
        .collect();
    assert_eq!(bodies.len(), 6);
    assert!(bodies[0].is_ok() && bodies[5].is_ok());
    assert!(bodies[1..4].iter().all(|body| matches!(body, Err(BodyError::Damaged { .. }))));
    assert!(matches!(bodies[4], Err(BodyError::UnknownCompression(5))));
}

/// A block with its length in front, as another client writes it, is no LZ4 frame; nor is it taken for one.
#[test]
fn f36_lz4_is_a_frame() {
    let block = lz4_flex::block::compress_prepend_size(&[7; 1000]);
    let read = decompress(Compression::Lz4, &block, &BodyLimits::default());
    assert!(matches!(read, Err(BodyError::Damaged { .. })));
    let frame =
        rocketmq_protocol::message::compress(Compression::Lz4, &[7; 1000], 5).expect("packed");
    assert_eq!(frame[..4], [0x04, 0x22, 0x4d, 0x18]);
}

/// A flipped byte of a body shows in its checksum.
#[test]
fn f38_a_changed_body_is_noticed() {
    let mut bytes = BytesMut::new();
    encode_message(&message(Bytes::from_static(b"hello"), None), &mut bytes);
    let at = bytes.windows(5).position(|window| window == b"hello").expect("the body");
    let good = decode_messages(bytes.clone().freeze()).next().expect("one").expect("whole");
    bytes[at] ^= 1;
    let bad = decode_messages(bytes.freeze()).next().expect("one").expect("whole");
    assert!(good.crc_matches() && !bad.crc_matches());
}
