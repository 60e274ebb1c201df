//! Where ours differs from Java on purpose, for every file but `frames`: one row a rule, with its condition, what ours is
//! instead, and the reason.
//!
//! Readers put both sides into JSON and hand them to [`agree`]. A rule that applies where both sides agree anyway fails its case,
//! and a rule that no case needs fails the test at the end.

use rocketmq_protocol::message::{BodyLimits, Compression, decompress};
use serde_json::{Value, json};

use crate::{
    reader::{Case, Outcome, cases, equal},
    trace,
};

/// What an outcome is that is an error on either side.
pub(crate) const REFUSED: &str = "refused";

/// A difference on purpose.
struct Rule {
    /// The file, and the kinds of case in it.
    file: &'static str,
    kind: &'static str,
    /// What is compared.
    member: &'static str,
    reason: &'static str,
    applies: fn(&Case) -> bool,
    ours: fn(&Case) -> Value,
}

/// Theirs, without the wrapping: the value, or [`REFUSED`].
pub(crate) fn outcome(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.len() == 1 && members.contains_key("ok") => {
            value["ok"].clone()
        }
        Value::Object(members) if members.contains_key("error") => json!(REFUSED),
        other => other.clone(),
    }
}

/// Ours, where what is refused has no value.
pub(crate) fn or_refused<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or_else(|| json!(REFUSED), Into::into)
}

/// Compares ours with theirs, or with what a rule says instead.
pub(crate) fn agree(case: &Case, member: &str, ours: impl Into<Value>) -> Outcome {
    let (ours, theirs) = (ours.into(), outcome(case.get(member)));
    match rule(case, member) {
        None => equal(member, &ours, &theirs),
        Some(rule) => {
            let expected = (rule.ours)(case);
            if expected == theirs {
                return Err(format!("{member}: no need to differ: {}", rule.reason));
            }
            equal(&format!("{member} ({})", rule.reason), &ours, &expected)
        }
    }
}

fn rule(case: &Case, member: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| {
        rule.kind == case.text("kind") && rule.member == member && (rule.applies)(case)
    })
}

fn refused(_: &Case) -> Value {
    json!(REFUSED)
}

