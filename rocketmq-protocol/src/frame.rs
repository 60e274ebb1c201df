//! Frames: a length word, then a header word, a header and a body.
//!
//! ```text
//!  0        4              5..8           8                 8 + header
//!  ┌────────┬──────────────┬──────────────┬─────────────────┬─────────────┐
//!  │ length │ serialize    │ header       │ header          │ body        │
//!  │ i32    │ type u8      │ length u24   │                 │             │
//!  └────────┴──────────────┴──────────────┴─────────────────┴─────────────┘
//!           └──────────────────────── length bytes ────────────────────────┘
//! ```
//!
//! Upstream: `remoting/protocol/RemotingCommand.java`, `remoting/netty/NettyDecoder.java`.

use bytes::{Buf, Bytes, BytesMut};

use crate::FrameError;

/// The bytes of a length word.
pub const LENGTH_WORD: usize = 4;
/// The bytes of a header word: serialize type and header length.
pub const HEADER_WORD: usize = 4;

/// The largest frame that upstream's peers accept, its length word included: 16 MiB.
pub const FRAME_MAX: usize = 16 * 1024 * 1024;

/// What a frame may measure at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of a whole frame with its length word. Default: [`FRAME_MAX`], as upstream's
    /// `com.rocketmq.remoting.frameMaxLength`.
    pub frame: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { frame: FRAME_MAX }
    }
}

/// The bytes of the frame that `buffer` begins with, its length word included. `None`: its length word is not there yet.
///
/// # Errors
///
/// [`FrameError::Length`]: what follows cannot be told apart, so the connection has to be closed.
pub fn length(buffer: &[u8], limits: &FrameLimits) -> Result<Option<usize>, FrameError> {
    let Some(word) = buffer.first_chunk::<LENGTH_WORD>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*word);
    let limit = limits.frame.saturating_sub(LENGTH_WORD);
    match usize::try_from(length) {
        Ok(wanted) if (HEADER_WORD..=limit).contains(&wanted) => Ok(Some(LENGTH_WORD + wanted)),
        _ => Err(FrameError::Length { length, limit }),
    }
}

/// Takes the next whole frame off the front of `buffer`, without its length word. `None`: more bytes are needed.
///
/// The length word is judged as soon as it is there, before the rest of the frame is awaited. Nothing is ever reserved by it:
/// `buffer` grows with what really arrives.
///
/// # Errors
///
/// [`FrameError::Length`]: what follows cannot be told apart, so the connection has to be closed. Nothing is consumed.
pub fn split(buffer: &mut BytesMut, limits: &FrameLimits) -> Result<Option<Bytes>, FrameError> {
    let Some(length) = length(buffer, limits)?.filter(|length| *length <= buffer.len()) else {
        return Ok(None);
    };
    let mut frame = buffer.split_to(length).freeze();
    frame.advance(LENGTH_WORD);
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_off_one_by_one_however_the_bytes_arrive() {
        let stream = [&[0, 0, 0, 5][..], b"hello", &[0, 0, 0, 4], b"abcd", &[0, 0]].concat();
        let mut buffer = BytesMut::new();
        let mut frames = Vec::new();
        for byte in stream {
            buffer.extend_from_slice(&[byte]);
            while let Some(frame) = split(&mut buffer, &FrameLimits::default()).unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, [&b"hello"[..], b"abcd"]);
        assert_eq!(&buffer[..], [0, 0]);
    }

    #[test]
    fn lengths_are_judged_before_the_bytes_are_there() {
        let check = |length: i32, accepted: bool| {
            let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(split(&mut buffer, &FrameLimits::default()).is_ok(), accepted, "{length}");
        };
        check(-1, false);
        check(0, false);
        check(3, false);
        check(4, true);
        check(16_777_212, true); // the largest that servers accept
        check(16_777_213, false);
        check(i32::MAX, false);
        check(i32::MIN, false);
    }

    #[test]
    fn other_protocols_are_recognised() {
        let message = |bytes: &[u8]| {
            split(&mut BytesMut::from(bytes), &FrameLimits::default()).unwrap_err().to_string()
        };
        assert!(message(b"PRI * HTTP/2.0").contains("HTTP/2"));
        assert!(message(b"HTTP/1.1 400").contains("speaks HTTP"));
        assert!(message(&[0x16, 3, 1, 0]).contains("TLS"));
    }
}
