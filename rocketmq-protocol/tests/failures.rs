//! Failures that clients of RocketMQ are known for, as far as the codec has a part in them. Compressed bodies (F33, F35, F36, F38) are in
//! `bombs.rs`, ids (F39) beside their generator.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, EncodeError, FrameLimits, Serialization,
    code::{RequestCode, ResponseCode},
    frame,
    header::{self, HeaderInfo, PopMessageRequestHeader, Request},
    message::{Compression, Properties, compress, property},
};

/// Codes beyond 32,767 do not fit the binary form. A client that writes them all the same asks for something else.
#[test]
fn f31_no_code_arrives_as_another() {
    let mut refused = 0;
    for code in RequestCode::ALL {
        let mut command = Command::default();
        command.code = code.0;
        for form in [Serialization::Json, Serialization::RocketMq] {
            let mut out = BytesMut::new();
            match command.encode(form, &mut out) {
                Ok(()) => {
                    let frame = frame::split(&mut out, &FrameLimits::default());
                    let frame = frame.expect("a frame").expect("a whole one");
                    assert_eq!(Command::decode(frame).expect("a header").code, code.0);
                }
                Err(EncodeError::CodeTooLarge(number)) => {
                    assert_eq!((form, number), (Serialization::RocketMq, code.0));
                    assert!(i16::try_from(number).is_err() && out.is_empty());
                    refused += 1;
                }
                Err(other) => panic!("{code}: {other}"),
            }
        }
    }
    assert!(refused > 10, "POP alone has more");
}

/// 209 to 211 are outcomes of waiting for messages on 5.x, and failures of access control on 4.x: the request decides.
#[test]
fn f32_what_a_code_means_depends_on_what_was_asked() {
    let twofold =
        [ResponseCode::POLLING_FULL, ResponseCode::POLLING_TIMEOUT, ResponseCode::BROKER_NOT_EXIST];
    let outcomes = PopMessageRequestHeader::ACCEPTS;
    assert!(outcomes.contains(&twofold[0]) && outcomes.contains(&twofold[1]));
    let accepts = |info: &HeaderInfo| info.request.map_or(&[][..], |request| request.accepts);
    let as_outcomes =
        header::all().filter(|info| accepts(info).iter().any(|c| twofold.contains(c)));
    for info in as_outcomes {
        let waits = ["Pop", "Notification", "Polling"].iter().any(|word| info.name.contains(word));
        assert!(waits, "{} does not wait for messages", info.name);
    }
    let of_acl = [
        RequestCode::UPDATE_AND_CREATE_ACL_CONFIG,
        RequestCode::DELETE_ACL_CONFIG,
        RequestCode::UPDATE_GLOBAL_WHITE_ADDRS_CONFIG,
    ];
    for code in of_acl {
        let asks = |info: &&HeaderInfo| info.request.is_some_and(|request| request.code == code);
        let info = header::all().find(|info| asks(info)).expect("a table");
        assert_eq!(accepts(info), [ResponseCode::SUCCESS], "{}", info.name);
    }
}

/// A body that is sent again is the body that was sent: compressing borrows it, and does not depend on what came before.
#[test]
#[cfg(all(feature = "zlib", feature = "lz4", feature = "zstd"))]
fn f34_a_body_is_compressed_once_however_often_it_is_sent() {
    use rocketmq_protocol::message::{BodyLimits, decompress};
    let body = Bytes::from("hello rocketmq".repeat(500));
    for compression in [Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        let [first, second] =
            [1, 2].map(|_attempt| compress(compression, &body, 5).expect("packed"));
        assert_eq!(first, second, "{compression:?}");
        let once = decompress(compression, &second, &BodyLimits::default()).expect("whole");
        assert_eq!(once, body, "{compression:?}");
    }
}

/// Whatever the bytes of properties are, looking at them ends, and gives texts or nothing.
#[test]
fn f37_no_property_is_the_end_of_a_process() {
    // Every string of up to five of these: separators, a letter, half of a character, and a byte that is never UTF-8.
    let bytes = [1, 2, b'a', 0xe4, 0xff];
    let mut strings: Vec<Vec<u8>> = vec![Vec::new()];
    for length in 0..5 {
        let longer = strings.iter().filter(|string| string.len() == length);
        let longer: Vec<_> =
            longer.flat_map(|string| bytes.map(|byte| [&string[..], &[byte]].concat())).collect();
        strings.extend(longer);
    }
    for string in strings {
        let properties = Properties::from_bytes(Bytes::from(string.clone()));
        for (name, value) in properties.iter() {
            assert!(!name.is_empty() && !value.is_empty(), "{string:?}");
            assert!(properties.get(name).is_some() || properties.get_bytes(name).is_some());
        }
        let tag = [property::TAGS.as_bytes(), &[1], &string].concat();
        let tagged = Properties::from_bytes(tag.into());
        let expected = string.split(|byte| *byte == 2).next().filter(|value| !value.is_empty());
        let again = tagged.get_bytes(property::TAGS);
        assert_eq!(again, expected, "{string:?}");
        assert_eq!(tagged.get(property::TAGS), again.and_then(|tag| std::str::from_utf8(tag).ok()));
    }
}
