//! The attributes of topics and groups: those that servers know, and the text that changes them.

use std::collections::BTreeMap;

use thiserror::Error;

/// An attribute that servers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub values: Values,
    /// What it is unless somebody sets it; nothing if empty.
    pub default: &'static str,
    /// Whether it may still be changed once there is the topic or group.
    pub changeable: bool,
}

/// What an attribute may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Values {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number, from the first to the last.
    Number(i64, i64),
}

impl Attribute {
    const fn new(name: &'static str, values: Values, default: &'static str) -> Self {
        Self { name, values, default, changeable: true }
    }

    const fn once(self) -> Self {
        Self { changeable: false, ..self }
    }

    /// Whether servers take this value.
    pub fn accepts(&self, value: &str) -> bool {
        match self.values {
            Values::Text => true,
            Values::Flag => ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(value)),
            Values::Word(words) => words.contains(&value),
            Values::Number(first, last) => {
                value.parse().is_ok_and(|number: i64| (first..=last).contains(&number))
            }
        }
    }
}

/// The attributes of topics (`common/TopicAttributes.java`, 5.5.0).
pub const OF_TOPICS: &[Attribute] = &[
    Attribute::new("queue.type", Values::Word(&["BatchCQ", "SimpleCQ"]), "SimpleCQ").once(),
    Attribute::new("cleanup.policy", Values::Word(&["COMPACTION", "DELETE"]), "DELETE").once(),
    Attribute::new(
        "message.type",
        Values::Word(&[
            "DELAY",
            "FIFO",
            "LITE",
            "MIXED",
            "NORMAL",
            "PRIORITY",
            "TRANSACTION",
            "UNSPECIFIED",
        ]),
        "NORMAL",
    ),
    Attribute::new("reserve.time", Values::Number(-1, i64::MAX), "-1"),
    Attribute::new("lite.topic.expiration", Values::Number(-1, 43_200), "-1"),
];

/// The attributes of consumer groups (`common/SubscriptionGroupAttributes.java`, 5.5.0).
pub const OF_GROUPS: &[Attribute] = &[
    Attribute::new("priority.factor", Values::Number(0, 100), "100"),
    Attribute::new("lite.bind.topic", Values::Text, ""),
    Attribute::new("lite.sub.model", Values::Word(&["Exclusive", "Shared"]), "Shared"),
    Attribute::new("lite.sub.client.quota", Values::Number(-1, i64::MAX), "2000"),
    Attribute::new("lite.sub.client.max.event.cnt", Values::Number(10, i64::MAX), "400"),
    Attribute::new("lite.sub.reset.offset.exclusive", Values::Flag, "false"),
    Attribute::new("lite.sub.reset.offset.unsubscribe", Values::Flag, "false"),
    Attribute::new("lite.sub.wildcard", Values::Text, ""),
];

/// Changes of attributes that do not have the form of a change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no change of an attribute: `+key=value` and `-key` are, once a key")]
pub struct InvalidAttributes(pub String);

/// Reads changes of attributes, `+key=value,-key`, as keys with their sign (`common/attribute/AttributeParser.java`). A key that
/// is taken away has an empty value.
///
/// # Errors
///
/// When an entry has neither form, or a key occurs twice.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, InvalidAttributes> {
    let mut changes = BTreeMap::new();
    let text = text.trim_end_matches(',');
    for entry in text.split(',').filter(|_| !text.is_empty()) {
        let change = match entry.split_once('=') {
            // Java takes what lies between the first two equal signs.
            Some((key, rest)) => Some((key, rest.split('=').next().unwrap_or_default()))
                .filter(|(key, value)| key.contains('+') && !value.is_empty()),
            None => Some((entry, "")).filter(|(key, _)| key.contains('-')),
        };
        let old = change.map(|(key, value)| changes.insert(key.to_owned(), value.to_owned()));
        if old != Some(None) {
            return Err(InvalidAttributes(entry.to_owned()));
        }
    }
    Ok(changes)
}

/// Writes changes of attributes, given as keys with their sign.
pub fn write<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let entries = changes.into_iter().map(|(key, value)| match value {
        "" => key.to_owned(),
        value => format!("{key}={value}"),
    });
    entries.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_as_servers_judge_them() {
        let of = |name| OF_TOPICS.iter().chain(OF_GROUPS).find(|known| known.name == name).unwrap();
        let check =
            |name, value, accepted| assert_eq!(of(name).accepts(value), accepted, "{value}");
        check("message.type", "FIFO", true);
        check("message.type", "fifo", false);
        check("priority.factor", "100", true);
        check("priority.factor", "101", false);
        check("priority.factor", "", false);
        check("lite.sub.reset.offset.exclusive", "TRUE", true);
        check("lite.sub.reset.offset.exclusive", "yes", false);
        check("lite.bind.topic", "any", true);
    }

    #[test]
    fn attributes_have_the_form_of_java() {
        let changes = parse("+message.type=DELAY,-reserve.time").unwrap();
        assert_eq!(changes["+message.type"], "DELAY");
        assert_eq!(changes["-reserve.time"], "");
        let pairs = changes.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        assert_eq!(write(pairs), "+message.type=DELAY,-reserve.time");
        for wrong in ["+a", "a=b", "-a=b", "+a=b,+a=c", "+a=,"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
