//! [`Command`]: one request or response.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{
    DecodeError, EncodeError, ExtFields, Flags, HeaderError, Text,
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
            1 => binary::read_header(header, frame),
            other => Err(DecodeError::SerializeType(other)),
        }
    }

    /// Writes the whole frame, length word and body included.
    ///
    /// # Errors
    ///
    /// When the command cannot be expressed in this form; `out` is left as it was.
    pub fn encode(&self, form: Serialization, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_head(self.body.len(), form, out)?;
        out.put_slice(&self.body);
        Ok(())
    }

    /// Writes everything that precedes the body, and announces a body of `body_len` bytes, which the caller sends right after.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_head(
        &self,
        body_len: usize,
        form: Serialization,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let head = Head {
            code: self.code,
            language: self.language,
            version: self.version,
            opaque: self.opaque,
            flags: self.flags,
            remark: self.remark.as_deref(),
        };
        write_frame_head(&head, body_len, form, out, |fields: &mut FieldWriter<'_>| {
            for field in self.ext_fields.iter() {
                fields.put_pair(field.key, field.value.bytes());
            }
        })
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

    /// Adds the fields of `header` behind those there are: what belongs to every request, whatever it asks.
    pub fn add_fields<H: Header>(&mut self, header: &H) {
        let added = Self::default().with_header(header).ext_fields;
        for field in added.iter() {
            let key = std::str::from_utf8(field.key).unwrap_or_default(); // keys of headers are text
            self.ext_fields.push(key, &field.value.to_text());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{FrameLimits, split},
        header::{
            GetRouteInfoRequestHeader, SendMessageRequestHeaderV2,
            UpdateConsumerOffsetRequestHeader,
        },
    };

    const JSON: Serialization = Serialization::Json;
    const BINARY: Serialization = Serialization::RocketMq;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.bytes().map(|d| char::from(d).to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn from_rust(mut command: Command, opaque: i32) -> Command {
        command.language = LanguageCode::RUST;
        command.version = Version::V5_3_3;
        command.with_opaque(opaque)
    }

    /// `hex` is a frame that Java writes, or reads, with this meaning.
    fn check(command: &Command, form: Serialization, hex: &str) {
        let mut buffer = BytesMut::from(&bytes(hex)[..]);
        let frame = split(&mut buffer, &FrameLimits::default()).unwrap().unwrap();
        let read = Command::decode(frame).unwrap();
        assert_eq!(read, *command);
        assert_eq!(read.serialization(), form);
        let mut written = BytesMut::new();
        command.encode(form, &mut written).unwrap();
        assert_eq!(written, bytes(hex));
    }

    fn route_request() -> Command {
        let header = GetRouteInfoRequestHeader { topic: "TopicTest".into(), ..Default::default() };
        from_rust(Command::request(&header), 1)
    }

    #[test]
    fn a_request_in_json() {
        check(
            &route_request(),
            JSON,
            "00000087000000837b22636f6465223a3130352c226578744669656c6473223a7b22746f706963223a22546f7069635465\
             7374227d2c22666c6167223a302c226c616e6775616765223a2252555354222c226f7061717565223a312c2273657269616c\
             697a655479706543757272656e74525043223a224a534f4e222c2276657273696f6e223a3437397d",
        );
    }

    #[test]
    fn a_request_in_binary() {
        check(
            &route_request(),
            BINARY,
            "0000002d0100002900690c01df000000010000000000000000000000140005746f70696300000009546f70696354657374",
        );
    }

    #[test]
    fn a_response_in_json() {
        let mut command = from_rust(Command::answer(&route_request(), ResponseCode::SUCCESS), 1);
        command.language = LanguageCode::JAVA;
        check(
            &command.with_body(&b"{}"[..]),
            JSON,
            "000000650000005f7b22636f6465223a302c22666c6167223a312c226c616e6775616765223a224a415641222c226f7061\
             717565223a312c2273657269616c697a655479706543757272656e74525043223a224a534f4e222c2276657273696f6e223a\
             3437397d7b7d",
        );
    }

    #[test]
    fn an_error_in_binary() {
        let mut command = Command::answer(&route_request(), ResponseCode::TOPIC_NOT_EXIST);
        command.language = LanguageCode::JAVA;
        command.version = Version::V5_3_3;
        check(
            &command.with_remark("No topic route"),
            BINARY,
            "000000270100002300110001df00000001000000010000000e4e6f20746f70696320726f75746500000000",
        );
    }

    #[test]
    fn a_send_in_the_order_of_its_fields() {
        let header = SendMessageRequestHeaderV2 {
            producer_group: "PG".into(),
            topic: "TopicTest".into(),
            default_topic: "TBW102".into(),
            default_topic_queue_nums: 4,
            queue_id: 3,
            born_timestamp: 1_700_000_000_000,
            properties: Some(
                "KEYS\u{1}k1\u{2}UNIQ_KEY\u{1}7F0000010F1C18B4AAC2000186A00000\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA\u{2}"
                    .into(),
            ),
            reconsume_times: Some(0),
            unit_mode: Some(false),
            batch: Some(false),
            broker_name: Some("broker-a".into()),
            ..Default::default()
        };
        check(
            &from_rust(Command::request(&header), 2).with_body(&b"hello rocketmq"[..]),
            BINARY,
            "000000fd010000eb01360c01df000000020000000000000000000000d6000161000000025047000162000000\
             09546f7069635465737400016300000006544257313032000164000000013400016500000001330001660000\
             0001300001670000000d313730303030303030303030300001680000000130000169000000464b455953016b\
             3102554e49515f4b455901374630303030303130463143313842344141433230303031383641303030303002\
             574149540174727565025441475301546167410200016a000000013000016b0000000566616c736500016d00\
             00000566616c736500016e0000000862726f6b65722d6168656c6c6f20726f636b65746d71",
        );
    }

    #[test]
    fn a_one_way_request() {
        let header = UpdateConsumerOffsetRequestHeader {
            consumer_group: "CG".into(),
            topic: "TopicTest".into(),
            queue_id: 3,
            commit_offset: 100,
            ..Default::default()
        };
        check(
            &from_rust(Command::request(&header), 3).oneway(),
            BINARY,
            "0000006501000061000f0c01df0000000300000002000000000000004c000d636f6e73756d657247726f75700000000243\
             470005746f70696300000009546f706963546573740007717565756549640000000133000c636f6d6d69744f6666736574000\
             00003313030",
        );
    }

    #[test]
    fn f31_a_code_beyond_16_bits_is_not_cut() {
        let command = Command { code: RequestCode::POP_MESSAGE.0, ..Command::default() };
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(command.encode(BINARY, &mut out), Err(EncodeError::CodeTooLarge(200_050)));
        assert_eq!(out, &b"before"[..], "nothing was written");
        // What a peer that cuts it makes of it.
        let cut =
            Command::decode(bytes("010000150d720c01df00000004000000000000000000000000").into());
        assert_eq!(cut.unwrap().code, 3442);
    }

    #[test]
    fn an_empty_value_is_null_in_binary_only() {
        let header = GetRouteInfoRequestHeader { topic: Text::default(), ..Default::default() };
        let read = |form| {
            let mut out = BytesMut::new();
            Command::request(&header).encode(form, &mut out).unwrap();
            let frame = split(&mut out, &FrameLimits::default()).unwrap().unwrap();
            Command::decode(frame).unwrap()
        };
        assert_eq!(read(JSON).header::<GetRouteInfoRequestHeader>().unwrap(), header);
        let error = read(BINARY).header::<GetRouteInfoRequestHeader>().unwrap_err();
        assert_eq!(error.to_string(), "GetRouteInfoRequestHeader lacks `topic`");
        assert_eq!(read(BINARY).ext_fields.get("topic").unwrap(), "");
    }
}
