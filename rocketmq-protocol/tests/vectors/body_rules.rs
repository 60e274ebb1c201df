//! Where ours reads and writes bodies otherwise than Java on purpose: each rule has a condition on the body and a reason.

use serde_json::{Map, Value};

use crate::reader::{Case, Outcome, text};

/// Classes that have no type, by the reason.
const LEFT_OUT: &[(&str, &[&str])] = &[
    ("between servers", &["BrokerSyncInfo", "RegisterBrokerBody", "SyncStateSet"]),
    (
        "not on the wire: what Java's admin tool makes of answers, or a broker or that tool keeps in files",
        &[
            "ClusterAclVersionInfo",
            "RollbackStats",
            "TopicQueueMappingOne",
            "TopicQueueMappingSerializeWrapper",
            "TopicRemappingDetailWrapper",
        ],
    ),
    (
        "in no request and no answer: a broker stores it as a message of its own",
        &["OffsetMovedEvent"],
    ),
    ("in no request and no answer: nothing makes one any more", &["ConsumeByWho"]),
];

pub(crate) fn is_left_out(class: &str) -> bool {
    LEFT_OUT.iter().any(|(_, classes)| classes.contains(&class))
}

/// Why ours refuses a body that Java reads, if it does.
pub(crate) fn refused(json: &str) -> Option<&'static str> {
    if json.contains(r#""$ref":"#) {
        return Some("what a reference refers to is not kept: nothing has been seen to write one");
    }
    let word = |member: &str| texts(json, member).next();
    let unknown = |member: &str, known: &[&str]| {
        word(member).is_some_and(|word| !known.iter().any(|name| name.eq_ignore_ascii_case(word)))
    };
    if json.contains("clientID") && unknown("consumeType", CONSUME_TYPES) {
        return Some("an unknown word is null to Java, and null poisons the tables of a broker");
    }
    None
}

const CONSUME_TYPES: &[&str] = &["CONSUME_ACTIVELY", "CONSUME_PASSIVELY", "CONSUME_POP"];

/// Whether ours reads what some release of Java does not: a key that is the text of a queue (4.9.7 reads it, other clients
/// write it).
pub(crate) fn forgiven(json: &str) -> bool {
    json.contains(r#"{"{\"brokerName\""#)
}

/// The texts that members of this name have.
fn texts<'a>(json: &'a str, member: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("\"{member}\":\"");
    let mut rest = json;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        rest = after;
        after.split_once('"').map(|(text, _)| text)
    })
}

/// The case with what ours does not know exchanged for what it knows: it has to be refused, or read as that.
pub(crate) fn adjusted(json: &str, content: &Value) -> (String, Value) {
    let (mut adjusted, mut content) = (json.to_owned(), content.clone());
    // The generator filled in any text. There are two types, and a third could not be judged.
    for word in texts(json, "expressionType").filter(|word| !["TAG", "SQL92"].contains(word)) {
        let (theirs, ours) = (member("expressionType", word), member("expressionType", "TAG"));
        adjusted = adjusted.replace(&theirs, &ours);
    }
    each_member(&mut content, &mut |name, value| match name {
        "expressionType" if value != "SQL92" => *value = "TAG".into(),
        // Java has given these up, and reads them as the first.
        "consumeFromWhere"
            if value != "CONSUME_FROM_FIRST_OFFSET" && value != "CONSUME_FROM_TIMESTAMP" =>
        {
            *value = "CONSUME_FROM_LAST_OFFSET".into();
        }
        _ => {}
    });
    (adjusted, content)
}

fn member(name: &str, text: &str) -> String {
    format!("\"{name}\":\"{text}\"")
}

fn each_member(value: &mut Value, change: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| each_member(element, change));
        }
        Value::Object(members) => {
            for (name, value) in members {
                change(name, value);
                each_member(value, change);
            }
        }
        _ => {}
    }
}

/// Whether both say the same.
pub(crate) fn same(case: &Case, json: &str, ours: &Value, theirs: &Value) -> Outcome {
    let rules = Rules {
        clock: !["subVersion", "timestamp"].iter().any(|name| json.contains(name)),
        old_spelling: json.contains("topicSynFlag"),
        old: case.is_4_9_7(),
    };
    rules.same("", ours, &theirs_as_map(theirs))
}

