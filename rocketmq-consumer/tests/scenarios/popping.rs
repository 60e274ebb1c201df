//! Groups whose queues brokers assign: popped ones beside pulled ones.

use rocketmq_consumer::{
    Action, Assigned, Config, Delivery, DeliveryId, Event, Failure, Input, Outcome, PopAck,
    PopPlan, Reappearance,
    pop::{Popped, popped},
};
use rocketmq_protocol::{Text, header::PopMessageResponseHeader, pop::Receipt};

use crate::support::*;

const ANY: &str = "t/a/-1";

fn config_of_pops() -> Config {
    let mut config = config(&["t"]);
    config.pop.enabled = true;
    config
}

fn assigned(name: &str, popped: bool) -> Assigned {
    Assigned { queue: queue(name), popped }
}

/// What a pop brings: messages of queue 3 from this offset on.
fn messages(offsets: std::ops::Range<i64>, times: i32) -> Vec<Popped> {
    let header = PopMessageResponseHeader {
        pop_time: 1_700,
        invisible_time: 60_000,
        ..PopMessageResponseHeader::default()
    };
    let message = |offset| {
        let mut message = message(&queue("t/a/3"), offset, &[]);
        message.reconsume_times = times;
        Ok(message)
    };
    popped(&Text::from("a"), &header, offsets.map(message).collect()).unwrap()
}

/// A group that pops from `t/a/-1` and pulls its retry topic; both wait for answers.
fn popping(config: Config) -> (Scenario, PopPlan) {
    let mut scenario = Scenario::new(config);
    scenario.route(&["t/a/0", "t/a/1"]);
    scenario.tell(Input::Route { topic: retry_queue().topic, queues: vec![retry_queue()] });
    scenario.tell(Input::Registered);
    let mut pops = Vec::new();
    for action in scenario.rest() {
        match action {
            Action::QueryAssignment { topic, .. } if &*topic == "t" => {
                let answer = Ok(Some(vec![assigned(ANY, true)]));
                scenario.tell(Input::Assignment { topic, answer });
            }
            Action::QueryAssignment { topic, .. } => {
                let queue = retry_queue();
                let answer = Ok(Some(vec![Assigned { queue, popped: false }]));
                scenario.tell(Input::Assignment { topic, answer });
            }
            Action::QueryMembers { .. } => panic!("nobody is asked for members"),
            _ => {}
        }
    }
    for action in scenario.rest() {
        if let Action::Pop(plan) = action {
            pops.push(plan);
        }
    }
    (scenario, pops.pop().expect("a pop"))
}

/// The same with messages 0 to `count` at hand; the next pop is in flight.
fn holding(config: Config, count: i64, times: i32) -> (Scenario, Vec<Delivery>) {
    let (mut scenario, plan) = popping(config);
    scenario.tell(Input::Popped { pop: plan.pop, answer: Ok(messages(0..count, times)) });
    let taken = scenario.take(usize::MAX);
    assert_eq!(taken.len() as i64, count);
    scenario.rest();
    (scenario, taken)
}

/// What is to be done about messages; the group's other questions are left unanswered.
fn about_messages(scenario: &mut Scenario) -> Vec<Action> {
    let mut actions = scenario.rest();
    actions.retain(|action| {
        matches!(action, Action::Ack(_) | Action::Reappear(_) | Action::SendBack(_))
    });
    actions
}

#[track_caller]
fn next_ack(scenario: &mut Scenario) -> PopAck {
    match about_messages(scenario).pop() {
        Some(Action::Ack(ack)) => ack,
        other => panic!("{other:?} is no ack"),
    }
}

#[track_caller]
fn next_reappearance(scenario: &mut Scenario) -> Reappearance {
    match about_messages(scenario).pop() {
        Some(Action::Reappear(reappearance)) => reappearance,
        other => panic!("{other:?} is no reappearance"),
    }
}

/// Nothing is to be done about messages.
#[track_caller]
fn quiet(scenario: &mut Scenario) {
    assert_eq!(about_messages(scenario), []);
}

fn offsets(ack: &PopAck) -> Vec<i64> {
    ack.receipts.iter().map(|receipt| receipt.queue_offset).collect()
}

fn unacknowledged(scenario: &Scenario) -> usize {
    let snapshot = scenario.group.snapshot();
    snapshot.queues.iter().filter_map(|queue| queue.unacknowledged).sum()
}

fn renewed(delivery: DeliveryId, receipt: &Receipt, pop_time: i64) -> Input {
    Input::Reappears { delivery, answer: Ok(Receipt { pop_time, ..receipt.clone() }) }
}

