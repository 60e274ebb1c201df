//! `trace.jsonl`: records, both ways.

use std::{borrow::Cow, collections::BTreeSet};

use rocketmq_protocol::trace::{
    EndTransactionTrace, MessageType, ProducedMessage, PubTrace, RecallTrace, SubAfterTrace,
    SubBeforeTrace, TraceDamage, TraceRecord, TransactionState, decode,
};
use serde_json::{Value, json};

use crate::{
    reader::{Case, Outcome, equal, text},
    rules::{agree, or_refused, outcome},
};

const TYPES: [(&str, MessageType); 5] = [
    ("Normal_Msg", MessageType::Normal),
    ("Trans_Msg_Half", MessageType::TransactionHalf),
    ("Trans_msg_Commit", MessageType::TransactionCommit),
    ("Delay_Msg", MessageType::Delay),
    ("Order_Msg", MessageType::Order),
];

/// About when the vectors were made, in milliseconds since 1970.
const MADE_AT: i64 = 1_790_000_000_000;

type Text = Option<Cow<'static, str>>;

fn nullable(value: &Value) -> Text {
    text(value).map(Cow::Owned)
}

/// A text without which ours has no record: what Java writes for null.
fn required(value: &Value) -> Cow<'static, str> {
    nullable(value).unwrap_or(Cow::Borrowed("null"))
}

fn int(value: &Value) -> i32 {
    value.as_i64().and_then(|number| i32::try_from(number).ok()).expect("an int")
}

/// The records of a context, one for each of its messages. `None`: what Java cannot write either, and ours cannot say.
fn records(context: &Value) -> Option<Vec<TraceRecord<'static>>> {
    context["beans"].as_array().expect("beans").iter().map(|bean| record(context, bean)).collect()
}

fn record(context: &Value, bean: &Value) -> Option<TraceRecord<'static>> {
    let timestamp = context["timestamp"].as_i64().expect("a time");
    let region_id = required(&context["regionId"]);
    let group = required(&context["group"]);
    let request_id = required(&context["requestId"]);
    let cost_time = int(&context["costTime"]);
    let success = context["success"] == true;
    let topic = required(&bean["topic"]);
    let message_id = required(&bean["msgId"]);
    let (tags, keys) = (nullable(&bean["tags"]), nullable(&bean["keys"]));
    let store_host = required(&bean["storeHost"]);
    let message_type =
        TYPES.iter().find(|(name, _)| bean["msgType"] == *name).map(|(_, kind)| *kind);
    let produced = || {
        Some(ProducedMessage {
            timestamp,
            region_id: region_id.clone(),
            group: group.clone(),
            topic: topic.clone(),
            message_id: message_id.clone(),
            tags: tags.clone(),
            keys: keys.clone(),
            store_host: store_host.clone(),
            message_type: message_type?,
        })
    };
    Some(match context["type"].as_str().expect("a type") {
        "Pub" => TraceRecord::Pub(PubTrace {
            message: produced()?,
            body_length: int(&bean["bodyLength"]),
            cost_time,
            offset_message_id: nullable(&bean["offsetMsgId"]),
            success,
            client_host: None,
        }),
        "SubBefore" => TraceRecord::SubBefore(SubBeforeTrace {
            timestamp,
            region_id,
            group,
            request_id,
            message_id,
            retry_times: int(&bean["retryTimes"]),
            keys,
        }),
        "SubAfter" => TraceRecord::SubAfter(SubAfterTrace {
            request_id,
            message_id,
            cost_time,
            success,
            keys,
            context_code: int(&context["contextCode"]),
            at: (context["accessChannel"].as_str()? != "CLOUD").then_some((timestamp, group)),
        }),
        "EndTransaction" => TraceRecord::EndTransaction(EndTransactionTrace {
            message: produced()?,
            transaction_id: nullable(&bean["transactionId"]),
            state: state(&bean["transactionState"])?,
            from_check: bean["fromTransactionCheck"] == true,
        }),
        "Recall" => TraceRecord::Recall(RecallTrace {
            timestamp,
            region_id,
            group,
            topic,
            message_id,
            success,
        }),
        other => panic!("nobody writes {other}"),
    })
}

fn state(name: &Value) -> Option<TransactionState> {
    [TransactionState::Commit, TransactionState::Rollback, TransactionState::Unknown]
        .into_iter()
        .find(|state| name == state.as_str())
}

pub(crate) fn encode(case: &Case) -> Outcome {
    let context = case.get("context");
    // Java writes the first message of a context, except of consumed ones, and stumbles where there is none.
    let per_message = context["type"].as_str().is_some_and(|kind| kind.starts_with("Sub"));
    let records = records(context).filter(|records| per_message || !records.is_empty());
    let written = records.as_ref().map(|records| {
        let mut text = String::new();
        let many = if per_message { records.len() } else { 1 };
        records.iter().take(many).for_each(|record| record.encode(&mut text));
        text
    });
    let theirs = outcome(case.get("encoded"));
    let data = case.with("data", theirs.get("data").cloned().unwrap_or_else(|| theirs.clone()));
    agree(&data, "data", or_refused(written.clone()))?;
    if written.is_none() {
        return Ok(());
    }
    keys(case, &theirs["keys"])?;
    read(case, data.text("data"))
}

