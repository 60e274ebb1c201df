//! [`Command`]: one request or response.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{
    DecodeError, EncodeError, ExtFields, HeaderError, Text,
    code::{LanguageCode, RequestCode, ResponseCode, Version},
    frame::HEADER_WORD,
    header::{Header, Request},
    serialization::{FieldWriter, Head, Serialization, binary, json, write_frame_head},
};

/// One request or response (`remoting/protocol/RemotingCommand.java`).
///
/// A decoded command holds slices of its frame, so that keeping it, its body or one of its texts keeps the whole frame
/// in memory. Two commands are equal if they say the same, whichever form they arrived in.
#[derive(Debug, Clone)]
pub struct Command {
    /// What is asked for, or how it went: see [`request_code`](Self::request_code) and [`response_code`](Self::response_code).
    pub code: i32,
    /// The language of the writer.
    pub language: LanguageCode,
    /// The release of the writer.
    pub version: Version,
    /// The number that pairs an answer with its request. Chosen by the requester, any `i32`.
    pub opaque: i32,
    /// Response, one-way.
    pub flags: Flags,
    /// The text of an error. On success it is noise: judge by the code.
    pub remark: Option<Text>,
    /// The header's fields: see [`header`](Self::header).
    pub ext_fields: ExtFields,
    /// The body. Empty is the same as absent.
    pub body: Bytes,
    pub(crate) form: Serialization,
}

/// The flag word of a command. Bits without a meaning survive a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub i32);

impl Flags {
    /// A request that is answered.
    pub const REQUEST: Self = Self(0);
    /// An answer. To be looked at before `opaque`: a broker numbers its own requests as it likes.
    pub const RESPONSE: Self = Self(1);
    /// A request that is never answered, not even with an error.
    pub const ONEWAY: Self = Self(2);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && self.language == other.language
            && self.version == other.version
            && self.opaque == other.opaque
            && self.flags == other.flags
            && self.remark == other.remark
            && self.ext_fields == other.ext_fields
            && self.body == other.body
    }
}

impl Eq for Command {}

impl Default for Command {
    /// What a JSON header without members says.
    fn default() -> Self {
        Self {
            code: 0,
            language: LanguageCode::JAVA,
            version: Version(0),
            opaque: 0,
            flags: Flags::REQUEST,
            remark: None,
            ext_fields: ExtFields::default(),
            body: Bytes::new(),
            form: Serialization::Json,
        }
    }
}

impl Command {
    /// The release that this crate claims to be: one whose servers' answers and requests it understands, and the last that
    /// `GO_AWAY` is not sent to.
    pub const VERSION: Version = Version::V5_3_1;

    /// Reads a frame, as [`frame::split`](crate::frame::split) returns it: header word, header, body. Either form, by
    /// the frame's own type byte.
    ///
    /// # Errors
    ///
    /// When the header cannot be read. The frame's borders are known all the same, but servers close the connection on
    /// such a frame, and nothing tells which request it answers.
    pub fn decode(mut frame: Bytes) -> Result<Self, DecodeError> {
        let word = frame.first_chunk::<HEADER_WORD>().ok_or(DecodeError::Short(frame.len()))?;
        let word = u32::from_be_bytes(*word);
        let (form, header_len) = (word.to_be_bytes()[0], (word & 0x00ff_ffff) as usize);
        frame.advance(HEADER_WORD);
        if header_len > frame.len() {
            return Err(DecodeError::HeaderLength { header: header_len, frame: frame.len() });
        }
        let header = frame.split_to(header_len);
        match form {
            0 => json::read_header(&header, frame),
            1 => binary::read_header(&header, frame),
            other => Err(DecodeError::SerializeType(other)),
        }
    }

    /// Writes the whole frame, length word and body included.
    ///
    /// # Errors
    ///
    /// When the command cannot be expressed in this form; `out` is left as it was.
    pub fn encode(&self, form: Serialization, out: &mut BytesMut) -> Result<(), EncodeError> {
        let head = Head {
            code: self.code,
            language: self.language,
            version: self.version,
            opaque: self.opaque,
            flags: self.flags,
            remark: self.remark.as_deref(),
        };
        write_frame_head(&head, self.body.len(), form, out, |fields: &mut FieldWriter<'_>| {
            for field in self.ext_fields.iter() {
                fields.put_bytes(field.key, field.value.bytes());
            }
        })?;
        out.put_slice(&self.body);
        Ok(())
    }

    /// A request of this client. `opaque` is 0 until a connection numbers it.
    pub fn request<R: Request>(header: &R) -> Self {
        Self {
            code: R::CODE.0,
            language: LanguageCode::RUST,
            version: Self::VERSION,
            ..Self::default()
        }
        .with_header(header)
    }

    /// The answer to `request`.
    pub fn answer(request: &Self, code: ResponseCode) -> Self {
        Self {
            code: code.0,
            language: LanguageCode::RUST,
            version: Self::VERSION,
            opaque: request.opaque,
            flags: Flags::RESPONSE,
            ..Self::default()
        }
    }

    /// Replaces the ext fields by those of `header`.
    #[must_use]
    pub fn with_header<H: Header>(mut self, header: &H) -> Self {
        let mut section = BytesMut::new();
        let mut fields = FieldWriter::new(&mut section, Serialization::RocketMq);
        header.encode(&mut fields);
        self.ext_fields = ExtFields::entries(section.freeze());
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Replaces the remark.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<Text>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// Replaces the number that pairs answer and request.
    #[must_use]
    pub fn with_opaque(mut self, opaque: i32) -> Self {
        self.opaque = opaque;
        self
    }

    /// Makes it a request that is never answered.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.flags = self.flags.with(Flags::ONEWAY);
        self
    }

    /// What is asked for, if this is a request.
    pub fn request_code(&self) -> RequestCode {
        RequestCode(self.code)
    }

    /// How it went, if this is a response.
    pub fn response_code(&self) -> ResponseCode {
        ResponseCode(self.code)
    }

    /// Whether this is an answer.
    pub fn is_response(&self) -> bool {
        self.flags.contains(Flags::RESPONSE)
    }

    /// Whether no answer is expected.
    pub fn is_oneway(&self) -> bool {
        self.flags.contains(Flags::ONEWAY)
    }

    /// The form it arrived in.
    pub fn serialization(&self) -> Serialization {
        self.form
    }

    /// The ext fields as a typed header. Keys that `H` does not know are ignored.
    ///
    /// # Errors
    ///
    /// When a required key is absent or a value is not of its type.
    pub fn header<H: Header>(&self) -> Result<H, HeaderError> {
        H::decode(&self.ext_fields)
    }
}
