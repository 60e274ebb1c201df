//! `names.jsonl`: names, addresses, permissions, and settings as text.

use std::time::Duration;

use rocketmq_protocol::{
    Perm, attributes, config_text, java,
    message::DelayLevels,
    names::{self, namespace},
};
use serde_json::{Map, Value, json};

use crate::{
    reader::{Case, Outcome, equal, text},
    rules::{REFUSED, agree, or_refused, outcome},
};

/// A name that is null to Java is one without a character here.
pub(crate) fn name(case: &Case) -> Outcome {
    let Some(name) = text(case.get("name")) else {
        return equal("a null name", &names::validate_topic("").is_err(), &true);
    };
    let space = text(case.get("namespace")).unwrap_or_default();
    agree(case, "retryTopic", names::retry_topic(&name))?;
    agree(case, "dlqTopic", names::dlq_topic(&name))?;
    agree(case, "replyTopic", names::reply_topic(&name))?;
    agree(case, "sysGroup", names::is_system_group(&name))?;
    agree(case, "systemTopic", names::is_system_topic(&name))?;
    agree(case, "isLmq", names::is_lmq(&name))?;

    let sendable =
        outcome(case.get("checkTopic")) == true && outcome(case.get("notAllowedToSend")) == false;
    equal("sendable", &names::validate_topic(&name).is_ok(), &sendable)?;
    agree(case, "checkGroup", or_refused(names::validate_group(&name).is_ok().then_some(true)))?;
    let valid = |member| outcome(case.get(member))["valid"].clone();
    equal(
        "stored topic",
        &json!(names::validate_stored_topic(&name).is_ok()),
        &valid("brokerTopic"),
    )?;

    agree(case, "wrap", &*namespace::wrap(&space, &name))?;
    let wrapped = (!name.is_empty()).then(|| names::retry_topic(&namespace::wrap(&space, &name)));
    agree(case, "wrapRetry", json!(wrapped))?;
    agree(case, "isWrapped", namespace::contains(&space, &name))?;
    agree(case, "without", &*namespace::unwrap_any(&name))?;
    agree(case, "withoutNs", &*namespace::unwrap(&space, &name))?;
    agree(case, "namespaceOf", namespace::namespace_of(&name).unwrap_or_default())?;
    agree(case, "withoutRetryAndDlq", namespace::without_prefix(&name))
}

pub(crate) fn check_group(case: &Case) -> Outcome {
    let group = text(case.get("group")).unwrap_or_default();
    agree(case, "result", or_refused(names::validate_group(&group).is_ok().then_some(true)))
}

pub(crate) fn vip(case: &Case) -> Outcome {
    equal("off", &outcome(case.get("off")), case.get("address"))?;
    agree(case, "vip", or_refused(names::vip_address(case.text("address"))))
}

pub(crate) fn endpoint(case: &Case) -> Outcome {
    let endpoint = case.text("endpoint");
    let instance = names::endpoint_instance(endpoint);
    agree(case, "isInstance", instance.is_some())?;
    agree(case, "address", names::endpoint_address(endpoint))?;
    agree(case, "instance", json!(instance))
}

pub(crate) fn perm(case: &Case) -> Outcome {
    let perm = Perm(case.get("perm").as_i64().and_then(|n| i32::try_from(n).ok()).expect("an int"));
    agree(case, "text", perm.to_string())?;
    agree(case, "valid", perm.is_valid())?;
    agree(case, "readable", perm.is_readable())?;
    agree(case, "writeable", perm.is_writable())?;
    agree(case, "inherited", perm.contains(Perm::INHERIT))?;
    agree(case, "accessible", perm.is_readable() || perm.is_writable())
}

pub(crate) fn attribute_changes(case: &Case) -> Outcome {
    let changes = attributes::parse(&text(case.get("text")).unwrap_or_default()).ok();
    let rewritten = changes.as_ref().map(|changes| {
        attributes::parse(&attributes::write(changes.iter().map(|(key, value)| (&**key, &**value))))
    });
    equal("there and back", &rewritten.and_then(Result::ok), &changes)?;
    agree(case, "map", or_refused(changes.map(|changes| json!(changes))))
}

pub(crate) fn properties_text(case: &Case) -> Outcome {
    agree(case, "map", json!(config_text::parse(case.text("text").as_bytes())))
}

/// What Java writes, it does not always read back: it escapes nothing. Ours escapes what needs to be, and is compared where
/// nothing does.
pub(crate) fn properties_text_write(case: &Case) -> Outcome {
    let map = case.get("map").as_object().expect("a map");
    let pairs = || map.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("a text")));
    let ours = config_text::write(pairs());
    let read: Map<String, Value> = config_text::parse(ours.as_bytes())
        .expect("ours")
        .into_iter()
        .map(|(k, v)| (k, v.into()))
        .collect();
    equal("there and back", &read, map)?;
    agree(case, "sortedText", ours)
}

pub(crate) fn client_id(case: &Case) -> Outcome {
    let unit = case.get("unit").as_str();
    let stream = case.get("stream") == true;
    agree(case, "clientId", names::client_id(case.text("ip"), case.text("instance"), unit, stream))
}

pub(crate) fn tags_code(case: &Case) -> Outcome {
    agree(case, "code", java::string_hash(&text(case.get("tags")).unwrap_or_default()))
}

pub(crate) fn delay_levels(case: &Case) -> Outcome {
    let levels = DelayLevels::parse(case.text("text"));
    let described = levels.map(|levels| {
        let max = i32::try_from(levels.max_level()).expect("few");
        let wait =
            |level: i32| levels.wait(level).as_ref().map(Duration::as_millis).expect("a level");
        let millis: Map<_, _> = (1..=max)
            .map(|level| (level.to_string(), json!(u64::try_from(wait(level)).expect("short"))))
            .collect();
        json!({ "ok": true, "millis": millis, "max": max })
    });
    agree(case, "parsed", or_refused(described))
}

/// Ours takes a time and writes it as Java has it. What Java refuses has no time.
pub(crate) fn consume_timestamp(case: &Case) -> Outcome {
    match outcome(case.get("millis")).as_i64() {
        Some(millis) => agree(case, "text", java::date_time(millis)),
        None => equal("accepted", &outcome(case.get("accepted")), &json!(REFUSED)),
    }
}

/// What Java's consumers and producers have, and take, unless they are told otherwise: compared in `rocketmq-client` (defaults, bounds)
/// and `rocketmq-consumer` (ranges), whose options these are.
pub(crate) fn of_the_client(case: &Case) -> Outcome {
    let whose = case.get("what").as_str();
    let known = whose.is_none_or(|what| ["push", "lite-pull", "producer"].contains(&what));
    equal("an option of a client that there is", &known, &true)
}