const RULES: &[Rule] = &[
    Rule {
        file: "messages",
        kind: "id-decode",
        member: "decoded",
        reason: "an id has 32 or 56 hexadecimal digits; to Java any other character is a digit too, and what is too much is cut",
        applies: |case| {
            let id = case.get("id").as_str().unwrap_or_default();
            let digits = id.bytes().all(|digit| digit.is_ascii_hexdigit());
            let proper = digits && [32, 56].contains(&id.len());
            !proper && outcome(case.get("decoded")).is_object()
        },
        ours: refused,
    },
    Rule {
        file: "messages",
        kind: "broken",
        member: "decoded",
        reason: "a topic that is not UTF-8 is none; Java replaces what it cannot read, and so makes another topic of it",
        applies: |case| outcome(case.get("decoded"))["topic"].to_string().contains('\u{fffd}'),
        ours: refused,
    },
    Rule {
        file: "messages",
        kind: "broken",
        member: "decodesWithCrcCheck",
        reason: "a topic that is not UTF-8 is none; Java replaces what it cannot read, and so makes another topic of it",
        applies: |case| outcome(case.get("decoded"))["topic"].to_string().contains('\u{fffd}'),
        ours: |_| json!(false),
    },
    Rule {
        file: "messages",
        kind: "broken",
        member: "decoded",
        reason: "a property that is not UTF-8 is passed over where texts are asked for; Java replaces what it cannot read",
        applies: |case| outcome(case.get("decoded"))["properties"].to_string().contains('\u{fffd}'),
        ours: |case| {
            let mut message = case.get("decoded").clone();
            if let Some(properties) = message["properties"].as_object_mut() {
                properties.retain(|name, value| !format!("{name}{value}").contains('\u{fffd}'));
            }
            message
        },
    },
    Rule {
        file: "messages",
        kind: "batch-broken",
        member: "decoded",
        reason: "a record ends where its size says, or it is damaged: Java does not look at the size",
        applies: |case| {
            outcome(case.get("decoded")).is_array() && !sizes_lead_to_the_end(&case.bytes("bytes"))
        },
        ours: refused,
    },
    Rule {
        file: "messages",
        kind: "broken",
        member: "decoded",
        reason: "a message ends where its total size says, or it is damaged: Java does not look at the total size",
        applies: |case| outcome(case.get("decoded")).is_object() && does_not_end_there(case),
        ours: refused,
    },
    Rule {
        file: "messages",
        kind: "broken",
        member: "decodesWithCrcCheck",
        reason: "a message ends where its total size says, or it is damaged: Java does not look at the total size",
        applies: |case| {
            outcome(case.get("decodesWithCrcCheck")) == true && does_not_end_there(case)
        },
        ours: |_| json!(false),
    },
    Rule {
        file: "compression",
        kind: "decompress",
        member: "result",
        reason: "a zero behind a frame is no frame, and garbage like any other",
        applies: |case| {
            case.text("type") == "ZSTD" && ends_in_a_zero_too_many(&case.bytes("input"))
        },
        ours: refused,
    },
    Rule {
        file: "names",
        kind: "name",
        member: "checkGroup",
        reason: "names that Java gives to clients without one, and refuses when they are started",
        applies: |case| {
            matches!(case.get("name").as_str(), Some("DEFAULT_PRODUCER" | "DEFAULT_CONSUMER"))
        },
        ours: refused,
    },
    Rule {
        file: "names",
        kind: "vip",
        member: "vip",
        reason: "a port below 0 is none",
        applies: |case| outcome(case.get("vip")).as_str().is_some_and(|vip| vip.contains(":-")),
        ours: refused,
    },
    Rule {
        file: "names",
        kind: "endpoint",
        member: "instance",
        reason: "an endpoint that is of no instance names none",
        applies: |case| {
            outcome(case.get("isInstance")) == false && !case.text("endpoint").is_empty()
        },
        ours: |_| Value::Null,
    },
    Rule {
        file: "names",
        kind: "endpoint",
        member: "address",
        reason: "nothing is an empty address, and not null",
        applies: |case| case.text("endpoint").is_empty(),
        ours: |_| json!(""),
    },
    Rule {
        file: "names",
        kind: "properties-text-write",
        member: "sortedText",
        reason: "Java's reader takes the bytes for Latin-1, and so garbles what its writer does not escape",
        applies: |case| !case.text("text").is_ascii(),
        ours: |case| {
            let text = outcome(case.get("sortedText"));
            let units = text.as_str().expect("a text").encode_utf16();
            let escaped = units.map(|unit| match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                _ => format!("\\u{unit:04X}"),
            });
            Value::String(escaped.collect())
        },
    },
    Rule {
        file: "names",
        kind: "consume-timestamp",
        member: "text",
        reason: "a day or a second that there is not comes back as the one that it amounts to",
        applies: |case| carried(case.text("text")) != case.text("text"),
        ours: |case| json!(carried(case.text("text"))),
    },
    Rule {
        file: "names",
        kind: "delay-levels",
        member: "parsed",
        reason: "a ladder that Java gives up on half way, or with a time before now, is none",
        applies: |case| {
            let parsed = outcome(case.get("parsed"));
            parsed["ok"] == false || case.text("text").contains('-')
        },
        ours: refused,
    },
    Rule {
        file: "pop",
        kind: "extra-read",
        member: "handle",
        reason: "nobody knows the topic of a kind beyond 2; Java takes it for the one it is asked about",
        applies: |case| {
            let handle = outcome(case.get("handle"));
            handle["topicType"].as_str().is_some_and(|kind| !["0", "1", "2"].contains(&kind))
        },
        ours: refused,
    },
    Rule {
        file: "pop",
        kind: "lite-read",
        member: "isLite",
        reason: "without a parent and one lite topic it is the name of nothing",
        applies: |case| is_unnamed_lite(case),
        ours: |_| json!(false),
    },
    Rule {
        file: "pop",
        kind: "lite-read",
        member: "belongsToA",
        reason: "without a parent and one lite topic it is the name of nothing",
        applies: |case| is_unnamed_lite(case) && case.text("lmq").starts_with("%LMQ%$a$"),
        ours: |_| json!(false),
    },
    Rule {
        file: "pop",
        kind: "recall-read",
        member: "decoded",
        reason: "a time is a number",
        applies: |case| {
            let decoded = outcome(case.get("decoded"));
            decoded["timestamp"].as_str().is_some_and(|time| time.parse::<i64>().is_err())
        },
        ours: refused,
    },
    Rule {
        file: "pop",
        kind: "info-read",
        member: "startOffsets",
        reason: "only order counts are about single messages",
        applies: |case| is_about_messages(case),
        ours: refused,
    },
    Rule {
        file: "pop",
        kind: "info-read",
        member: "msgOffsets",
        reason: "only order counts are about single messages",
        applies: |case| is_about_messages(case),
        ours: refused,
    },
    Rule {
        file: "pop",
        kind: "topic",
        member: "normalOfGroup",
        reason: "a retry topic of another group stays as it is; Java cuts it at the length that this group's has",
        applies: |case| {
            let rest = case.text("topic").strip_prefix("%RETRY%");
            rest.is_some_and(|rest| !rest.starts_with(case.text("group")))
        },
        ours: |case| case.get("topic").clone(),
    },
    Rule {
        file: "pop",
        kind: "topic",
        member: "parsedGroup",
        reason: "only the newer form of a retry topic tells its group; Java cuts others at the length of the prefix",
        applies: |case| {
            let parts = case.text("topic").split('+').filter(|part| !part.is_empty()).count();
            let splits = case.get("isV2") == true && parts == 2;
            !splits && outcome(case.get("parsedGroup")) != REFUSED
        },
        ours: refused,
    },
    Rule {
        file: "subscription",
        kind: "build",
        member: "result",
        reason: "there are two types of expression; Java passes any other on, for brokers to refuse",
        applies: |case| !matches!(case.get("type").as_str(), None | Some("TAG" | "SQL92")),
        ours: |case| {
            let mut result = outcome(case.get("result"));
            result["expressionType"] = json!("SQL92");
            result
        },
    },
    Rule {
        file: "trace",
        kind: "encode",
        member: "data",
        reason: "an empty last field costs Java's reader every record of the message",
        applies: |case| ends_in_nothing(&outcome(case.get("encoded"))["data"]),
        ours: |case| {
            let encoded = outcome(case.get("encoded"));
            json!(with_null_keys(encoded["data"].as_str().expect("a text")))
        },
    },
    Rule {
        file: "trace",
        kind: "encode",
        member: "decoded",
        reason: "an empty last field costs Java's reader every record of the message",
        applies: |case| ends_in_nothing(&outcome(case.get("encoded"))["data"]),
        ours: |case| {
            let encoded = outcome(case.get("encoded"));
            trace::contexts(&with_null_keys(encoded["data"].as_str().expect("a text")))
        },
    },
    Rule {
        file: "trace",
        kind: "decode",
        member: "decoded",
        reason: "an empty last field costs Java's reader every record of the message",
        applies: |case| ends_in_nothing(case.get("text")),
        ours: |case| trace::contexts(&with_null_keys(case.text("text"))),
    },
    Rule {
        file: "trace",
        kind: "encode",
        member: "decoded",
        reason: "what is written for null is read as nothing",
        applies: |case| outcome(case.get("decoded"))[0]["beans"][0]["offsetMsgId"] == "null",
        ours: |case| {
            let mut decoded = outcome(case.get("decoded"));
            decoded[0]["beans"][0]["offsetMsgId"] = json!("");
            decoded
        },
    },
];

