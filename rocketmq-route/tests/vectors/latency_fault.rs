//! `latencyfault.jsonl`: Java's penalties for slow brokers, and the queues that it chooses under them.

#![expect(clippy::disallowed_methods, reason = "tests start at some instant")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_route::{Contact, FaultTable, MessageQueue, Penalties, SendPlan};
use serde_json::Value;

use crate::reader::{self, Case, Outcome, equal};

#[test]
fn latencyfault() {
    let readers: &[(&str, reader::Check)] = &[
        ("tables", tables),
        ("penalty", penalty),
        ("update", update),
        ("choose", choose),
        ("merge", merge),
    ];
    reader::check("latencyfault", readers);
}

/// Java's rows without a penalty are those that ours leaves out.
fn tables(case: &Case) -> Outcome {
    equal("table", &Some(Penalties::v5()), &own_table(case))
}

fn own_table(case: &Case) -> Option<Penalties> {
    let column = |name: &str| -> Option<Vec<Duration>> {
        Some(case.line[name].as_array()?.iter().map(millis).collect())
    };
    let rows = column("latencyMax")?.into_iter().zip(column("notAvailableDuration")?);
    let rows = rows.filter(|(_, penalty)| !penalty.is_zero());
    Some(Penalties::new(rows, Duration::from_secs(10)))
}

fn penalty(case: &Case) -> Outcome {
    let penalties = own_table(case).unwrap_or_default();
    equal("penalty", &penalties.after(millis(case.get("latency"))), &millis(case.get("duration")))
}

/// Without the option there is no table. Whether a broker can be reached is recorded apart from how long it took:
/// `isolation` stands for no answer.
fn update(case: &Case) -> Outcome {
    if !flag(case.get("enabled")) {
        return equal("recorded", &case.get("recorded").as_array().map(Vec::len), &Some(0));
    }
    let (now, penalties) = (Instant::now(), Penalties::v5());
    let latency = match flag(case.get("isolation")) {
        true => penalties.isolation(),
        false => millis(case.get("latency")),
    };
    let mut table = FaultTable::new(penalties.clone());
    table.avoid(&"b".into(), penalties.after(latency), flag(case.get("reachable")), now);
    let row = &case.get("recorded")[0];
    let until = now + millis(&row["notAvailableFor"]);
    equal("available at the end", &table.is_available("b", until), &true)?;
    if until > now {
        let before = until - Duration::from_millis(1);
        equal("available before", &table.is_available("b", before), &false)?;
    }
    equal("reachable", &table.is_reachable("b"), &flag(&row["reachable"]))
}

fn choose(case: &Case) -> Outcome {
    let now = Instant::now();
    let mut table = FaultTable::default();
    let names = |member: &str| -> Vec<Arc<str>> {
        case.get(member).as_array().expect("names").iter().map(name).collect()
    };
    let unreachable = names("unreachable");
    for broker in names("unavailable") {
        table.avoid(&broker, Duration::from_secs(60), !unreachable.contains(&broker), now);
    }
    for broker in &unreachable {
        table.avoid(broker, Duration::ZERO, false, now);
    }
    let queues: Vec<MessageQueue> = case
        .get("queues")
        .as_array()
        .expect("queues")
        .iter()
        .map(|queue| MessageQueue::new(name(&queue[0]), name(&queue[1]), number(&queue[2]) as i32))
        .collect();
    let mut counter = number(case.get("counter")) as i32;
    for step in case.get("steps").as_array().expect("steps") {
        let mut plan = SendPlan::round_robin(1);
        if !step["lastBroker"].is_null() {
            plan.failed(&name(&step["lastBroker"]));
        }
        let ticket = || {
            // Java's counter has 31 bits (`ThreadLocalIndex.java`).
            counter = counter.wrapping_add(1) & i32::MAX;
            counter as usize
        };
        let chosen = match flag(case.get("enabled")) {
            true => plan.next_avoiding(&queues, &table, now, ticket),
            false => plan.next(&queues, ticket),
        };
        equal("queue", &chosen.as_ref(), &queues.get(number(&step["index"]) as usize))?;
    }
    Ok(())
}

fn merge(case: &Case) -> Outcome {
    let now = Instant::now();
    let mut table = FaultTable::default();
    for step in case.get("steps").as_array().expect("steps") {
        table.avoid(
            &name(&step["broker"]),
            millis(&step["duration"]),
            flag(&step["reachable"]),
            now,
        );
        for (index, broker) in ["b0", "b1", "b2"].iter().enumerate() {
            let available = flag(&step["available"][index]);
            equal("available", &table.is_available(broker, now), &available)?;
            equal("reachable", &table.is_reachable(broker), &flag(&step["reachables"][index]))?;
        }
    }
    Ok(())
}

/// An answer that took a negative time did not take long.
fn millis(value: &Value) -> Duration {
    Duration::from_millis(number(value).try_into().unwrap_or(0))
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn flag(value: &Value) -> bool {
    value.as_bool().expect("a flag")
}

fn name(value: &Value) -> Arc<str> {
    value.as_str().expect("a name").into()
}

#[test]
fn an_answer_counts_as_contact() {
    let (mut table, now, broker) = (FaultTable::default(), Instant::now(), Arc::from("b"));
    table.record(&broker, Contact::Lost, now);
    table.record(&broker, Contact::Answered(Duration::ZERO), now);
    assert!(table.is_reachable("b"));
}
