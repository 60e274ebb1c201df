//! Where ours reads a frame otherwise than Java on purpose: each rule has a condition on the bytes and a reason.
//!
//! A client reads what servers write, and servers write strict JSON and exact lengths. So what Java reads beyond that is
//! refused, unless leniency costs nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    frames::Described,
    reader::{Case, cases},
};

/// What ours has to make of a frame.
#[derive(Debug)]
pub(crate) enum Verdict {
    Reads(Described),
    Refused(#[expect(dead_code, reason = "printed when a case disagrees")] &'static str),
}

/// What the rules look at.
struct Subject<'a> {
    case: &'a Case,
    binary: bool,
    header: &'a [u8],
    /// The header as JSON, if it is JSON.
    json: Option<Value>,
}

/// A frame that Java reads and ours refuses.
struct Refusal {
    reason: &'static str,
    applies: fn(&Subject<'_>) -> bool,
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        reason: "the header is not UTF-8: 5.5.0 refuses it too, but for encoded surrogates",
        applies: |s| !s.binary && std::str::from_utf8(s.header).is_err(),
    },
    Refusal {
        reason: "the header is not JSON of RFC 8259: fastjson forgives single quotes, stray commas, comments, blank \
                 NULs, raw control characters and more, differently in each release, and no peer writes any of it",
        applies: |s| !s.binary && s.json.is_none(),
    },
    Refusal {
        reason: "a number that is a boolean, an array or an object: no peer writes it",
        applies: |s| {
            NUMBERS.iter().any(|name| {
                matches!(s.member(name), Value::Bool(_) | Value::Array(_) | Value::Object(_))
            })
        },
    },
    Refusal {
        reason: "a header that brings a body: 5.5.0 refuses it, 4.9.7 ignores it",
        applies: |s| s.case.is_4_9_7() && s.has("body"),
    },
    Refusal {
        reason: "a negative length of ext fields: Java takes it for none",
        applies: |s| s.binary && s.ext_length().is_some_and(i32::is_negative),
    },
    Refusal {
        reason: "bytes of the header behind its ext fields: Java takes the body from there, so that it gets a wrong one",
        applies: |s| s.binary && s.ext_length().is_some_and(|ext| s.ends_before(ext)),
    },
];

/// A frame that both read, with a difference.
struct Difference {
    applies: fn(&Subject<'_>) -> bool,
    /// Turns Java's command into ours.
    adjust: fn(&Subject<'_>, &mut Described),
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "a null language has no number: a name that nobody knows is OTHER here, as is null",
        applies: |s| !s.binary && !s.member("language").is_number(),
        adjust: |_, command| {
            command.language.get_or_insert_with(|| "OTHER".to_owned());
        },
    },
    Difference {
        reason: "4.9.7 and ours know languages by name, 5.5.0 also by an ordinal in quotes",
        applies: |s| {
            let name = s.member("language").as_str().unwrap_or_default();
            !s.case.is_4_9_7() && name.parse::<i32>().is_ok()
        },
        adjust: |_, command| command.language = Some("OTHER".to_owned()),
    },
    Difference {
        reason: "a command without a number gets 0, as one with null, and none drawn from a counter: there is nothing to \
                 pair it with",
        applies: |s| !s.binary && s.member("opaque").is_null(),
        adjust: |_, command| {
            command.opaque.get_or_insert(0);
        },
    },
    Difference {
        reason: "an empty remark is none: the binary form cannot tell them apart",
        applies: |s| s.member("remark") == "",
        adjust: |_, command| command.remark = None,
    },
    Difference {
        reason: "null ext values of JSON count as absent, as they do for Java's headers",
        applies: |s| !s.binary,
        adjust: |_, command| command.ext.retain(|_, value| value.is_some()),
    },
    Difference {
        reason: "null ext values of the binary form show as the empty text they are written as",
        applies: |s| s.binary,
        adjust: |_, command| {
            for value in command.ext.values_mut() {
                value.get_or_insert_default();
            }
        },
    },
    Difference {
        reason: "numbers as ext values keep their text; fastjson writes those with an exponent anew",
        applies: |s| s.ext_values().any(|value| value.is_f64()),
        adjust: |s, command| {
            let written = String::from_utf8_lossy(s.header).into_owned();
            for (key, value) in &mut command.ext {
                let start = written.find(&format!("\"{key}\":")).expect("the key");
                let text = &written[start + key.len() + 3..];
                let end = text.find([',', '}']).expect("an end");
                *value = Some(text[..end].to_owned());
            }
        },
    },
    Difference {
        reason: "of members that occur twice the last counts, as in 5.5.0; 4.9.7 keeps the first ext fields",
        applies: |s| s.case.is_4_9_7() && s.occurs_twice("extFields"),
        adjust: |s, command| {
            let last = s.member("extFields").as_object().cloned().unwrap_or_default();
            command.ext = last
                .into_iter()
                .map(|(key, value)| (key, value.as_str().map(str::to_owned)))
                .collect();
        },
    },
    Difference {
        reason: "names of members are matched exactly, as in 5.5.0",
        applies: |s| s.case.is_4_9_7() && !s.has("code") && s.has("Code"),
        adjust: |s, command| {
            command.code = 0;
            command.ext.clear();
            assert!(!s.has("opaque") && !s.has("extFields"));
            command.opaque = Some(0);
        },
    },
    Difference {
        reason: "a reference is an ordinary key, as in 4.9.7: headers share nothing",
        applies: |s| !s.case.is_4_9_7() && !s.member("extFields")["$ref"].is_null(),
        adjust: |s, command| {
            let target = s.member("extFields")["$ref"].as_str().map(str::to_owned);
            command.ext = [("$ref".to_owned(), target)].into();
        },
    },
    Difference {
        reason: "an encoded surrogate is three bytes that are not UTF-8, so three replacement characters; one in Java",
        applies: |s| s.binary && s.header.windows(2).any(|w| w[0] == 0xed && w[1] >= 0xa0),
        adjust: |_, command| {
            let remark = command.remark.take();
            command.remark =
                remark.map(|text| text.replace('\u{fffd}', "\u{fffd}\u{fffd}\u{fffd}"));
        },
    },
];

/// Whether this is a frame that Java refuses and ours reads: 4.9.7 refuses a member `@type`, which is like any unknown
/// member in 5.5.0 and here.
fn accepted(subject: &Subject<'_>) -> bool {
    subject.case.is_4_9_7() && subject.has("@type")
}

const NUMBERS: [&str; 4] = ["code", "flag", "opaque", "version"];

/// Applies the rules to what Java made of the frame.
pub(crate) fn judge(case: &Case, frame: &[u8], theirs: Option<Described>) -> Verdict {
    let subject = Subject::new(case, frame);
    let mut command = match theirs {
        Some(command) => command,
        None if accepted(&subject) => subject.as_written(frame),
        None => return Verdict::Refused("Java refuses it"),
    };
    if let Some(rule) = REFUSALS.iter().find(|rule| (rule.applies)(&subject)) {
        return Verdict::Refused(rule.reason);
    }
    for rule in DIFFERENCES.iter().filter(|rule| (rule.applies)(&subject)) {
        (rule.adjust)(&subject, &mut command);
    }
    Verdict::Reads(command)
}

impl<'a> Subject<'a> {
    fn new(case: &'a Case, frame: &'a [u8]) -> Self {
        let length =
            usize::from(frame[5]) << 16 | usize::from(frame[6]) << 8 | usize::from(frame[7]);
        let header = frame[8..].get(..length).unwrap_or_default();
        let binary = frame[4] == 1;
        let json = serde_json::from_slice(header).ok().filter(|_| !binary);
        // Escapes that are half of a surrogate pair are JSON by grammar, though serde_json makes no value of them.
        let json = json.or_else(|| {
            let grammatical = serde_json::from_slice::<serde::de::IgnoredAny>(header).is_ok();
            (grammatical && !binary).then_some(Value::Null)
        });
        Self { case, binary, header, json }
    }