#[test]
fn f67_a_queue_that_has_just_been_assigned_is_not_overdue() {
    let (mut scenario, plan) = popping(config_of_pops());
    for _ in 0..25 {
        scenario.wait(secs(1));
        let given_up = |action: &Action| {
            matches!(
                action,
                Action::Event(Event::Stalled { .. } | Event::Revoking { .. })
                    | Action::CancelPull { .. }
            )
        };
        assert!(!scenario.rest().iter().any(given_up));
    }
    assert_eq!(scenario.owned().len(), 2);
    assert_eq!(scenario.epoch_of(ANY), Some(plan.pop.epoch), "and not assigned anew");
}

#[test]
fn popped_and_pulled_queues_live_side_by_side() {
    let (scenario, plan) = popping(config_of_pops());
    assert_eq!((plan.queue, plan.max_messages, plan.invisible), (queue(ANY), 32, secs(60)));
    assert_eq!(scenario.owned(), [retry_queue().to_string(), ANY.to_owned()]);
}

#[test]
fn a25_acknowledgements_gather_behind_the_one_that_is_under_way() {
    let (mut scenario, taken) = holding(config_of_pops(), 6, 0);
    scenario.settle(&taken[..1], Outcome::Ack);
    let first = next_ack(&mut scenario);
    assert_eq!(offsets(&first), [0]);
    // What gathers behind it does not wait for longer, if there is no answer.
    assert_eq!(first.deadline, scenario.now.monotonic + secs(1));
    for delivery in &taken[1..] {
        scenario.settle(std::slice::from_ref(delivery), Outcome::Ack);
    }
    quiet(&mut scenario);
    scenario.tell(Input::Acked { epoch: first.epoch, answer: Ok(()) });
    let second = next_ack(&mut scenario);
    assert_eq!(offsets(&second), [1, 2, 3, 4, 5]);
    // No answer: once more, until their time is over.
    scenario.tell(Input::Acked { epoch: second.epoch, answer: Err(Failure::Unanswered) });
    quiet(&mut scenario);
    scenario.wait(secs(1));
    let third = next_ack(&mut scenario);
    assert_eq!(offsets(&third), [1, 2, 3, 4, 5]);
    scenario.tell(Input::Acked { epoch: third.epoch, answer: Ok(()) });
    assert_eq!(unacknowledged(&scenario), 0);
}

#[test]
fn failures_come_again_along_the_ladder() {
    let (mut scenario, taken) = holding(config_of_pops(), 2, 2);
    scenario.settle(&taken[..1], Outcome::Retry);
    let retry = next_reappearance(&mut scenario);
    assert_eq!((retry.receipt.queue_offset, retry.after), (0, secs(60)));
    scenario.tell(renewed(retry.delivery, &retry.receipt, 1_800));
    scenario.settle(&taken[1..], Outcome::RetryAfter(0));
    assert_eq!(next_reappearance(&mut scenario).after, secs(10));
    assert_eq!(unacknowledged(&scenario), 1, "the first is out of our hands");
}

#[test]
fn a11_what_fails_too_often_is_buried_and_then_acknowledged() {
    let (mut scenario, taken) = holding(config_of_pops(), 1, 16);
    scenario.settle(&taken, Outcome::Retry);
    let send_back = scenario.next_send_back();
    assert_eq!(send_back.delay_level, -1);
    quiet(&mut scenario);
    scenario.sent_back(taken[0].id(), Ok(()));
    assert_eq!(offsets(&next_ack(&mut scenario)), [0]);
}

#[test]
fn f100_time_is_renewed_while_a_handler_is_at_work_and_the_newest_receipt_counts() {
    let (mut scenario, taken) = holding(config_of_pops(), 1, 0);
    scenario.wait(ms(39_999));
    quiet(&mut scenario);
    scenario.wait(ms(1));
    let renewal = next_reappearance(&mut scenario);
    assert_eq!(renewal.after, secs(60));
    // The handler ends while the answer is under way: its word waits for the receipt.
    scenario.settle(&taken, Outcome::Ack);
    quiet(&mut scenario);
    scenario.tell(renewed(renewal.delivery, &renewal.receipt, 9_999));
    assert_eq!(next_ack(&mut scenario).receipts[0].pop_time, 9_999);
}

#[test]
fn f100_a_message_is_kept_until_it_is_known_whether_it_was_renewed_in_time() {
    let (mut scenario, plan) = popping(config_of_pops());
    scenario.tell(Input::Popped { pop: plan.pop, answer: Ok(messages(0..2, 0)) });
    scenario.wait(ms(58_500));
    // No handler had time for it before now.
    let taken = scenario.take(1);
    scenario.wait(ms(1));
    let renewal = next_reappearance(&mut scenario);
    scenario.wait(ms(2_500));
    assert!(scenario.take(9).is_empty(), "the other comes again");
    scenario.settle(&taken, Outcome::Ack);
    scenario.tell(renewed(renewal.delivery, &renewal.receipt, 9_999));
    assert_eq!(next_ack(&mut scenario).receipts[0].pop_time, 9_999);
}

