//! Reads frames on standard input, as lines of hexadecimal digits or as they lie on the wire, and prints one JSON object for each.
//!
//! ```text
//! echo 0000002d0100002900690c01df000000010000000000000000000000140005746f70696300000009546f70696354657374 |
//!     cargo run -p rocketmq-protocol --example decode
//! ```
//!
//! What cannot be read becomes an object with `error` and `offset`, and reading goes on with the next frame.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits, body,
    frame::split,
    message::{BodyLimits, MessageExt, decode_messages},
};
use serde_json::{Map, Value, json};

fn main() -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let mut out = io::stdout().lock();
    let mut print = |object: Value| writeln!(out, "{object}");
    match hex_lines(&input) {
        Some(lines) => {
            for (offset, line) in lines {
                match line {
                    Some(frames) => describe_stream(frames, offset, &mut print)?,
                    None => print(json!({ "error": "not hexadecimal digits", "offset": offset }))?,
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

/// `offset`: where the frames begin in the input.
fn describe_stream(
    bytes: Vec<u8>,
    offset: usize,
    print: &mut impl FnMut(Value) -> io::Result<()>,
) -> io::Result<()> {
    let total = bytes.len();
    let mut rest = BytesMut::from(&bytes[..]);
    while !rest.is_empty() {
        let at = offset + total - rest.len();
        match split(&mut rest, &FrameLimits::default()) {
            Ok(Some(frame)) => print(match Command::decode(frame) {
                Ok(command) => describe(&command),
                Err(error) => json!({ "error": error.to_string(), "offset": at }),
            })?,
            Ok(None) => {
                return print(json!({ "error": "the last frame is not whole", "offset": at }));
            }
            Err(error) => {
                print(json!({ "error": error.to_string(), "offset": at }))?;
                // Where the next frame begins is not known.
                rest.advance(rest.len());
            }
        }
    }
    Ok(())
}

fn describe(command: &Command) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = command.ext_fields.iter().map(|f| (text(f.key), json!(text(f.value.bytes()))));
    let name = if command.is_response() {
        command.response_code().name()
    } else {
        command.request_code().name()
    };
    json!({
        "code": command.code, "name": name, "response": command.is_response(),
        "oneway": command.is_oneway(), "flag": command.flags.0, "opaque": command.opaque,
        "language": command.language.name(), "version": command.version.to_string(),
        "serialization": format!("{:?}", command.serialization()), "remark": command.remark.as_deref(),
        "extFields": pairs.collect::<Map<_, _>>(), "body": describe_body(&command.body),
    })
}

/// Stored messages and JSON, in fastjson's dialect too, are recognised by what they are; anything else is shown as digits.
fn describe_body(bytes: &Bytes) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let messages: Vec<_> = decode_messages(bytes.clone()).collect();
    if messages.iter().any(Result::is_ok) {
        let describe = |read: &Result<MessageExt, _>| match read {
            Ok(message) => describe_message(message),
            Err(lost) => json!({ "error": format!("{lost}") }),
        };
        return messages.iter().map(describe).collect();
    }
    let json = bytes.starts_with(b"{") || bytes.starts_with(b"[");
    match body::decode::<Value>(bytes) {
        Ok(value) if json => value,
        _ => json!({ "bytes": bytes.len(), "hex": hex(bytes) }),
    }
}

fn describe_message(message: &MessageExt) -> Value {
    let properties = message.properties.iter().map(|(name, value)| (name.to_owned(), json!(value)));
    let body = match message.plain_body(&BodyLimits::default()) {
        Ok(body) => std::str::from_utf8(&body)
            .map_or_else(|_| json!({ "hex": hex(&body) }), |text| json!(text)),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({
        "topic": &*message.topic, "queueId": message.queue_id, "queueOffset": message.queue_offset,
        "commitLogOffset": message.commit_log_offset, "flag": message.flag, "sysFlag": message.sys_flag.0,
        "bornTimestamp": message.born_timestamp, "bornHost": message.born_host.to_string(),
        "storeTimestamp": message.store_timestamp, "storeHost": message.store_host.to_string(),
        "reconsumeTimes": message.reconsume_times, "msgId": message.message_id().as_str(),
        "crcMatches": message.crc_matches(), "properties": properties.collect::<Map<_, _>>(), "body": body,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