/// Java also has the keys of messages that it writes no record of, and of recalled ones.
fn keys(case: &Case, theirs: &Value) -> Outcome {
    let mut ours = BTreeSet::new();
    for bean in case.get("context")["beans"].as_array().expect("beans") {
        let of_message = TraceRecord::SubBefore(SubBeforeTrace {
            timestamp: 0,
            region_id: "".into(),
            group: "".into(),
            request_id: "".into(),
            message_id: required(&bean["msgId"]),
            retry_times: 0,
            keys: nullable(&bean["keys"]),
        });
        // Ours has an id always; Java's set then has a null, which the vectors tell apart.
        let without_id = usize::from(bean["msgId"].is_null());
        ours.extend(of_message.carrier_keys().skip(without_id).map(str::to_owned));
    }
    // An empty key finds nothing, so ours has none.
    let theirs: BTreeSet<String> =
        theirs.as_array().expect("keys").iter().filter_map(text).collect();
    equal("keys", &ours, &theirs.into_iter().filter(|key| !key.is_empty()).collect())
}

pub(crate) fn decode_records(case: &Case) -> Outcome {
    read(case, &text(case.get("text")).unwrap_or_default())
}

fn read(case: &Case, text: &str) -> Outcome {
    agree(case, "decoded", contexts(text))
}

/// What Java's reader makes of records.
pub(crate) fn contexts(text: &str) -> Value {
    // Java passes over records of a type that it does not know, and gives up at any other damage.
    let known = decode(text)
        .filter(|read| !matches!(read, Err(error) if error.damage == TraceDamage::UnknownType));
    let records: Result<Vec<Value>, _> =
        known.map(|read| read.as_ref().map(described).map_err(|_| ())).collect();
    or_refused(records.ok())
}

/// A record as the context and the message that Java makes of it.
fn described(record: &TraceRecord<'_>) -> Value {
    let mut bean = json!({
        "topic": "", "tags": "", "keys": "", "offsetMsgId": "", "bodyLength": 0, "retryTimes": 0,
        "msgType": null, "transactionId": null, "transactionState": null, "fromTransactionCheck": false,
    });
    let mut context = json!({
        "regionId": "", "group": "", "costTime": 0, "success": true, "contextCode": 0, "accessChannel": null,
    });
    match record {
        TraceRecord::Pub(record) => {
            produced(&record.message, &mut context, &mut bean);
            let (cost, success) = (record.cost_time, record.success);
            set(&mut context, json!({ "type": "Pub", "costTime": cost, "success": success }));
            set(&mut bean, json!({ "bodyLength": record.body_length }));
            if let Some(id) = &record.offset_message_id {
                set(&mut bean, json!({ "offsetMsgId": id }));
            }
            if let Some(host) = &record.client_host {
                set(&mut bean, json!({ "clientHost": host }));
            }
        }
        TraceRecord::SubBefore(record) => {
            set(
                &mut context,
                json!({
                    "type": "SubBefore", "timestamp": record.timestamp, "regionId": record.region_id,
                    "group": record.group, "requestId": record.request_id,
                }),
            );
            set(
                &mut bean,
                json!({
                    "msgId": record.message_id, "retryTimes": record.retry_times, "keys": or_null(&record.keys),
                }),
            );
        }
        TraceRecord::SubAfter(record) => {
            set(
                &mut context,
                json!({
                    "type": "SubAfter", "requestId": record.request_id, "costTime": record.cost_time,
                    "success": record.success, "contextCode": record.context_code,
                }),
            );
            if let Some((timestamp, group)) = &record.at {
                set(&mut context, json!({ "group": group }));
                // Where a record has no time Java takes its clock; the vectors leave out what may be that.
                if *timestamp < MADE_AT {
                    set(&mut context, json!({ "timestamp": timestamp }));
                }
            }
            set(&mut bean, json!({ "msgId": record.message_id, "keys": or_null(&record.keys) }));
        }
        TraceRecord::EndTransaction(record) => {
            produced(&record.message, &mut context, &mut bean);
            set(&mut context, json!({ "type": "EndTransaction" }));
            set(
                &mut bean,
                json!({
                    "transactionId": or_null(&record.transaction_id), "transactionState": record.state.as_str(),
                    "fromTransactionCheck": record.from_check,
                }),
            );
        }
        TraceRecord::Recall(record) => {
            set(
                &mut context,
                json!({
                    "type": "Recall", "timestamp": record.timestamp, "regionId": record.region_id,
                    "group": record.group, "success": record.success,
                }),
            );
            set(&mut bean, json!({ "topic": record.topic, "msgId": record.message_id }));
        }
        other => panic!("nobody describes {other:?}"),
    }
    set(&mut context, json!({ "beans": [bean] }));
    context
}

/// What Java has written for a text that is not there.
fn or_null(text: &Option<Cow<'_, str>>) -> String {
    text.as_deref().unwrap_or("null").to_owned()
}

fn produced(message: &ProducedMessage<'_>, context: &mut Value, bean: &mut Value) {
    let kind = TYPES.iter().find(|(_, kind)| *kind == message.message_type);
    set(
        context,
        json!({
            "timestamp": message.timestamp, "regionId": message.region_id, "group": message.group,
        }),
    );
    set(
        bean,
        json!({
            "topic": message.topic, "msgId": message.message_id, "tags": or_null(&message.tags),
            "keys": or_null(&message.keys), "storeHost": message.store_host,
            "msgType": kind.map(|(name, _)| *name),
        }),
    );
}

fn set(object: &mut Value, members: Value) {
    let members = members.as_object().expect("members").clone();
    object.as_object_mut().expect("an object").extend(members);
}
