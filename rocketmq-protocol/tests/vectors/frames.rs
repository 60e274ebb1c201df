//! Frames: what Java writes and what it makes of what it is sent.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, EncodeError, ExtFields, Flags, FrameLimits, Serialization, Text,
    code::{LanguageCode, Version},
    frame,
};
use serde_json::Value;

use crate::{
    deviations::{self, Verdict},
    reader::{Case, Outcome, equal, hex, text},
};

/// A command as the vectors describe it, in the terms in which Java's and ours can be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    pub(crate) code: i32,
    /// `None`: not a language that Java knows.
    pub(crate) language: Option<String>,
    pub(crate) version: i32,
    /// `None`: the frame gave none, and Java drew a number of its own.
    pub(crate) opaque: Option<i32>,
    pub(crate) flag: i32,
    pub(crate) remark: Option<String>,
    /// By key, the last of equal ones; a null key of Java's is an empty one.
    pub(crate) ext: std::collections::BTreeMap<String, Option<String>>,
    pub(crate) body: Vec<u8>,
    pub(crate) form: String,
}

impl Described {
    pub(crate) fn theirs(command: &Value) -> Self {
        let number = |member: &str| i32::try_from(command[member].as_i64().unwrap()).unwrap();
        Self {
            code: number("code"),
            language: text(&command["language"]),
            version: number("version"),
            opaque: (command["opaque"] != "counter").then(|| number("opaque")),
            flag: number("flag"),
            remark: text(&command["remark"]),
            ext: pairs(&command["ext"])
                .into_iter()
                .map(|(key, value)| (key.unwrap_or_default(), value))
                .collect(),
            body: command["body"].as_str().map(hex).unwrap_or_default(),
            form: command["serializeType"].as_str().unwrap().to_owned(),
        }
    }

    fn ours(command: &Command) -> Self {
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("checked");
        Self {
            code: command.code,
            language: command.language.name().map(str::to_owned),
            version: command.version.0,
            opaque: Some(command.opaque),
            flag: command.flags.0,
            remark: command.remark.as_deref().map(str::to_owned),
            ext: command
                .ext_fields
                .iter()
                .map(|field| (utf8(field.key), Some(utf8(field.value.bytes()))))
                .collect(),
            body: command.body.to_vec(),
            form: form_name(command.serialization()).to_owned(),
        }
    }
}

/// A list of [key, value], or null.
fn pairs(list: &Value) -> Vec<(Option<String>, Option<String>)> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn form_name(form: Serialization) -> &'static str {
    match form {
        Serialization::Json => "JSON",
        Serialization::RocketMq => "ROCKETMQ",
    }
}

/// What is left when a whole frame loses its length word.
fn without_length(frame: &[u8]) -> Bytes {
    let mut buffer = BytesMut::from(frame);
    let whole = frame::split(&mut buffer, &FrameLimits::default());
    let whole = whole.expect("a length within the limits").expect("a whole frame");
    assert!(buffer.is_empty(), "bytes after the frame");
    whole
}

/// Reads a frame of Java's writing, and compares the outcome with Java's own, rules for deviations applied.
fn compare_decoded(case: &Case, frame: &[u8], outcome: &Value) -> Outcome {
    let ours = Command::decode(without_length(frame));
    let theirs = outcome.get("ok").map(Described::theirs);
    match (deviations::judge(case, frame, theirs), ours) {
        (Verdict::Refused(_), Err(_)) => Ok(()),
        (Verdict::Reads(theirs), Ok(ours)) => equal("decoded", &Described::ours(&ours), &theirs),
        (verdict, ours) => Err(format!("{verdict:?}, but ours gave {ours:?}")),
    }
}

/// `command` → `frame`, and back.
pub(crate) fn encode(case: &Case) -> Outcome {
    let described = case.get("command");
    let form = match described["serializeType"].as_str() {
        Some("JSON") => Serialization::Json,
        _ => Serialization::RocketMq,
    };
    let written = build(described).and_then(|command| {
        let mut out = BytesMut::new();
        command.encode(form, &mut out).map(|()| (command, out))
    });
    if case.get("frame").is_null() {
        // Java cannot write a null language in binary, nor a key that is too long.
        let unwritable = described["language"].is_null() || written.is_err();
        return equal("Java refused to write", &unwritable, &true);
    }
    let theirs = case.bytes("frame");
    compare_decoded(case, &theirs, case.get("decodes"))?;
    let (command, ours) = match written {
        // Java cuts it to 16 bits, so that it arrives as another one.
        Err(EncodeError::CodeTooLarge(number) | EncodeError::VersionTooLarge(number)) => {
            let cut = form == Serialization::RocketMq && i16::try_from(number).is_err();
            return equal("a number beyond 16 bits", &cut, &true);
        }
        written => written.map_err(|error| error.to_string())?,
    };
    match form {
        Serialization::RocketMq => equal("bytes", &hex_of(&ours), &hex_of(&theirs))?,
        Serialization::Json => {
            let (our_header, our_body) = json_parts(&ours);
            let (their_header, their_body) = json_parts(&theirs);
            equal("header", &our_header, &normal(their_header))?;
            equal("body", &our_body, &their_body)?;
        }
    }
    let again = Command::decode(without_length(&ours)).map_err(|error| error.to_string())?;
    equal("round trip", &again, &command)
}

