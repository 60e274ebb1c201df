//! Compressed bodies.

use rocketmq_protocol::message::{BodyError, BodyLimits, Compression, compress, decompress};

const LIMITS: BodyLimits = BodyLimits { inflated: 256 * 1024, ratio: 4096 };
const ALL: [Compression; 3] = [Compression::Zlib, Compression::Lz4, Compression::Zstd];

/// The first byte says which. The rest is inflated as it is, never to more than allowed; and it survives being compressed.
pub fn compression(data: &[u8]) {
    let Some((which, body)) = data.split_first() else {
        return;
    };
    let compression = ALL[usize::from(*which) % ALL.len()];
    match decompress(compression, body, &LIMITS) {
        Ok(plain) => assert!(plain.len() <= LIMITS.of_input(body.len())),
        Err(BodyError::TooLarge { limit, .. }) => assert_eq!(limit, LIMITS.of_input(body.len())),
        Err(BodyError::Damaged { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    let packed = compress(compression, body, 5).expect("the feature is on");
    assert_eq!(decompress(compression, &packed, &LIMITS).expect("what we wrote"), body);
}
