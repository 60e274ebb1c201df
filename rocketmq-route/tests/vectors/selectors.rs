//! `selectors.jsonl`: the queues that Java chooses by turns and by key.

use rocketmq_protocol::message::string_hash;
use rocketmq_route::{MessageQueue, SendPlan, queue_by_hash};
use serde_json::Value;

use crate::reader::{self, Case, Outcome, equal};

#[test]
fn selectors() {
    let readers: &[(&str, reader::Check)] = &[
        ("string-hash", hash_of_text),
        ("by-hash", by_hash),
        ("machine-room", machine_room),
        ("round-robin", round_robin),
    ];
    reader::check("selectors", readers);
}

fn hash_of_text(case: &Case) -> Outcome {
    equal("hash", &i64::from(string_hash(&text(case.get("text")))), &number(case.get("hash")))
}

/// Without a key or a queue Java throws; here there is no call without a key, and no queue is no choice.
fn by_hash(case: &Case) -> Outcome {
    let queues: Vec<MessageQueue> =
        (0..number(case.get("queues")) as i32).map(|id| MessageQueue::new("t", "b", id)).collect();
    let Some(hash) = case.line["hash"].as_i64() else { return Ok(()) };
    let chosen = queue_by_hash(&queues, hash as i32).map(|queue| i64::from(queue.queue_id));
    equal("queue", &chosen, &case.get("selected")["ok"].as_i64())
}

/// Upstream's chooses nothing, ever, and so does not exist here.
fn machine_room(case: &Case) -> Outcome {
    equal("nothing", &case.get("selected")["ok"].is_null(), &true)
}

/// `filter` is the same as `avoid`, but for one thing: if every queue is on the broker to avoid, it chooses nothing, and its
/// caller goes on to the next. Here that is one step.
fn round_robin(case: &Case) -> Outcome {
    let queues: Vec<MessageQueue> = case
        .get("queues")
        .as_array()
        .expect("queues")
        .iter()
        .map(|queue| MessageQueue::new(text(&queue[0]), text(&queue[1]), number(&queue[2]) as i32))
        .collect();
    let mut counter = number(case.get("counter")) as i32;
    let mut ticket = || {
        // Java's counter has 31 bits (`ThreadLocalIndex.java`).
        counter = counter.wrapping_add(1) & i32::MAX;
        counter as usize
    };
    for step in case.get("steps").as_array().expect("steps") {
        let mut plan = SendPlan::round_robin(1);
        if step["how"] != "next" && !step["lastBroker"].is_null() {
            plan.failed(&text(&step["lastBroker"]).into());
        }
        let Some(expected) = step["index"]["ok"].as_u64() else {
            for _ in &queues {
                ticket();
            }
            continue;
        };
        let chosen = plan.next(&queues, &mut ticket);
        equal("queue", &chosen.as_ref(), &queues.get(expected as usize))?;
    }
    Ok(())
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn text(value: &Value) -> String {
    reader::text(value).expect("a text")
}
