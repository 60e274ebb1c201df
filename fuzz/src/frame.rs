//! Cutting a stream into frames.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    FrameError,
    frame::{FrameLimits, LENGTH_WORD, split},
};

/// The first byte says how large the pieces are in which the rest arrives. However that is, the same frames come out, and
/// none is larger than allowed.
pub fn frame(data: &[u8]) {
    let Some((step, stream)) = data.split_first() else {
        return;
    };
    let limits = FrameLimits { frame: 4096 };
    let whole = cut(stream.chunks(stream.len().max(1)), &limits);
    let pieces = cut(stream.chunks(usize::from(*step).max(1)), &limits);
    assert_eq!(whole, pieces, "the frames depend on how the bytes arrive");

    let (frames, end) = whole;
    let mut rest = stream;
    for frame in &frames {
        assert!(LENGTH_WORD + frame.len() <= limits.frame);
        let (word, after) = rest.split_at(LENGTH_WORD);
        assert_eq!(word, (frame.len() as u32).to_be_bytes());
        assert_eq!(&after[..frame.len()], frame);
        rest = &after[frame.len()..];
    }
    if let End::Waiting(left) = end {
        assert_eq!(left, rest, "bytes were lost");
        assert!(left.len() < limits.frame, "a whole frame was held back");
    }
}

#[derive(Debug, PartialEq)]
enum End {
    /// More bytes are needed behind these.
    Waiting(Bytes),
    Broken(FrameError),
}

fn cut<'a>(chunks: impl Iterator<Item = &'a [u8]>, limits: &FrameLimits) -> (Vec<Bytes>, End) {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match split(&mut buffer, limits) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, End::Broken(error)),
            }
        }
    }
    (frames, End::Waiting(buffer.freeze()))
}
