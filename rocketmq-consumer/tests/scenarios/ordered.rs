//! Ordered groups: leases, one batch at a time, suspension, commit and rollback.

use rocketmq_consumer::{
    Action, Config, Event, Failure, Input, LeaseLoss, LockId, Order, Outcome, Stored,
};
use rocketmq_route::MessageQueue;

use crate::support::*;

const Q: &str = "t/a/0";

fn strict(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config(&["t"]);
    config.order = Order::Strict { auto_commit: true };
    change(&mut config);
    config
}

/// The next request for leases.
#[track_caller]
fn next_lock(scenario: &mut Scenario) -> (LockId, Vec<MessageQueue>) {
    match scenario.next_request() {
        Action::Lock { lock, queues, .. } => (lock, queues),
        other => panic!("{other:?} asks for no lease"),
    }
}

fn grant(scenario: &mut Scenario) {
    let (lock, queues) = next_lock(scenario);
    scenario.tell(Input::Locked { lock, answer: Ok(queues) });
}

/// A group that has been assigned `t/a/0` and is about to ask for its lease.
fn assigned(config: Config) -> Scenario {
    let mut scenario = Scenario::new(config);
    scenario.route(&[Q]);
    scenario.tell(Input::Registered);
    scenario.rest();
    scenario.tell(Input::Members { broker: "a".into(), answer: Ok(names_of(&[ME])) });
    scenario
}

/// A group that reads `t/a/0` with these messages in the window; its pull is in flight.
fn holding(config: Config, offsets: std::ops::Range<i64>) -> Scenario {
    let mut scenario = assigned(config);
    grant(&mut scenario);
    let epoch = match scenario.next_request() {
        Action::QueryStoredOffset { epoch, .. } => epoch,
        other => panic!("{other:?} asks for no offset"),
    };
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(offsets.start)) });
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, found(&queue(Q), offsets));
    scenario.rest();
    scenario
}

fn offsets_of(taken: &[rocketmq_consumer::Delivery]) -> Vec<i64> {
    taken.iter().map(|delivery| delivery.id().offset).collect()
}

#[test]
fn the_offset_is_asked_for_only_under_the_lease() {
    let mut scenario = assigned(strict(|_| {}));
    let (lock, queues) = next_lock(&mut scenario);
    assert_eq!(queues, [queue(Q)]);
    // Another member has it: once more after half a second, and nothing else.
    scenario.tell(Input::Locked { lock, answer: Ok(Vec::new()) });
    scenario.quiet();
    scenario.wait(ms(499));
    scenario.quiet();
    scenario.wait(ms(1));
    grant(&mut scenario);
    assert!(matches!(scenario.next_request(), Action::QueryStoredOffset { .. }));
}

#[test]
fn one_batch_is_out_at_a_time_and_in_order() {
    let mut scenario = holding(strict(|config| config.run = 2), 0..5);
    let first = scenario.take(9);
    assert_eq!(offsets_of(&first), [0, 1]);
    assert!(scenario.take(9).is_empty(), "the first batch is still out");
    scenario.settle(&first[..1], Outcome::Ack);
    assert!(scenario.take(9).is_empty(), "half of it is");
    scenario.settle(&first[1..], Outcome::Ack);
    assert_eq!(offsets_of(&scenario.take(9)), [2, 3]);
}

#[test]
fn a_failure_stops_the_queue_for_a_while() {
    let mut scenario = holding(strict(|config| config.run = 3), 0..5);
    let taken = scenario.take(9);
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.settle(&taken[1..2], Outcome::Suspend(700));
    scenario.settle(&taken[2..], Outcome::Returned);
    scenario.wait(ms(699));
    assert!(scenario.take(9).is_empty(), "it rests");
    scenario.wait(ms(1));
    let again = scenario.take(9);
    assert_eq!(offsets_of(&again), [1, 2, 3]);
    let times: Vec<_> = again.iter().map(|delivery| delivery.reconsume_times()).collect();
    assert_eq!(times, [1, 0, 0], "only one of them was tried");
}

#[test]
fn a16_f98_at_the_limit_a_message_is_buried_and_the_queue_goes_on() {
    let mut scenario = holding(strict(|config| config.max_redeliveries = 3), 0..2);
    for _ in 0..3 {
        let taken = scenario.take(1);
        scenario.settle(&taken, Outcome::Suspend(10));
        scenario.quiet();
        scenario.wait(ms(10));
    }
    let taken = scenario.take(1);
    scenario.settle(&taken, Outcome::Suspend(10));
    let send_back = scenario.next_send_back();
    assert_eq!(send_back.delay_level, -1);
    assert!(scenario.take(1).is_empty(), "nobody has confirmed that it is buried");
    scenario.sent_back(taken[0].id(), Err(Failure::Unanswered));
    assert!(scenario.take(1).is_empty());
    scenario.wait(secs(5));
    let taken = scenario.take(1);
    assert_eq!(offsets_of(&taken), [0], "it could not be buried");
    scenario.settle(&taken, Outcome::DeadLetter);
    scenario.next_send_back();
    scenario.sent_back(taken[0].id(), Ok(()));
    assert_eq!(offsets_of(&scenario.take(1)), [1]);
}

