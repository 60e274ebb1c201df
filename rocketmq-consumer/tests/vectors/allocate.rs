//! `allocate.jsonl`: which queues Java gives to whom, and the order in which members see both.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_consumer::{
    Allocate, AllocateError, Averagely, AveragelyByCircle, ByConfig, ConsistentHash, MachineRoom,
    MachineRoomNearby, Rooms, Share, java_order, java_queue_order,
};
use rocketmq_route::MessageQueue;
use serde_json::Value;

use crate::reader::{Case, Outcome, cases, equal};

#[test]
fn allocate() {
    let mut failures = Vec::new();
    let mut read = BTreeMap::new();
    for case in cases("allocate") {
        let strategy = case.text("strategy").to_owned();
        let outcome = match strategy.as_str() {
            "AVG" => shared(&case, &Averagely),
            "AVG_BY_CIRCLE" => shared(&case, &AveragelyByCircle),
            "CONSISTENT_HASH" => match ring(&case) {
                Some(ring) => shared(&case, &ring),
                // A number of places that cannot be said here.
                None => equal("refused", &case.get("result")["ok"].is_null(), &true),
            },
            "CONFIG" => configured(&case),
            "MACHINE_ROOM" => {
                let rooms = case.get("rooms").as_array().expect("rooms");
                let rooms = rooms.iter().map(|room| room.as_str().expect("a name"));
                shared(&case, &MachineRoom::new(rooms))
            }
            "MACHINE_ROOM_NEARBY-AVG" => shared(&case, &nearby(Averagely)),
            "MACHINE_ROOM_NEARBY-AVG_BY_CIRCLE" => shared(&case, &nearby(AveragelyByCircle)),
            "MACHINE_ROOM_NEARBY-CONSISTENT_HASH" => {
                shared(&case, &nearby(ring(&case).expect("a good number")))
            }
            "sort" => sorted(&case),
            unknown => Err(format!("nobody reads strategy {unknown}")),
        };
        if let Err(why) = outcome {
            failures.push(format!("{}: {why}", case.name));
        }
        *read.entry(strategy).or_insert(0) += 1;
    }
    assert_eq!(read.len(), 9, "a strategy has no case: {read:?}");
    assert!(failures.is_empty(), "{} cases disagree\n{}", failures.len(), failures.join("\n"));
}

fn ring(case: &Case) -> Option<ConsistentHash> {
    let nodes = case.get("virtualNodes").as_i64().expect("a number");
    u32::try_from(nodes).ok().map(ConsistentHash::new)
}

fn nearby<A: Allocate>(inner: A) -> MachineRoomNearby<A, Prefixes> {
    MachineRoomNearby::new(inner, Prefixes)
}

/// The rooms of the vectors: `<room>@<broker>` and `<room>-<member>`.
#[derive(Debug)]
struct Prefixes;

impl Rooms for Prefixes {
    fn of_queue(&self, queue: &MessageQueue) -> String {
        queue.broker_name.split('@').next().unwrap_or_default().to_owned()
    }

    fn of_member(&self, client_id: &str) -> String {
        client_id.split('-').next().unwrap_or_default().to_owned()
    }
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
