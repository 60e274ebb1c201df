//! Reads frames on standard input, as lines of hexadecimal digits or as they lie on the wire, and prints one JSON object for each.
//!
//! ```text
//! echo 0000002d0100002900690c01df000000010000000000000000000000140005746f70696300000009546f70696354657374 |
//!     cargo run -p rocketmq-protocol --example decode
//! ```
//!
//! What the body of an answer is depends on what was asked: where the request is among the frames, it is found by its number. What cannot
//! be read becomes an object with `error` and `offset`, and reading goes on with the next frame.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use bytes::{Buf, Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits,
    body::{self, BodyKind},
    code::{RequestCode, ResponseCode},
    frame::split,
    message::{BatchRecord, BodyLimits, MessageExt, Properties, decode_batch, decode_messages},
};
use serde_json::{Map, Value, json};

fn main() -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let mut out = io::stdout().lock();
    let mut asked = Asked::default();
    let mut print = |shown: Shown<'_>| writeln!(out, "{}", shown.object(&mut asked));
    match hex_lines(&input) {
        Some(lines) => {
            for (offset, line) in lines {
                match line {
                    Some(frames) => describe_stream(frames, offset, &mut print)?,
                    None => print(Shown::Error("not hexadecimal digits".to_owned(), offset))?,
                }
            }
            Ok(())
        }
        None => describe_stream(input, 0, &mut print),
    }
}

/// Where each line begins, and its bytes if it is digits. `None`: the input is no text, and so the bytes themselves.
fn hex_lines(input: &[u8]) -> Option<Vec<(usize, Option<Vec<u8>>)>> {
    let text = std::str::from_utf8(input).ok().filter(|text| !text.contains('\0'))?;
    let mut offset = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            lines.push((offset, from_hex(line.trim())));
        }
        offset += line.len();
    }
    Some(lines)
}

fn from_hex(line: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = line.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A frame, or why there is none.
enum Shown<'a> {
    Command(&'a Command),
    Error(String, usize),
}

impl Shown<'_> {
    fn object(self, asked: &mut Asked) -> Value {
        match self {
            Self::Command(command) => describe(command, asked.body_of(command)),
            Self::Error(error, offset) => json!({ "error": error, "offset": offset }),
        }
    }
}

/// The requests whose answers have not been seen, by their numbers.
#[derive(Default)]
struct Asked(BTreeMap<i32, RequestCode>);

impl Asked {
    /// What the body of a command is. `None`: nothing is known of its code, or of what it answers.
    fn body_of(&mut self, command: &Command) -> Option<BodyKind> {
        if !command.is_response() {
            let code = command.request_code();
            self.0.insert(command.opaque, code);
            return code.name().map(|_| body::by_code(code).request);
        }
        let answered = self.0.remove(&command.opaque)?;
        match command.response_code() {
            ResponseCode::SUCCESS => Some(body::by_code(answered).response),
            _ => None,
        }
    }
}

/// `offset`: where the frames begin in the input.
fn describe_stream(
    bytes: Vec<u8>,
    offset: usize,
    print: &mut impl FnMut(Shown<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let total = bytes.len();
    let mut rest = BytesMut::from(&bytes[..]);
    while !rest.is_empty() {
        let at = offset + total - rest.len();
        match split(&mut rest, &FrameLimits::default()) {
            Ok(Some(frame)) => match Command::decode(frame) {
                Ok(command) => print(Shown::Command(&command))?,
                Err(error) => print(Shown::Error(error.to_string(), at))?,
            },
            Ok(None) => return print(Shown::Error("the last frame is not whole".to_owned(), at)),
            Err(error) => {
                print(Shown::Error(error.to_string(), at))?;
                // Where the next frame begins is not known.
                rest.advance(rest.len());
            }
        }
    }
    Ok(())
}

fn describe(command: &Command, kind: Option<BodyKind>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = command.ext_fields.iter().map(|f| (text(f.key), json!(text(f.value.bytes()))));
    let name = if command.is_response() {
        command.response_code().name()
    } else {
        command.request_code().name()
    };
    let body = kind.and_then(|kind| describe_body(kind, &command.body));
    json!({
        "code": command.code, "name": name, "response": command.is_response(),
        "oneway": command.is_oneway(), "flag": command.flags.0, "opaque": command.opaque,
        "language": command.language.name(), "version": command.version.to_string(),
        "serialization": format!("{:?}", command.serialization()), "remark": command.remark.as_deref(),
        "extFields": pairs.collect::<Map<_, _>>(), "body": body.unwrap_or_else(|| guess(&command.body)),
    })
}

/// `None`: it is not what it should be.
fn describe_body(kind: BodyKind, bytes: &Bytes) -> Option<Value> {
    match kind {
        _ if bytes.is_empty() => Some(Value::Null),
        BodyKind::Json(json) => json.value(bytes).ok(),
        BodyKind::Messages => describe_messages(bytes),
        BodyKind::Batch => Some(decode_batch(bytes.clone())?.iter().map(describe_record).collect()),
        BodyKind::Text | BodyKind::Bytes => Some(text_or_hex(bytes)),
        _ => None,
    }
}

/// Stored messages and JSON, in fastjson's dialect too, show what they are; anything else is shown as text or digits.
fn guess(bytes: &Bytes) -> Value {
    let json = || body::decode(bytes).ok().filter(|value: &Value| !value.is_number());
    if bytes.is_empty() {
        return Value::Null;
    }
    describe_messages(bytes).or_else(json).unwrap_or_else(|| text_or_hex(bytes))
}

fn describe_messages(bytes: &Bytes) -> Option<Value> {
    let messages: Vec<_> = decode_messages(bytes.clone()).collect();
    let describe = |read: &Result<MessageExt, _>| match read {
        Ok(message) => describe_message(message),
        Err(lost) => json!({ "error": format!("{lost}") }),
    };
    messages.iter().any(Result::is_ok).then(|| messages.iter().map(describe).collect())
}

fn describe_message(message: &MessageExt) -> Value {
    let body = match message.plain_body(&BodyLimits::default()) {
        Ok(body) => text_or_hex(&body),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({
        "topic": &*message.topic, "queueId": message.queue_id, "queueOffset": message.queue_offset,
        "commitLogOffset": message.commit_log_offset, "flag": message.flag, "sysFlag": message.sys_flag.0,
        "bornTimestamp": message.born_timestamp, "bornHost": message.born_host.to_string(),
        "storeTimestamp": message.store_timestamp, "storeHost": message.store_host.to_string(),
        "reconsumeTimes": message.reconsume_times, "msgId": message.message_id().as_str(),
        "crcMatches": message.crc_matches(), "properties": pairs(&message.properties), "body": body,
    })
}

fn describe_record(record: &BatchRecord) -> Value {
    json!({
        "flag": record.flag, "properties": pairs(&record.properties), "body": text_or_hex(&record.body),
    })
}

fn pairs(properties: &Properties) -> Map<String, Value> {
    properties.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn text_or_hex(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes)
        .map_or_else(|_| json!({ "bytes": bytes.len(), "hex": hex(bytes) }), |text| json!(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
