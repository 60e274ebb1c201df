//! Subscriptions: what a group wants of a topic, and whether a message is of it.

use thiserror::Error;

use crate::{
    body::{ExpressionType, SubscriptionData},
    java::{self, string_hash},
    message::{Properties, property},
};

/// The expression that selects everything.
pub const ALL: &str = "*";

/// An expression that selects nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// Only separators, so that no tag is left.
    #[error("`{0}` names no tag")]
    NoTag(String),
    /// A condition is required.
    #[error("an SQL92 subscription needs an expression")]
    EmptyCondition,
}

/// A subscription by tags: `*` or nothing for all, otherwise tags joined by `||` (`remoting/protocol/filter/FilterAPI.java`).
///
/// `version`: milliseconds since 1970, never smaller than an earlier one of the same subscription.
///
/// # Errors
///
/// When the expression consists of separators only.
pub fn tags(
    topic: &str,
    expression: &str,
    version: i64,
) -> Result<SubscriptionData, SubscriptionError> {
    let all = expression.is_empty() || expression == ALL;
    let mut data = SubscriptionData {
        topic: topic.to_owned(),
        sub_string: if all { ALL } else { expression }.to_owned(),
        sub_version: version,
        ..SubscriptionData::default()
    };
    if all {
        return Ok(data);
    }
    // Java's split gives no part at all for text that consists of separators, and one for any other.
    if expression.split("||").all(str::is_empty) {
        return Err(SubscriptionError::NoTag(expression.to_owned()));
    }
    for tag in expression.split("||").map(java::trim).filter(|tag| !tag.is_empty()) {
        if !data.tags_set.iter().any(|known| known == tag) {
            data.tags_set.push(tag.to_owned());
            data.code_set.push(string_hash(tag));
        }
    }
    data.code_set.sort_unstable();
    data.code_set.dedup();
    Ok(data)
}

/// A subscription by a condition over properties, which the broker judges.
///
/// # Errors
///
/// When the expression is empty.
pub fn sql92(
    topic: &str,
    expression: &str,
    version: i64,
) -> Result<SubscriptionData, SubscriptionError> {
    if expression.is_empty() {
        return Err(SubscriptionError::EmptyCondition);
    }
    Ok(SubscriptionData {
        topic: topic.to_owned(),
        sub_string: expression.to_owned(),
        sub_version: version,
        expression_type: ExpressionType::Sql92,
        ..SubscriptionData::default()
    })
}

/// Whether a message with these properties is wanted. Brokers compare hashes of tags, which collide, so clients compare the text
/// (`client/impl/consumer/PullAPIWrapper.java`).
pub fn wants(subscription: &SubscriptionData, properties: &Properties) -> bool {
    if subscription.tags_set.is_empty() || subscription.class_filter_mode {
        return true;
    }
    // Looked for only here: most subscriptions want everything.
    let tag = properties.get_bytes(property::TAGS);
    tag.is_some_and(|tag| subscription.tags_set.iter().any(|wanted| wanted.as_bytes() == tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_expressions_are_read_as_java_reads_them() {
        let check = |expression: &str, sub_string: &str, expected: &[&str]| {
            let data = tags("t", expression, 1).unwrap();
            assert_eq!(
                (data.sub_string.as_str(), &data.tags_set[..]),
                (sub_string, &to_owned(expected)[..])
            );
        };
        check("", "*", &[]);
        check("*", "*", &[]);
        check("TagA || TagB", "TagA || TagB", &["TagA", "TagB"]);
        check(" a || a||", " a || a||", &["a"]);
        check("||TagA", "||TagA", &["TagA"]);
        check("  ", "  ", &[]);
        check("*||TagA", "*||TagA", &["*", "TagA"]);
        assert_eq!(tags("t", "||", 1), Err(SubscriptionError::NoTag("||".into())));
        assert_eq!(sql92("t", "", 1), Err(SubscriptionError::EmptyCondition));
    }

    fn to_owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn colliding_hashes_are_told_apart() {
        let subscription = tags("t", "AaAa", 1).unwrap();
        let tagged = |text: &'static str| Properties::from_bytes(text.as_bytes().into());
        assert!(wants(&subscription, &tagged("TAGS\u{1}AaAa\u{2}")));
        assert!(!wants(&subscription, &tagged("TAGS\u{1}BBBB\u{2}")));
        assert!(!wants(&subscription, &tagged("")));
        assert!(wants(&tags("t", "*", 1).unwrap(), &tagged("")));
    }
}