/// The command of an `encode` case. What Java does not write either is left out: null keys and values.
fn build(described: &Value) -> Result<Command, EncodeError> {
    let number = |member: &str| i32::try_from(described[member].as_i64().unwrap()).unwrap();
    let mut ext_fields = ExtFields::default();
    for (key, value) in pairs(&described["ext"]) {
        if let (Some(key), Some(value)) = (key, value) {
            if key.len() > i16::MAX as usize {
                return Err(EncodeError::KeyTooLong(key.len()));
            }
            ext_fields.push(&key, &value);
        }
    }
    let language = described["language"].as_str().map_or(LanguageCode::OTHER, |name| {
        LanguageCode::from_name(name.as_bytes()).expect("a language of the table")
    });
    let body = described["body"].as_str().map(hex).unwrap_or_default();
    let mut command = Command::default().with_body(body);
    command.code = number("code");
    command.language = language;
    command.version = Version(number("version"));
    command.opaque = number("opaque");
    command.flags = Flags(number("flag"));
    command.remark = text(&described["remark"]).filter(|remark| !remark.is_empty()).map(Text::from);
    command.ext_fields = ext_fields;
    Ok(command)
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json_parts(frame: &[u8]) -> (Value, String) {
    let length = u32::from_be_bytes(frame[4..8].try_into().unwrap()) as usize;
    let (header, body) = frame[8..].split_at(length);
    (serde_json::from_slice(header).expect("strict JSON"), hex_of(body))
}

/// Java's header without what means nothing: an empty remark, an empty map; a null language is OTHER here.
fn normal(mut header: Value) -> Value {
    let members = header.as_object_mut().expect("an object");
    members.retain(|name, value| match name.as_str() {
        "remark" => *value != "",
        "extFields" => value.as_object().is_some_and(|map| !map.is_empty()),
        _ => true,
    });
    members.entry("language").or_insert_with(|| "OTHER".into());
    header
}

/// `frame` → `decodes`.
pub(crate) fn decode(case: &Case) -> Outcome {
    compare_decoded(case, &case.bytes("frame"), case.get("decodes"))
}

/// What a connection makes of bytes: the numbers of the commands it delivers, and whether it stays open. A frame that
/// cannot be read closes it, but its neighbours are delivered; a length word that cannot be right ends everything.
#[derive(Debug, Default, PartialEq)]
struct Connection {
    opaques: Vec<i64>,
    broken: bool,
    buffer: BytesMut,
}

impl Connection {
    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        loop {
            match frame::split(&mut self.buffer, &FrameLimits::default()) {
                Ok(Some(frame)) => match Command::decode(frame) {
                    Ok(command) => self.opaques.push(command.opaque.into()),
                    Err(_) => self.broken = true,
                },
                Ok(None) => return,
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
    }

    fn compare(&self, channel: &Value) -> Outcome {
        let opaques = channel["opaques"].as_array().unwrap();
        let opaques: Vec<i64> = opaques.iter().map(|o| o.as_i64().unwrap()).collect();
        equal("delivered", &self.opaques, &opaques)?;
        equal("open", &!self.broken, &channel["open"].as_bool().unwrap())
    }
}

/// `bytes` to a fresh connection.
pub(crate) fn channel(case: &Case) -> Outcome {
    let mut connection = Connection::default();
    connection.feed(&case.bytes("bytes"));
    connection.compare(case.get("channel"))
}

/// `chunks` to a fresh connection, one by one.
pub(crate) fn stream(case: &Case) -> Outcome {
    let mut connection = Connection::default();
    for chunk in case.get("chunks").as_array().unwrap() {
        connection.feed(&hex(chunk.as_str().unwrap()));
    }
    equal("left over", &connection.buffer.len(), &0)?;
    connection.compare(case.get("channel"))
}
