//! Names with a meaning: retry and dead-letter topics, system topics, and which names are allowed.

mod address;
pub mod namespace;
mod pop;

use thiserror::Error;

pub use address::{client_id, endpoint_address, endpoint_instance, vip_address};
pub use pop::{
    LMQ_PREFIX, POP_RETRY_V2_SEPARATOR, is_lmq, lite_queue, pop_retry_topic_v1, pop_retry_topic_v2,
    split_lite_queue, split_pop_retry_topic_v2, without_pop_retry,
};

/// Prefix of the topic from which a group's failed messages come again.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// Prefix of the topic in which a group's given-up messages lie.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// The topic whose brokers create others on demand (`AUTO_CREATE_TOPIC_KEY_TOPIC`).
pub const AUTO_CREATE_TOPIC: &str = "TBW102";
/// The topic of trace records, unless another is chosen.
pub const TRACE_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// Prefix of the groups of the system itself.
pub const SYSTEM_GROUP_PREFIX: &str = "CID_RMQ_SYS_";
/// Prefix of the topics of the system itself.
pub const SYSTEM_TOPIC_PREFIX: &str = "rmq_sys_";

/// The longest topic name, in characters (`client/Validators.java`).
pub const TOPIC_MAX: usize = 127;
/// The longest name of a retry or dead-letter topic, in characters (`common/topic/TopicValidator.java`).
pub const DERIVED_TOPIC_MAX: usize = 255;
/// The longest group name, in characters (`client/Validators.java`).
pub const GROUP_MAX: usize = 120;

/// System topics without the common prefix (`common/topic/TopicValidator.java`).
const SYSTEM_TOPICS: &[&str] = &[
    AUTO_CREATE_TOPIC,
    "SCHEDULE_TOPIC_XXXX",
    "BenchmarkTest",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    TRACE_TOPIC,
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
    "CHECKPOINT_TOPIC",
    "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
    "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
];

/// Topics that nobody may send to (`NOT_ALLOWED_SEND_TOPIC_SET`).
const NOT_SENDABLE: &[&str] = &[
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
    "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
    "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
];

/// Group names that Java gives to clients without one, and refuses.
const PLACEHOLDER_GROUPS: &[&str] = &["DEFAULT_PRODUCER", "DEFAULT_CONSUMER"];

/// The topic from which the failed messages of `group` come again.
pub fn retry_topic(group: &str) -> String {
    format!("{RETRY_PREFIX}{group}")
}

/// The topic in which the given-up messages of `group` lie.
pub fn dlq_topic(group: &str) -> String {
    format!("{DLQ_PREFIX}{group}")
}

/// The topic in which replies for the requesters of a cluster lie.
pub fn reply_topic(cluster: &str) -> String {
    format!("{cluster}_REPLY_TOPIC")
}

/// Whether a topic is some group's retry topic.
pub fn is_retry_topic(topic: &str) -> bool {
    topic.starts_with(RETRY_PREFIX)
}

/// Whether a topic is some group's dead-letter topic.
pub fn is_dlq_topic(topic: &str) -> bool {
    topic.starts_with(DLQ_PREFIX)
}

/// Whether a topic belongs to the system itself.
pub fn is_system_topic(topic: &str) -> bool {
    topic.starts_with(SYSTEM_TOPIC_PREFIX) || SYSTEM_TOPICS.contains(&topic)
}

/// Whether a group belongs to the system itself.
pub fn is_system_group(group: &str) -> bool {
    group.starts_with(SYSTEM_GROUP_PREFIX)
}

/// A name that brokers would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing but blanks.
    #[error("the name is blank")]
    Blank,
    /// Too many characters.
    #[error("`{name}` has {length} characters, more than {max}")]
    TooLong {
        /// The name.
        name: String,
        /// Its characters.
        length: usize,
        /// The characters allowed.
        max: usize,
    },
    /// Letters, digits, `%`, `|`, `-` and `_` are allowed.
    #[error("`{name}` contains {found:?}; letters, digits and %|-_ are allowed")]
    Character {
        /// The name.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// The system keeps it for itself.
    #[error("`{0}` is reserved")]
    Reserved(String),
}

/// Whether messages may be sent to this topic.
///
/// # Errors
///
/// See [`NameError`].
pub fn validate_topic(topic: &str) -> Result<(), NameError> {
    validate(topic, TOPIC_MAX)?;
    if NOT_SENDABLE.contains(&topic) {
        return Err(NameError::Reserved(topic.to_owned()));
    }
    Ok(())
}

/// Whether brokers keep a topic of this name. Retry and dead-letter topics may be longer than those that clients may name.
///
/// # Errors
///
/// See [`NameError`].
pub fn validate_stored_topic(topic: &str) -> Result<(), NameError> {
    let derived = is_retry_topic(topic) || is_dlq_topic(topic);
    validate(topic, if derived { DERIVED_TOPIC_MAX } else { TOPIC_MAX })
}

/// Whether clients may form a group of this name.
///
/// # Errors
///
/// See [`NameError`].
pub fn validate_group(group: &str) -> Result<(), NameError> {
    validate(group, GROUP_MAX)?;
    if PLACEHOLDER_GROUPS.contains(&group) {
        return Err(NameError::Reserved(group.to_owned()));
    }
    Ok(())
}

fn validate(name: &str, max: usize) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Blank);
    }
    let length = name.chars().count();
    if length > max {
        return Err(NameError::TooLong { name: name.to_owned(), length, max });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | '|' | '-' | '_');
    match name.chars().find(|c| !allowed(*c)) {
        Some(found) => Err(NameError::Character { name: name.to_owned(), found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_brokers_judge_them() {
        let check = |name: &str, topic: bool, group: bool| {
            assert_eq!(validate_topic(name).is_ok(), topic, "topic {name}");
            assert_eq!(validate_group(name).is_ok(), group, "group {name}");
        };
        check("orders-2_a|b%c", true, true);
        check("", false, false);
        check(" ", false, false);
        check("a b", false, false);
        check("ä", false, false);
        check(&"x".repeat(120), true, true);
        check(&"x".repeat(121), true, false);
        check(&"x".repeat(127), true, false);
        check(&"x".repeat(128), false, false);
        check("SCHEDULE_TOPIC_XXXX", false, true);
        check("DEFAULT_PRODUCER", true, false);
        check("TBW102", true, true);
    }

    #[test]
    fn derived_topics_are_recognised() {
        assert_eq!(retry_topic("g"), "%RETRY%g");
        assert!(is_retry_topic(&retry_topic("g")) && !is_retry_topic("g"));
        assert!(is_dlq_topic(&dlq_topic("g")));
        assert!(is_system_topic("rmq_sys_x") && is_system_topic("TBW102") && !is_system_topic("x"));
    }
}
