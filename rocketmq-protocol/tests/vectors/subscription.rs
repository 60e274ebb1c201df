//! `subscription.jsonl`: what Java makes of expressions.

use rocketmq_protocol::{
    body::{ExpressionType, SubscriptionData},
    subscription,
};
use serde_json::{Value, json};

use crate::{
    reader::{Case, Outcome, text},
    rules::{agree, or_refused},
};

pub(crate) fn build(case: &Case) -> Outcome {
    let topic = text(case.get("topic")).expect("a topic");
    let expression = text(case.get("expression")).unwrap_or_default();
    let data = match case.get("type").as_str() {
        None | Some("TAG") => subscription::tags(&topic, &expression, 0),
        Some(_) => subscription::sql92(&topic, &expression, 0),
    };
    agree(case, "result", or_refused(data.ok().map(|data| described(&data))))
}

fn described(data: &SubscriptionData) -> Value {
    let SubscriptionData { topic, sub_string, tags_set, code_set, expression_type, .. } = data;
    let mut tags = tags_set.clone();
    tags.sort_by(|a, b| rocketmq_protocol::java::string_order(a, b));
    json!({
        "topic": topic, "subString": sub_string, "tagsSet": tags, "codeSet": code_set,
        "expressionType": expression_type.as_str(), "classFilterMode": data.class_filter_mode,
    })
}

/// Java's carry the time of their making, and so do ours: two of one expression differ.
pub(crate) fn equal(case: &Case) -> Outcome {
    let data = |member, version| {
        subscription::tags(case.text("topic"), case.text(member), version).expect("an expression")
    };
    assert_eq!(data("expression", 1).expression_type, ExpressionType::Tag);
    agree(case, "result", json!({ "equal": data("expression", 1) == data("other", 2) }))
}