    fn member(&self, name: &str) -> &Value {
        self.json.as_ref().map_or(&Value::Null, |json| &json[name])
    }

    fn has(&self, name: &str) -> bool {
        self.json.as_ref().is_some_and(|json| json.get(name).is_some())
    }

    fn occurs_twice(&self, name: &str) -> bool {
        let written = String::from_utf8_lossy(self.header);
        written.matches(&format!("\"{name}\"")).count() == 2
    }

    fn ext_values(&self) -> impl Iterator<Item = &Value> {
        let ext = self.member("extFields").as_object();
        ext.into_iter().flat_map(serde_json::Map::values)
    }

    /// Where the ext fields of a binary header begin.
    fn ext_start(&self) -> Option<usize> {
        let remark = self.header.get(13..17)?.try_into().ok()?;
        usize::try_from(i32::from_be_bytes(remark)).ok()?.checked_add(21)
    }

    fn ext_length(&self) -> Option<i32> {
        let start = self.ext_start()?;
        let length = self.header.get(start - 4..start)?.try_into().ok()?;
        Some(i32::from_be_bytes(length))
    }

    fn ends_before(&self, ext: i32) -> bool {
        let end = usize::try_from(ext).ok().zip(self.ext_start());
        end.is_some_and(|(ext, start)| start + ext < self.header.len())
    }

    /// The command that a JSON header spells out, where there is no word of Java's on it.
    fn as_written(&self, frame: &[u8]) -> Described {
        let number = |name| i32::try_from(self.member(name).as_i64().unwrap()).unwrap();
        Described {
            code: number("code"),
            language: self.member("language").as_str().map(str::to_owned),
            version: number("version"),
            opaque: Some(number("opaque")),
            flag: number("flag"),
            remark: None,
            ext: Default::default(),
            body: frame[8 + self.header.len()..].to_vec(),
            form: "JSON".to_owned(),
        }
    }
}

/// A rule that no case needs is dead, and says something false about one of the two sides.
#[test]
fn every_rule_is_needed() {
    let cases: Vec<Case> = cases("frames");
    let read_by_java = cases.iter().filter_map(|case| {
        let theirs = case.get("decodes").get("ok")?;
        Some((case, case.bytes("frame"), Described::theirs(theirs)))
    });
    let mut needed = BTreeSet::new();
    for (case, frame, theirs) in read_by_java {
        let subject = Subject::new(case, &frame);
        if let Some(rule) = REFUSALS.iter().find(|rule| (rule.applies)(&subject)) {
            needed.insert(rule.reason);
            continue;
        }
        let mut ours = theirs;
        for rule in DIFFERENCES.iter().filter(|rule| (rule.applies)(&subject)) {
            let before = ours.clone();
            (rule.adjust)(&subject, &mut ours);
            if ours != before {
                needed.insert(rule.reason);
            }
        }
    }
    let rules = REFUSALS.iter().map(|rule| rule.reason);
    for reason in rules.chain(DIFFERENCES.iter().map(|rule| rule.reason)) {
        assert!(needed.contains(reason), "not needed: {reason}");
    }
}