/// A `yyyyMMddHHmmss` with what is too much of seconds, days and months carried on; only what the cases have.
fn carried(text: &str) -> String {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse().ok());
    let parts = [(0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)];
    let parts: Option<Vec<u32>> = parts.iter().map(|(from, to)| number(*from, *to)).collect();
    let Some([mut year, mut month, mut day, hour, mut minute, mut second]) =
        parts.and_then(|parts| <[u32; 6]>::try_from(parts).ok())
    else {
        return text.to_owned();
    };
    (minute, second) = (minute + second / 60, second % 60);
    (year, month) = (year + (month - 1) / 12, (month - 1) % 12 + 1);
    let february = if year % 4 == 0 { 29 } else { 28 };
    if month == 2 && day > february {
        (month, day) = (3, day - february);
    }
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Whether it would be whole without its last byte, which is zero.
fn ends_in_a_zero_too_many(input: &[u8]) -> bool {
    let whole = |input: &[u8]| decompress(Compression::Zstd, input, &BodyLimits::default()).is_ok();
    input.split_last().is_some_and(|(last, rest)| *last == 0 && !rest.is_empty() && whole(rest))
}

/// Whether the total size of a message is not what Java has read of it.
fn does_not_end_there(case: &Case) -> bool {
    let size = i32::from_be_bytes(case.bytes("bytes")[..4].try_into().expect("four"));
    case.get("consumed").as_i64() != Some(size.into())
}

/// Whether the sizes of a batch's records are those of records, and end where the batch ends.
fn sizes_lead_to_the_end(mut rest: &[u8]) -> bool {
    while let Some((size, _)) = rest.split_first_chunk() {
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(0);
        if size < 22 || size > rest.len() {
            return false;
        }
        rest = &rest[size..];
    }
    rest.is_empty()
}

/// Only a record of what is about to be consumed ends in a text.
fn ends_in_nothing(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.starts_with("SubBefore") && text.contains("\u{1}\u{2}"))
}

fn with_null_keys(text: &str) -> String {
    text.replace("\u{1}\u{2}", "\u{1}null\u{2}")
}

fn is_unnamed_lite(case: &Case) -> bool {
    let begins_so = case.get("lmq").as_str().is_some_and(|name| name.starts_with("%LMQ%$"));
    begins_so && outcome(case.get("pair")).is_null()
}

fn is_about_messages(case: &Case) -> bool {
    case.get("text").as_str().is_some_and(|text| text.contains("qo"))
}

#[test]
fn every_rule_is_needed() {
    for rule in RULES {
        let of_kind = |case: &Case| case.text("kind") == rule.kind;
        let needed = cases(rule.file).iter().any(|case| of_kind(case) && (rule.applies)(case));
        assert!(needed, "{} {} {}: not needed: {}", rule.file, rule.kind, rule.member, rule.reason);
    }
}