#[test]
fn f91_a_queue_that_has_failed_a_thousand_times_goes_on() {
    let mut scenario = holding(strict(|config| config.max_redeliveries = 1_000_000), 0..2);
    for _ in 0..1_100 {
        let taken = scenario.take(1);
        assert_eq!(offsets_of(&taken), [0]);
        scenario.settle(&taken, Outcome::Suspend(10));
        scenario.quiet();
        scenario.wait(ms(10));
        scenario.rest();
    }
    let taken = scenario.take(1);
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(offsets_of(&scenario.take(1)), [1]);
    assert_eq!(scenario.group.snapshot().queues[0].cached_messages, 1);
}

#[test]
fn without_automatic_commit_the_application_says_when() {
    let manual = strict(|config| config.order = Order::Strict { auto_commit: false });
    let mut scenario = holding(manual, 0..5);
    let position = |scenario: &Scenario| scenario.group.snapshot().queues[0].commit_offset;
    let consume = |scenario: &mut Scenario, offset: i64, outcome| {
        let taken = scenario.take(1);
        assert_eq!(offsets_of(&taken), [offset]);
        scenario.settle(&taken, outcome);
    };
    consume(&mut scenario, 0, Outcome::Ack);
    consume(&mut scenario, 1, Outcome::Ack);
    assert_eq!(position(&scenario), Some(0));
    assert_eq!(scenario.group.snapshot().queues[0].kept, 2);
    consume(&mut scenario, 2, Outcome::Commit);
    assert_eq!(position(&scenario), Some(3));
    consume(&mut scenario, 3, Outcome::Ack);
    consume(&mut scenario, 4, Outcome::Rollback);
    assert_eq!(position(&scenario), Some(3));
    scenario.wait(secs(1));
    consume(&mut scenario, 3, Outcome::Ack);
    consume(&mut scenario, 4, Outcome::Commit);
    assert_eq!(position(&scenario), Some(5));
}

#[test]
fn a_lease_is_renewed_before_it_ends() {
    let mut scenario = holding(strict(|_| {}), 0..1);
    let queues = vec![queue(Q)];
    for _ in 0..3 {
        scenario.wait(secs(20));
        let lock = scenario.last_lock();
        scenario.tell(Input::Locked { lock, answer: Ok(queues.clone()) });
    }
    assert_eq!(scenario.take(1).len(), 1);
}

#[test]
fn a15_f97_a_result_counts_only_under_a_valid_lease() {
    for silent in [false, true] {
        let mut scenario = holding(strict(|_| {}), 0..3);
        let taken = scenario.take(1);
        assert!(taken[0].may_begin(scenario.now.monotonic));
        let before = taken[0].id().epoch;
        let cause = if silent {
            scenario.wait(secs(31));
            LeaseLoss::Expired
        } else {
            scenario.wait(secs(20));
            scenario.rest();
            let lock = scenario.last_lock();
            scenario.tell(Input::Locked { lock, answer: Ok(Vec::new()) });
            LeaseLoss::Refused
        };
        let lost = Event::LeaseLost { queue: queue(Q), epoch: before, cause };
        assert!(scenario.events().contains(&lost), "{cause:?}");
        assert!(taken[0].is_stale(scenario.now.monotonic));
        scenario.settle(&taken, Outcome::Ack);
        let left = scenario.events().into_iter().find_map(|event| match event {
            Event::Revoked { left, .. } => Some(left),
            _ => None,
        });
        assert_eq!(left.and_then(|left| left.position), Some(0), "it was put back");
        let told = scenario.rest();
        assert!(
            !told.iter().any(|it| matches!(it, Action::Commit { .. } | Action::Unlock { .. })),
            "the queue is none of ours: {told:?}"
        );
    }
}

#[test]
fn f96_a_queue_is_unlocked_when_its_handler_and_its_commit_are_done() {
    let mut scenario = holding(strict(|_| {}), 0..3);
    let taken = scenario.take(1);
    scenario.tell(Input::Unsubscribe { topic: "t".into() });
    scenario.rest();
    scenario.wait(secs(10));
    scenario.quiet();
    scenario.settle(&taken, Outcome::Ack);
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(Q.to_owned(), 1)]);
    scenario.quiet();
    scenario.confirm(commit);
    match scenario.next_request() {
        Action::Unlock { queues, .. } => assert_eq!(queues, [queue(Q)]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn closing_gives_leases_back_before_it_says_good_bye() {
    let mut scenario = holding(strict(|_| {}), 0..1);
    let taken = scenario.take(1);
    scenario.tell(Input::Close { grace: secs(9) });
    scenario.rest();
    scenario.settle(&taken, Outcome::Ack);
    let (commit, _) = scenario.next_commit();
    scenario.confirm(commit);
    let lock = match scenario.next_request() {
        Action::Unlock { lock, .. } => lock,
        other => panic!("{other:?}"),
    };
    scenario.quiet();
    scenario.tell(Input::Unlocked { lock, answer: Ok(()) });
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));
}

#[test]
fn a_lease_whose_handler_still_runs_is_left_to_end_by_itself() {
    let mut scenario = holding(strict(|_| {}), 0..1);
    scenario.take(1);
    scenario.tell(Input::Close { grace: secs(9) });
    scenario.rest();
    scenario.wait(secs(9));
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }), "nothing is unlocked");
}
