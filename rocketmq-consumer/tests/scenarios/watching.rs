//! Handlers that do not return, queues that stand still, and members that each read everything.

use rocketmq_consumer::{Action, Activity, Config, Event, Failure, Input, Model, Outcome, Stored};

use crate::support::*;

const Q: &str = "t/a/0";

/// A queue with these messages in the window; its pull is in flight.
fn holding(config: Config, offsets: std::ops::Range<i64>) -> Scenario {
    let (mut scenario, pulls) = Scenario::reading(config, &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), offsets));
    scenario.rest();
    scenario
}

fn commit_offset(scenario: &Scenario) -> Option<i64> {
    scenario.group.snapshot().queues[0].commit_offset
}

/// The messages that are to be sent back, with their levels.
fn send_backs(actions: Vec<Action>) -> Vec<(i64, i32)> {
    let send_back = |action| match action {
        Action::SendBack(plan) => Some((plan.delivery.id().offset, plan.delay_level)),
        _ => None,
    };
    actions.into_iter().filter_map(send_back).collect()
}

#[test]
fn f93_a_message_whose_handler_does_not_return_is_sent_back_in_time() {
    let mut scenario = holding(config(&["t"]), 0..2);
    let taken = scenario.take(9);
    scenario.settle(&taken[1..], Outcome::Ack);
    scenario.wait(secs(14 * 60));
    assert!(send_backs(scenario.rest()).is_empty(), "it may take 15 min");
    scenario.wait(secs(61));
    let told = scenario.rest();
    let event = Action::Event(Event::TimedOut { queue: queue(Q), offset: 0 });
    assert!(told.contains(&event));
    assert_eq!(send_backs(told), [(0, 3)]);
    // What the handler says now counts for nothing, whatever it is.
    scenario.settle(&taken[..1], Outcome::Ack);
    assert_eq!(commit_offset(&scenario), Some(0), "no broker has confirmed that it comes again");
    assert_eq!(scenario.group.snapshot().counters.late_settlements, 1);
    scenario.sent_back(taken[0].id(), Ok(()));
    assert_eq!(commit_offset(&scenario), Some(2));
}

#[test]
fn what_cannot_be_sent_back_is_not_given_to_a_second_handler() {
    let mut scenario = holding(config(&["t"]), 0..1);
    let taken = scenario.take(9);
    scenario.wait(secs(15 * 60 + 1));
    assert_eq!(send_backs(scenario.rest()), [(0, 3)]);
    scenario.sent_back(taken[0].id(), Err(Failure::Unreachable));
    scenario.wait(secs(5));
    assert!(scenario.take(9).is_empty(), "the first one still has it");
    assert_eq!(send_backs(scenario.rest()), [(0, 3)], "brokers are asked once more");
}

#[test]
fn a_halted_queue_stands_still_until_it_is_resumed() {
    let mut scenario = holding(config(&["t"]), 0..3);
    let taken = scenario.take(1);
    scenario.settle(&taken, Outcome::Halt);
    assert!(scenario.take(9).is_empty());
    let snapshot = scenario.group.snapshot();
    assert_eq!(snapshot.queues[0].activity, Activity::Halted);
    assert_eq!(snapshot.queues[0].commit_offset, Some(0));
    scenario.tell(Input::Resume);
    assert_eq!(scenario.take(9).len(), 3);
}

#[test]
fn f65_f89_a_queue_without_progress_says_so_once_and_what_it_waits_for() {
    let mut short = config(&["t"]);
    short.limits.messages = 2;
    let mut scenario = holding(short, 0..3);
    let taken = scenario.take(9);
    let stalls = |scenario: &mut Scenario| {
        let events = scenario.events();
        let stalls = events.into_iter().filter_map(|event| match event {
            Event::Stalled { activity, .. } => Some(Some(activity)),
            Event::Unstalled { .. } => Some(None),
            _ => None,
        });
        stalls.collect::<Vec<_>>()
    };
    scenario.wait(secs(100));
    assert!(stalls(&mut scenario).is_empty());
    scenario.wait(secs(200));
    let told = stalls(&mut scenario);
    assert!(matches!(told[..], [Some(Activity::NoRoom(_))]), "{told:?}");
    assert!(scenario.group.snapshot().queues[0].stalled);
    scenario.settle(&taken, Outcome::Ack);
    scenario.wait(secs(10));
    assert_eq!(stalls(&mut scenario), [None]);
}

#[test]
fn a_broadcasting_member_reads_every_queue_and_passes_over_what_fails() {
    let mut config = config(&["t"]);
    config.model = Model::Broadcasting;
    let mut scenario = Scenario::new(config);
    scenario.route(&["t/a/0", "t/b/0"]);
    scenario.tell(Input::Registered);
    let told = scenario.rest();
    let asks = |action: &Action| matches!(action, Action::QueryMembers { .. });
    assert!(!told.iter().any(asks), "who else is there does not matter");
    assert_eq!(scenario.owned(), ["t/a/0", "t/b/0"]);
    for name in ["t/a/0", "t/b/0"] {
        let epoch = scenario.epoch_of(name).unwrap_or_else(|| panic!("{name} is not read"));
        scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(5)) });
    }
    let pull = scenario.next_pull();
    assert_eq!((pull.offset, pull.commit_offset), (5, None), "brokers keep no offset of it");
    scenario.answer(pull.pull, found(&pull.queue, 5..7));
    let taken = scenario.take(9);
    scenario.rest();
    scenario.settle(&taken, Outcome::Retry);
    let passed = |event: &Event| matches!(event, Event::PassedOver { .. });
    let events = scenario.events();
    assert_eq!(events.iter().filter(|event| passed(event)).count(), 2);
    assert_eq!(commit_offset(&scenario), Some(7));
}
