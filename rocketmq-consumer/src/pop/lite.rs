//! Receipts of messages from lite topics.

use rocketmq_protocol::{
    Text,
    header::PopLiteMessageResponseHeader,
    message::{MessageExt, Undecodable, property},
    pop::{Receipt, TopicKind, lite_order_counts, lite_order_counts_by_offset},
};

use super::Popped;

/// The prefix of the queues that stand behind lite topics (`common/lite/LiteUtil.java`).
const LITE_QUEUE_PREFIX: &str = "%LMQ%$";

/// Puts receipts to the messages that `broker` has handed out from lite topics under `topic`.
///
/// Each lies in a queue of its lite topic, whose number it carries as a property: an answer says nothing about it, because its
/// messages may come from many (`broker/processor/PopLiteMessageProcessor.java`).
pub fn popped_lite(
    broker: &Text,
    topic: &str,
    header: &PopLiteMessageResponseHeader,
    messages: Vec<Result<MessageExt, Undecodable>>,
) -> Vec<Popped> {
    let counts = header.order_count_info.as_deref().unwrap_or_default();
    let by_offset = lite_order_counts_by_offset(counts);
    let mut counts = lite_order_counts(counts, messages.len()).map(Vec::into_iter);
    let popped = messages.into_iter().map(|mut content| {
        let offset = content.as_ref().ok().and_then(|message| place(message, topic));
        let count = match &mut counts {
            Some(counts) => counts.next(),
            None => offset.and_then(|offset| by_offset.get(&offset).copied()),
        };
        if let (Ok(message), Some(count)) = (&mut content, count) {
            message.reconsume_times = count;
        }
        let receipt = offset.map(|offset| Receipt {
            start_offset: offset,
            pop_time: header.pop_time,
            invisible_time: header.invisible_time,
            revive_queue_id: header.revive_qid,
            kind: TopicKind::Normal,
            broker_name: broker.clone(),
            queue_id: 0,
            queue_offset: offset,
            commit_log_offset: None,
        });
        Popped { content, receipt }
    });
    popped.collect()
}

/// Where a message lies in the queue of its lite topic: brokers may have put it into other queues too.
fn place(message: &MessageExt, topic: &str) -> Option<i64> {
    let of = |name| message.properties.get(name);
    let wanted = of(property::LITE_TOPIC)?;
    let is_wanted = |queue: &str| {
        let rest = queue.strip_prefix(LITE_QUEUE_PREFIX).and_then(|rest| rest.strip_prefix(topic));
        rest.and_then(|rest| rest.strip_prefix('$')) == Some(wanted)
    };
    let queues = of(property::INNER_MULTI_DISPATCH)?.split(',');
    let offsets = of(property::INNER_MULTI_QUEUE_OFFSET)?.split(',');
    let found = queues.zip(offsets).find(|(queue, _)| is_wanted(queue));
    found.and_then(|(_, offset)| offset.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop::tests::message_with;

    #[test]
    fn messages_are_counted_even_where_the_broker_leaves_some_out() {
        let check = |info: &str, expected: [i32; 2]| {
            let header = PopLiteMessageResponseHeader {
                order_count_info: Some(info.to_owned().into()),
                ..PopLiteMessageResponseHeader::default()
            };
            let message = |offset: i64| {
                let places = format!(
                    "__LITE_TOPIC\u{1}s\u{2}INNER_MULTI_DISPATCH\u{1}%LMQ%$t$s\u{2}\
                     INNER_MULTI_QUEUE_OFFSET\u{1}{offset}\u{2}"
                );
                Ok(message_with(&places))
            };
            let popped = popped_lite(&"b".into(), "t", &header, vec![message(10), message(11)]);
            let counts: Vec<_> =
                popped.iter().map(|it| it.content.as_ref().unwrap().reconsume_times).collect();
            assert_eq!(counts, expected, "{info}");
        };
        check("0;0", [0, 0]);
        check("2;2", [2, 2]);
        check("0 qo0%10 1;0 qo0%11 3", [1, 3]);
        // As 5.5.0 answers where the second is new.
        check("0 qo0%10 1", [1, 0]);
        check("", [0, 0]);
    }

    #[test]
    fn a_message_says_itself_where_it_lies_in_its_lite_topic() {
        let check = |properties: &str, expected: Option<&str>| {
            let header = PopLiteMessageResponseHeader {
                pop_time: 1_700,
                invisible_time: 60,
                revive_qid: 999,
                order_count_info: Some("0 qo0%7 3".into()),
                ..PopLiteMessageResponseHeader::default()
            };
            let messages = vec![Ok(message_with(properties))];
            let popped = popped_lite(&"b".into(), "t", &header, messages);
            let receipt = popped[0].receipt.as_ref().map(Receipt::to_string);
            assert_eq!(receipt.as_deref(), expected, "{properties:?}");
            assert_eq!(popped[0].content.as_ref().unwrap().reconsume_times, 3);
        };
        let lite = "__LITE_TOPIC\u{1}s\u{2}";
        let placed = |queues: &str, offsets: &str| {
            format!(
                "{lite}INNER_MULTI_DISPATCH\u{1}{queues}\u{2}INNER_MULTI_QUEUE_OFFSET\u{1}{offsets}\u{2}"
            )
        };
        check(&placed("%LMQ%$t$s", "7"), Some("7 1700 60 999 0 b 0 7"));
        check(&placed("%LMQ%other,%LMQ%$t$s", "1,7"), Some("7 1700 60 999 0 b 0 7"));
        check(&placed("%LMQ%$t$ss,%LMQ%$tt$s", "1,2"), None);
        check(&placed("%LMQ%$t$s", "many"), None);
        check(lite, None);
    }
}
