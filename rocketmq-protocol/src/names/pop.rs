//! Topics that POP invents: retry topics of a group and a topic, and lite topics.

use super::RETRY_PREFIX;

/// Prefix of light queues, which are no topics of their own (`common/MixAll.java`).
pub const LMQ_PREFIX: &str = "%LMQ%";
/// Between group and topic in the newer name of a retry topic. No valid name has it.
pub const POP_RETRY_V2_SEPARATOR: char = '+';

const LITE_SEPARATOR: char = '$';

/// Where popped messages of `topic` that `group` failed on come again (`common/KeyBuilder.java`).
///
/// Group and topic cannot be told apart again, for both may have an underscore: derive the name from them, never them from the name.
pub fn pop_retry_topic_v1(group: &str, topic: &str) -> String {
    format!("{RETRY_PREFIX}{group}_{topic}")
}

/// The same on brokers of 5.2.0 and later with `enableRetryTopicV2`.
pub fn pop_retry_topic_v2(group: &str, topic: &str) -> String {
    format!("{RETRY_PREFIX}{group}{POP_RETRY_V2_SEPARATOR}{topic}")
}

/// Group and topic of a retry topic of the newer form.
pub fn split_pop_retry_topic_v2(name: &str) -> Option<(&str, &str)> {
    let (group, topic) = name.strip_prefix(RETRY_PREFIX)?.split_once(POP_RETRY_V2_SEPARATOR)?;
    let plain = !group.is_empty() && !topic.is_empty() && !topic.contains(POP_RETRY_V2_SEPARATOR);
    plain.then_some((group, topic))
}

/// The topic whose messages `name` holds, if it is the retry topic of `group` in either form; otherwise `name` itself.
pub fn without_pop_retry<'a>(name: &'a str, group: &str) -> &'a str {
    let of_group = name.strip_prefix(RETRY_PREFIX).and_then(|rest| rest.strip_prefix(group));
    let topic = of_group.and_then(|rest| rest.strip_prefix([POP_RETRY_V2_SEPARATOR, '_']));
    topic.unwrap_or(name)
}

/// Whether a name is that of a light queue.
pub fn is_lmq(name: &str) -> bool {
    name.starts_with(LMQ_PREFIX)
}

/// The light queue that holds the messages of a lite topic (`common/lite/LiteUtil.java`, 5.5.0). `None` for an empty name.
pub fn lite_queue(parent: &str, lite_topic: &str) -> Option<String> {
    let complete = !parent.is_empty() && !lite_topic.is_empty();
    complete.then(|| format!("{LMQ_PREFIX}{LITE_SEPARATOR}{parent}{LITE_SEPARATOR}{lite_topic}"))
}

/// Parent topic and lite topic of a light queue.
pub fn split_lite_queue(name: &str) -> Option<(&str, &str)> {
    let names = name.strip_prefix(LMQ_PREFIX)?.strip_prefix(LITE_SEPARATOR)?;
    let (parent, lite) = names.split_once(LITE_SEPARATOR)?;
    let plain = !parent.is_empty() && !lite.is_empty() && !lite.contains(LITE_SEPARATOR);
    plain.then_some((parent, lite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_topics_lead_back() {
        for retry in [pop_retry_topic_v1("g_1", "a_b"), pop_retry_topic_v2("g_1", "a_b")] {
            assert_eq!(without_pop_retry(&retry, "g_1"), "a_b");
            assert_eq!(without_pop_retry(&retry, "other"), retry);
        }
        assert_eq!(without_pop_retry("a_b", "a"), "a_b");
        assert_eq!(split_pop_retry_topic_v2("%RETRY%g_1+a_b"), Some(("g_1", "a_b")));
        assert_eq!(split_pop_retry_topic_v2("%RETRY%g_1_a_b"), None);
        assert_eq!(split_pop_retry_topic_v2("%RETRY%+a"), None);
    }

    #[test]
    fn lite_topics_lie_in_light_queues() {
        let queue = lite_queue("parent", "lite").unwrap();
        assert_eq!(queue, "%LMQ%$parent$lite");
        assert!(is_lmq(&queue) && !is_lmq("parent"));
        assert_eq!(split_lite_queue(&queue), Some(("parent", "lite")));
        for other in ["%LMQ%", "%LMQ%$a$", "%LMQ%$a$b$c", "%LMQ%a$b", "a$b"] {
            assert_eq!(split_lite_queue(other), None, "{other}");
        }
    }
}
