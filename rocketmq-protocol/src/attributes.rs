//! The attributes of topics and groups, as the text that changes them.

use std::collections::BTreeMap;

use thiserror::Error;

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
