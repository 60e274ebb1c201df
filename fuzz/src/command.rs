//! Reading and writing commands in both forms.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, EncodeError, FrameLimits, Serialization, code::LanguageCode, frame::split,
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

/// `data` is a frame without its length word. Nothing panics, no header reads what JSON does not say, and what was read
/// survives being written.
pub fn command(data: &[u8]) {
    let command = Command::decode(Bytes::copy_from_slice(data));
    if let Some(header) = json_header(data) {
        agrees_with_json(header, command.as_ref().ok());
    }
    let Ok(command) = command else {
        return;
    };
    assert!(format!("{command:?}").len() <= 1024 + 8 * data.len());
    texts_can_be_found(&command);
    for form in [Serialization::Json, Serialization::RocketMq] {
        survives(&command, form);
    }
}

/// The header of a frame that claims to be JSON.
fn json_header(data: &[u8]) -> Option<&[u8]> {
    let [0, a, b, c, rest @ ..] = data else {
        return None;
    };
    rest.get(..u32::from_be_bytes([0, *a, *b, *c]) as usize)
}

/// `serde_json` knows JSON. What we read has to be JSON to it; and what is JSON with members of the ordinary types we have
/// to read, to the same values.
fn agrees_with_json(header: &[u8], command: Option<&Command>) {
    let grammatical = serde_json::from_slice::<IgnoredAny>(header).is_ok();
    assert!(grammatical || command.is_none(), "read what is not JSON");
    let Ok(Members(members)) = serde_json::from_slice(header) else {
        return;
    };
    if !members.iter().all(|(name, value)| is_ordinary(name, value)) {
        return;
    }
    let command = command.expect("an ordinary JSON header");
    let last = |name: &str| members.iter().rfind(|member| member.0 == name).map(|member| &member.1);
    let number = |name: &str| last(name).map_or(0, |n| n.as_i64().unwrap() as i32);
    assert_eq!(command.code, number("code"));
    assert_eq!(command.flags.0, number("flag"));
    assert_eq!(command.opaque, number("opaque"));
    assert_eq!(command.version.0, number("version"));
    let remark = last("remark").and_then(Value::as_str).unwrap_or_default();
    assert_eq!(command.remark.as_deref().unwrap_or_default(), remark);
    for (key, value) in last("extFields").and_then(Value::as_object).into_iter().flatten() {
        assert_eq!(command.ext_fields.get(key).as_deref(), value.as_str());
    }
}

/// The members of an object, those that come twice included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn is_ordinary(name: &str, value: &Value) -> bool {
    match name {
        "code" | "flag" | "opaque" | "version" => {
            value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        "language" | "remark" => value.is_string(),
        "extFields" => value.as_object().is_some_and(|fields| {
            fields.iter().all(|(key, value)| key.len() < 1 << 15 && value.is_string())
        }),
        "body" => false,
        // What nobody asked for may nest, but not as deep as it likes.
        _ => !value.is_array() && !value.is_object(),
    }
}

/// Every pair that is listed is found by its key; of equal keys the last.
fn texts_can_be_found(command: &Command) {
    let mut later = Vec::new();
    let pairs: Vec<_> = command.ext_fields.iter().collect();
    for pair in pairs.iter().rev().take(64) {
        let key = std::str::from_utf8(pair.key).expect("UTF-8");
        let value = std::str::from_utf8(pair.value.bytes()).expect("UTF-8");
        if !later.contains(&key) {
            assert_eq!(command.ext_fields.get(key).as_deref(), Some(value));
            later.push(key);
        }
    }
    assert_eq!(command.ext_fields.is_empty(), pairs.is_empty());
}

/// Written and read again it is the same, but for what the form cannot say.
fn survives(command: &Command, form: Serialization) {
    let mut out = BytesMut::from(&b"before"[..]);
    if let Err(error) = command.encode(form, &mut out) {
        assert_eq!(&out[..], b"before", "a failed writer left bytes behind");
        match error {
            EncodeError::CodeTooLarge(n) | EncodeError::VersionTooLarge(n) => {
                assert!(i16::try_from(n).is_err() && form == Serialization::RocketMq);
            }
            EncodeError::KeyTooLong(length) => assert!(length > i16::MAX as usize),
            other => panic!("{other}"),
        }
        return;
    }
    let mut out = out.split_off(6);
    let written = out.clone();
    let frame = split(&mut out, &FrameLimits::default()).expect("a length").expect("whole");
    assert!(out.is_empty());
    let again = Command::decode(frame).expect("what we wrote");
    assert_eq!(again.serialization(), form);
    let mut expected = command.clone();
    if form == Serialization::Json && command.language.name().is_none() {
        expected.language = LanguageCode::OTHER;
    }
    assert_eq!(again, expected);
    let mut rewritten = BytesMut::new();
    again.encode(form, &mut rewritten).expect("once more");
    assert_eq!(rewritten, written);
}
