//! `pop.jsonl`: receipts, the info strings of answers, names of retry and lite topics, recall handles.

use std::collections::BTreeMap;

use rocketmq_protocol::{
    names,
    pop::{
        OrderKey, QueueKey, RecallHandle, Receipt, TopicKind, lite_order_counts, message_offsets,
        order_counts, push_message_offsets, push_order_count, push_start_offset, start_offsets,
    },
};
use serde_json::{Value, json};

use crate::{
    reader::{Case, Outcome, equal, text},
    rules::{agree, or_refused},
};

fn long(case: &Case, member: &str) -> i64 {
    case.get(member).as_i64().unwrap_or_else(|| panic!("no number `{member}`"))
}

fn int(value: &Value) -> i32 {
    value.as_i64().and_then(|number| i32::try_from(number).ok()).expect("an int")
}

fn optional_text(case: &Case, member: &str) -> String {
    text(case.get(member)).unwrap_or_default()
}

pub(crate) fn extra_build(case: &Case) -> Outcome {
    let receipt = Receipt {
        start_offset: long(case, "ckOffset"),
        pop_time: long(case, "popTime"),
        invisible_time: long(case, "invisibleTime"),
        revive_queue_id: int(case.get("reviveQueueId")),
        kind: TopicKind::of_topic(case.text("topic")),
        broker_name: case.text("broker").to_owned().into(),
        queue_id: int(case.get("queueId")),
        queue_offset: long(case, "offset"),
        commit_log_offset: None,
    };
    let text = receipt.to_string();
    agree(case, "withoutOffset", text.rsplit_once(' ').expect("an offset").0)?;
    agree(case, "text", text)
}

/// Java reads a field when it is asked for it; ours reads all or nothing. So what Java cannot read, or has no field for, must be
/// refused, and what it can read as a whole must be read alike.
pub(crate) fn extra_read(case: &Case) -> Outcome {
    let receipt = optional_text(case, "text").parse::<Receipt>().ok();
    let (topic, group) = (case.text("topic"), case.text("group"));
    let handle = receipt.as_ref().map(|receipt| {
        let with_offset = Receipt {
            commit_log_offset: receipt.commit_log_offset.or(Some(-1)),
            ..receipt.clone()
        };
        json!({
            "startOffset": receipt.start_offset, "retrieveTime": receipt.pop_time,
            "invisibleTime": receipt.invisible_time, "nextVisibleTime": receipt.next_visible_time(),
            "reviveQueueId": receipt.revive_queue_id, "topicType": receipt.kind.to_string(),
            "brokerName": &*receipt.broker_name, "queueId": receipt.queue_id,
            "offset": receipt.queue_offset, "commitLogOffset": with_offset.commit_log_offset,
            "encoded": with_offset.to_string(), "realTopic": receipt.kind.real_topic(topic, group),
        })
    });
    agree(case, "handle", or_refused(handle))?;
    let Some(receipt) = receipt else {
        return Ok(());
    };
    agree(case, "ckOffset", receipt.start_offset)?;
    agree(case, "popTime", receipt.pop_time)?;
    agree(case, "invisibleTime", receipt.invisible_time)?;
    agree(case, "reviveQueueId", receipt.revive_queue_id)?;
    agree(case, "retry", receipt.kind.to_string())?;
    agree(case, "broker", &*receipt.broker_name)?;
    agree(case, "queueId", receipt.queue_id)?;
    agree(case, "offset", receipt.queue_offset)?;
    agree(case, "order", receipt.is_orderly())?;
    agree(case, "realTopic", receipt.kind.real_topic(topic, group))
}

pub(crate) fn info_build(case: &Case) -> Outcome {
    let (mut starts, mut offsets, mut counts) = (String::new(), String::new(), String::new());
    for entry in case.get("entries").as_array().expect("entries") {
        let kind = TopicKind::of_topic(entry["topic"].as_str().expect("a topic"));
        let queue = QueueKey { kind, queue_id: int(&entry["queueId"]) };
        push_start_offset(&mut starts, queue, entry["startOffset"].as_i64().expect("an offset"));
        let list: Vec<i64> = entry["offsets"]
            .as_array()
            .expect("offsets")
            .iter()
            .map(|n| n.as_i64().unwrap())
            .collect();
        push_message_offsets(&mut offsets, queue, &list);
        let by_offset = entry["orderCountByOffset"] == true;
        let key =
            if by_offset { OrderKey::Message(queue, list[0]) } else { OrderKey::Queue(queue) };
        push_order_count(&mut counts, key, int(&entry["orderCount"]));
    }
    agree(case, "startOffsetInfo", starts.as_str())?;
    agree(case, "msgOffsetInfo", offsets.as_str())?;
    agree(case, "orderCountInfo", counts.as_str())?;
    parsed(case, &starts, &offsets, &counts)
}

