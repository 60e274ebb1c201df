//! What can be wrong with bytes from a peer, and what this side refuses to write.

use thiserror::Error;

/// Bytes that are no frame. The connection they came on cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length word is negative, below the smallest frame, or beyond the limit.
    #[error("frame length {length} is outside 4..={limit}{}", hint(*length))]
    Length {
        /// What the length word says.
        length: i32,
        /// The largest length accepted.
        limit: usize,
    },
}

/// Peers that speak another protocol are recognised by what their first four bytes spell.
fn hint(length: i32) -> &'static str {
    match &length.to_be_bytes() {
        b"HTTP" | b"GET " | b"POST" | b"PUT " | b"HEAD" => " (the peer speaks HTTP)",
        b"PRI " => " (the peer speaks HTTP/2, perhaps gRPC)",
        b"SSH-" => " (the peer speaks SSH)",
        [0x15 | 0x16, 0x03, ..] => " (the peer speaks TLS)",
        _ => "",
    }
}

/// A frame whose header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The header is said to be longer than the frame.
    #[error("a header of {header} bytes in a frame of {frame}")]
    HeaderLength {
        /// The header length that the frame states.
        header: usize,
        /// The bytes that follow the header word.
        frame: usize,
    },
    /// The frame ends before its header word.
    #[error("a frame of {0} bytes has no header")]
    Short(usize),
    /// Neither JSON nor the binary form.
    #[error("serialize type {0} is not known")]
    SerializeType(u8),
    /// The header breaks the rules of its form at this byte.
    #[error("malformed {form} header at byte {at}: {what}")]
    Header {
        /// `JSON` or `ROCKETMQ`.
        form: &'static str,
        /// Offset in the header.
        at: usize,
        /// What was expected or found there.
        what: &'static str,
    },
}

/// A command that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The binary form has 16 bits for the code; a larger one would arrive as another code.
    #[error("code {0} does not fit the ROCKETMQ header form: use JSON")]
    CodeTooLarge(i32),
    /// The binary form has 16 bits for the version too.
    #[error("version {0} does not fit the ROCKETMQ header form: use JSON")]
    VersionTooLarge(i32),
    /// A key longer than 32,767 bytes.
    #[error("an ext field key of {0} bytes is too long")]
    KeyTooLong(usize),
    /// A header beyond 16,777,215 bytes.
    #[error("a header of {0} bytes is too long")]
    HeaderTooLong(usize),
    /// A frame beyond what a peer accepts.
    #[error("a frame of {0} bytes is too long")]
    FrameTooLong(usize),
}

/// A header whose fields are not what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A required key is absent, or empty where empty means absent.
    #[error("{header} lacks `{key}`")]
    Missing {
        /// The type that was asked for.
        header: &'static str,
        /// The key on the wire.
        key: &'static str,
    },
    /// A value that is not of the key's type.
    #[error("{header} has a malformed `{key}`")]
    Malformed {
        /// The type that was asked for.
        header: &'static str,
        /// The key on the wire.
        key: &'static str,
    },
}