#[test]
fn f100_time_that_was_granted_counts_from_when_it_was_asked_for() {
    let (mut scenario, taken) = holding(config_of_pops(), 1, 0);
    for _ in 0..3 {
        scenario.wait(secs(40));
        let renewal = next_reappearance(&mut scenario);
        scenario.wait(secs(2));
        scenario.tell(renewed(renewal.delivery, &renewal.receipt, 9_999));
        scenario.wait(ms(37_999));
        quiet(&mut scenario);
        scenario.wait(ms(1));
        let renewal = next_reappearance(&mut scenario);
        scenario.tell(renewed(renewal.delivery, &renewal.receipt, 9_999));
    }
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(offsets(&next_ack(&mut scenario)), [0]);
}

#[test]
fn f100_a_message_that_is_about_to_come_again_is_not_begun() {
    let (mut scenario, plan) = popping(config_of_pops());
    scenario.tell(Input::Popped { pop: plan.pop, answer: Ok(messages(0..1, 0)) });
    scenario.wait(ms(59_001));
    assert!(scenario.take(9).is_empty());
    assert_eq!(unacknowledged(&scenario), 0);
}

#[test]
fn a24_a_result_after_its_time_counts_for_nothing() {
    let mut config = config_of_pops();
    config.pop.renew = false;
    let (mut scenario, taken) = holding(config, 1, 0);
    scenario.wait(secs(60));
    assert!(scenario.events().iter().any(|event| matches!(event, Event::TimedOut { .. })));
    assert_eq!(unacknowledged(&scenario), 0, "the count is balanced");
    scenario.settle(&taken, Outcome::Ack);
    let acks = scenario.rest().into_iter().any(|action| matches!(action, Action::Ack(_)));
    assert!(!acks);
    assert_eq!(scenario.group.snapshot().counters.late_settlements, 1);
}

#[test]
fn popping_stops_when_too_much_is_out() {
    let mut config = config_of_pops();
    config.pop.limit = 3;
    let (mut scenario, taken) = holding(config, 4, 0);
    scenario.settle(&taken[..2], Outcome::Ack);
    let ack = next_ack(&mut scenario);
    scenario.tell(Input::Acked { epoch: ack.epoch, answer: Ok(()) });
    assert!(matches!(scenario.next_request(), Action::Pop(_)));
}

#[test]
fn a_topic_changes_from_popped_to_pulled_in_two_steps() {
    let (mut scenario, taken) = holding(config_of_pops(), 1, 0);
    scenario.tell(Input::MembersChanged);
    scenario.wait(secs(1));
    let answer = |scenario: &mut Scenario, name, popped| {
        for action in scenario.rest() {
            if let Action::QueryAssignment { topic, .. } = action {
                let answer = match &*topic {
                    "t" => Ok(Some(vec![assigned(name, popped)])),
                    _ => Ok(None),
                };
                scenario.tell(Input::Assignment { topic, answer });
            }
        }
    };
    answer(&mut scenario, "t/a/0", false);
    scenario.settle(&taken, Outcome::Ack);
    let ack = scenario.rest().into_iter().find_map(|action| match action {
        Action::Ack(ack) => Some(ack),
        _ => None,
    });
    scenario.tell(Input::Acked { epoch: ack.unwrap().epoch, answer: Ok(()) });
    assert_eq!(scenario.owned(), [retry_queue().to_string()]);
    scenario.wait(secs(2));
    answer(&mut scenario, "t/a/0", false);
    assert_eq!(scenario.owned(), [retry_queue().to_string(), "t/a/0".to_owned()]);
}

#[test]
fn closing_waits_for_handlers_and_for_acknowledgements() {
    let (mut scenario, taken) = holding(config_of_pops(), 2, 0);
    scenario.tell(Input::Close { grace: secs(30) });
    scenario.settle(&taken, Outcome::Ack);
    let ack = scenario.rest().into_iter().find_map(|action| match action {
        Action::Ack(ack) => Some(ack),
        _ => None,
    });
    scenario.tell(Input::Acked { epoch: ack.unwrap().epoch, answer: Ok(()) });
    let left = |action: &Action| matches!(action, Action::Unregister { .. });
    scenario.wait(secs(4));
    assert!(scenario.rest().iter().any(left));
}

#[test]
fn no_answer_to_an_assignment_leaves_everything_as_it_is() {
    let (mut scenario, _) = holding(config_of_pops(), 1, 0);
    scenario.tell(Input::MembersChanged);
    scenario.wait(secs(1));
    for action in scenario.rest() {
        if let Action::QueryAssignment { topic, .. } = action {
            scenario.tell(Input::Assignment { topic, answer: Err(Failure::Unanswered) });
        }
    }
    assert_eq!(scenario.owned(), [retry_queue().to_string(), ANY.to_owned()]);
}
