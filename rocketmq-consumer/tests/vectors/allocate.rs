//! `allocate.jsonl`: which queues Java gives to whom, and the order in which members see both.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_consumer::{
    Allocate, AllocateError, Averagely, AveragelyByCircle, ByConfig, Share, java_order,
    java_queue_order,
};
use rocketmq_route::MessageQueue;
use serde_json::Value;

use crate::reader::{Case, Outcome, cases, equal};

/// Strategies that do not exist here yet.
const LATER: &[&str] = &[
    "CONSISTENT_HASH",
    "MACHINE_ROOM",
    "MACHINE_ROOM_NEARBY-AVG",
    "MACHINE_ROOM_NEARBY-AVG_BY_CIRCLE",
    "MACHINE_ROOM_NEARBY-CONSISTENT_HASH",
];

#[test]
fn allocate() {
    let mut failures = Vec::new();
    let mut read = BTreeMap::new();
    for case in cases("allocate") {
        let strategy = case.text("strategy").to_owned();
        let outcome = match strategy.as_str() {
            "AVG" => shared(&case, &Averagely),
            "AVG_BY_CIRCLE" => shared(&case, &AveragelyByCircle),
            "CONFIG" => configured(&case),
            "sort" => sorted(&case),
            later if LATER.contains(&later) => Ok(()),
            unknown => Err(format!("nobody reads strategy {unknown}")),
        };
        if let Err(why) = outcome {
            failures.push(format!("{}: {why}", case.name));
        }
        *read.entry(strategy).or_insert(0) += 1;
    }
    for expected in ["AVG", "AVG_BY_CIRCLE", "CONFIG", "sort"].iter().chain(LATER) {
        assert!(read.contains_key(*expected), "no case of {expected}");
    }
    assert!(failures.is_empty(), "{} cases disagree\n{}", failures.len(), failures.join("\n"));
}

fn shared(case: &Case, strategy: &dyn Allocate) -> Outcome {
    equal("name", &strategy.name(), &case.text("strategy"))?;
    let (queues, members) = (queues(case.get("queues")), names(case.get("members")));
    // Java takes null for a blank client id, and blank for null.
    let me = case.get("current").as_str().unwrap_or_default();
    let share = Share::of(case.text("group"), me, &members, &queues);
    let ours = match share.and_then(|share| strategy.allocate(&share)) {
        Ok(mine) => Some(mine),
        // To Java that is an empty share; here it is a question that has to be asked again.
        Err(AllocateError::NotAMember) => Some(Vec::new()),
        Err(_) => None,
    };
    let theirs = case.get("result")["ok"].as_array().map(|indexes| {
        let index = |value: &Value| value.as_u64().and_then(|index| usize::try_from(index).ok());
        indexes.iter().map(|value| queues[index(value).expect("an index")].clone()).collect()
    });
    equal("queues", &ours, &theirs)
}

fn configured(case: &Case) -> Outcome {
    let strategy = ByConfig::new(queues(case.get("configured")));
    equal("name", &strategy.name(), &case.text("strategy"))?;
    let (members, anything) = (names(&Value::from(vec!["x"])), [MessageQueue::new("T", "b", 0)]);
    let share = Share::of("g", "x", &members, &anything).map_err(|error| error.to_string())?;
    let ours = strategy.allocate(&share).map_err(|error| error.to_string())?;
    equal("queues", &ours, &queues(&case.get("result")["ok"]))
}

fn sorted(case: &Case) -> Outcome {
    let (mut queues_, mut members) = (queues(case.get("queues")), names(case.get("members")));
    queues_.sort_by(java_queue_order);
    members.sort_by(|a, b| java_order(a, b));
    equal("queues", &queues_, &queues(case.get("sortedQueues")))?;
    equal("members", &members, &names(case.get("sortedMembers")))
}

fn queues(value: &Value) -> Vec<MessageQueue> {
    let of = |queue: &Value| {
        let text = |index: usize| queue[index].as_str().expect("a name");
        let id = queue[2].as_i64().and_then(|id| i32::try_from(id).ok()).expect("a queue id");
        MessageQueue::new(text(0), text(1), id)
    };
    value.as_array().into_iter().flatten().map(of).collect()
}

fn names(value: &Value) -> Vec<Arc<str>> {
    let of = |name: &Value| Arc::from(name.as_str().expect("a name"));
    value.as_array().into_iter().flatten().map(of).collect()
}