pub(crate) fn info_read(case: &Case) -> Outcome {
    let text = optional_text(case, "text");
    parsed(case, &text, &text, &text)?;
    for (member, messages) in [("liteOrderCounts1", 1), ("liteOrderCounts2", 2)] {
        agree(case, member, json!(lite_order_counts(&text, messages)))?;
    }
    Ok(())
}

fn parsed(case: &Case, starts: &str, offsets: &str, counts: &str) -> Outcome {
    /// Java has no map where there is no text.
    fn map<K, V: Into<Value>, E>(
        text: &str,
        map: Result<BTreeMap<K, V>, E>,
        key: impl Fn(K) -> String,
    ) -> Value {
        let entries = |map: BTreeMap<K, V>| -> serde_json::Map<String, Value> {
            map.into_iter().map(|(k, value)| (key(k), value.into())).collect()
        };
        if text.is_empty() { Value::Null } else { or_refused(map.ok().map(entries)) }
    }
    let queue = |key: QueueKey| format!("{}@{}", key.kind, key.queue_id);
    let order = |key| match key {
        OrderKey::Queue(key) => queue(key),
        OrderKey::Message(key, offset) => format!("{}@qo{}%{offset}", key.kind, key.queue_id),
    };
    agree(case, "startOffsets", map(starts, start_offsets(starts), queue))?;
    agree(case, "msgOffsets", map(offsets, message_offsets(offsets), queue))?;
    agree(case, "orderCounts", map(counts, order_counts(counts), order))
}

/// Not compared: `pollingKey`, a key in the memory of brokers.
pub(crate) fn topic(case: &Case) -> Outcome {
    let (topic, group) = (case.text("topic"), case.text("group"));
    let retries =
        [names::pop_retry_topic_v1(group, topic), names::pop_retry_topic_v2(group, topic)];
    agree(case, "retryV1", retries[0].as_str())?;
    agree(case, "retryV2", retries[1].as_str())?;
    agree(case, "retryDefault", retries[0].as_str())?;
    agree(
        case,
        "normalBack",
        json!(retries.each_ref().map(|name| names::without_pop_retry(name, group))),
    )?;
    agree(case, "normalOfGroup", names::without_pop_retry(topic, group))?;
    let kind = TopicKind::of_topic(topic);
    agree(case, "isV2", kind == TopicKind::RetryV2)?;
    let split = names::split_pop_retry_topic_v2(topic);
    agree(case, "normal", split.map_or(topic, |(_, topic)| topic))?;
    agree(case, "parsedGroup", or_refused(split.map(|(group, _)| group)))?;

    let receipt = text(case.get("popCk")).map(|text| text.parse::<Receipt>().expect("a receipt"));
    let of_message = receipt.map_or(kind, |receipt| receipt.kind);
    let (key, offset) = (long(case, "key"), long(case, "offset"));
    agree(case, "mapKey", format!("{kind}@{key}"))?;
    agree(case, "mapKeyWithCk", format!("{of_message}@{key}"))?;
    agree(case, "queueOffsetKey", format!("{kind}@qo{key}%{offset}"))
}

pub(crate) fn lite_build(case: &Case) -> Outcome {
    agree(case, "lmq", json!(names::lite_queue(case.text("parent"), case.text("lite"))))
}

pub(crate) fn lite_read(case: &Case) -> Outcome {
    let name = optional_text(case, "lmq");
    let split = names::split_lite_queue(&name);
    agree(case, "parent", json!(split.map(|(parent, _)| parent)))?;
    agree(case, "lite", json!(split.map(|(_, lite)| lite)))?;
    agree(case, "pair", json!(split.map(|(parent, lite)| [parent, lite])))?;
    agree(case, "isLite", split.is_some())?;
    agree(case, "belongsToA", split.is_some_and(|(parent, _)| parent == "a"))
}

pub(crate) fn recall_build(case: &Case) -> Outcome {
    let handle = RecallHandle {
        topic: case.text("topic").to_owned(),
        broker_name: case.text("broker").to_owned(),
        deliver_time: case.text("timestamp").parse().expect("a time"),
        message_id: case.text("msgId").to_owned(),
    };
    agree(case, "handle", handle.to_string())?;
    equal("there and back", &case.text("handle").parse(), &Ok(handle))
}

pub(crate) fn recall_read(case: &Case) -> Outcome {
    let handle = optional_text(case, "handle").parse::<RecallHandle>().ok().map(|handle| {
        json!({
            "version": "v1", "topic": handle.topic, "broker": handle.broker_name,
            "timestamp": handle.deliver_time.to_string(), "msgId": handle.message_id,
        })
    });
    agree(case, "decoded", or_refused(handle))
}