/// A list of [key, value] as a map whose keys are text, as ours are; text with lone surrogates as ours is.
fn theirs_as_map(theirs: &Value) -> Value {
    let pair = |value: &Value| {
        let pair = value.as_array()?;
        matches!(pair.as_slice(), [Value::Object(_), _])
            .then(|| (key(&pair[0]), theirs_as_map(&pair[1])))
    };
    match theirs {
        Value::Array(pairs)
            if !pairs.is_empty() && pairs.iter().all(|value| pair(value).is_some()) =>
        {
            Value::Object(pairs.iter().filter_map(pair).collect())
        }
        Value::Array(elements) => elements.iter().map(theirs_as_map).collect(),
        Value::Object(members) if members.contains_key("utf16") => text(theirs).into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), theirs_as_map(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn key(queue: &Value) -> String {
    let queue = theirs_as_map(queue);
    let text =
        |member: &str| serde_json::to_string(queue[member].as_str().unwrap_or_default()).unwrap();
    let number = queue["queueId"].as_i64().unwrap();
    format!(
        r#"{{"brokerName":{},"queueId":{number},"topic":{}}}"#,
        text("brokerName"),
        text("topic")
    )
}

const CLOCKS: &[&str] = &[".subVersion", ".timestamp"];

/// What a word is that is null in Java.
const FIRST_WORDS: &[&str] = &[
    "CLUSTERING",
    "CONSUME_FROM_LAST_OFFSET",
    "CONSUME_PASSIVELY",
    "PARTIAL_ADD",
    "POLICY",
    "TAG",
];

struct Rules {
    /// Whether a time was absent, for which Java takes that of its clock.
    clock: bool,
    /// Whether flags have the name that brokers gave them before 4.9.0. Java does not read it any more, ours does.
    old_spelling: bool,
    /// Whether members that 5.x has added show.
    old: bool,
}

impl Rules {
    fn same(&self, path: &str, ours: &Value, theirs: &Value) -> Outcome {
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => {
                for (name, ours) in ours {
                    let path = format!("{path}.{name}");
                    match theirs.get(name) {
                        Some(theirs) => self.same(&path, ours, theirs)?,
                        None if self.only_ours(name, ours) => {}
                        None => return Err(format!("{path}: only ours has it, {ours}")),
                    }
                }
                let missing = theirs.iter().find(|(name, value)| {
                    !ours.contains_key(*name) && !self.only_theirs(name, value)
                });
                missing
                    .map_or(Ok(()), |(name, value)| Err(format!("{path}.{name}: missing, {value}")))
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                let mut pairs = ours.iter().zip(theirs).enumerate();
                pairs.try_for_each(|(at, (ours, theirs))| {
                    self.same(&format!("{path}[{at}]"), ours, theirs)
                })
            }
            (Value::Number(ours), Value::Number(theirs)) if ours.is_f64() || theirs.is_f64() => {
                let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
                // The vectors' own numbers are read less exactly than ours.
                let close = (ours - theirs).abs() <= theirs.abs() * 1e-15;
                if close { Ok(()) } else { Err(format!("{path}: {ours} for {theirs}")) }
            }
            _ if ours == theirs => Ok(()),
            (Value::Number(_), _)
                if self.clock && CLOCKS.iter().any(|name| path.ends_with(name)) =>
            {
                Ok(())
            }
            (Value::Number(_), _) if self.old_spelling && path.ends_with(".topicSysFlag") => Ok(()),
            // 4.9.7 makes no object at all of some empty ones.
            (_, Value::Null) if self.old && is_nothing(ours) => Ok(()),
            _ => Err(format!("{path}:\n      ours {ours}\n    theirs {theirs}")),
        }
    }

    /// Members that are null in Java, which leaves them out, are empty here; members that 4.9.7 lacks have their default.
    fn only_ours(&self, name: &str, value: &Value) -> bool {
        let added = match name {
            "consumeTimeoutMinute" => *value == 15,
            "groupRetryPolicy" => *value == serde_json::json!({"type": "CUSTOMIZED"}),
            _ => false,
        };
        is_nothing(value) || self.old && added
    }

    /// Empty ones that ours leaves out, and texts that Java derives from a time in its own zone.
    fn only_theirs(&self, name: &str, value: &Value) -> bool {
        const EMPTY: &[&str] =
            &["b", "hostedQueues", "topicQueueMappingDetailMap", "topicQueueMappingInfoMap"];
        let empty = EMPTY.contains(&name) && is_nothing(value);
        empty || name.ends_with("StampStr") || self.clock && name == "mappingDataVersion"
    }
}

/// Whether a value is what a type of ours has for null. Where null and empty differ, ours has an `Option` and leaves null out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || FIRST_WORDS.contains(&text.as_str()),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        Value::Bool(true) => false,
    }
}
