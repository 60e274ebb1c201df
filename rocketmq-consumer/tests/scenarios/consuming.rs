//! Handing out, settling, sending back, committing.

use rocketmq_consumer::{Action, Event, Failure, Input, Outcome, PullAnswer, PullStatus};
use rocketmq_protocol::{code::ResponseCode, message::property, subscription};

use crate::support::*;

const Q: &str = "t/a/0";

/// A queue with these messages in the window; its pull is in flight.
fn holding(offsets: std::ops::Range<i64>) -> Scenario {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), offsets));
    scenario.rest();
    scenario
}

fn commit_offset(scenario: &Scenario) -> Option<i64> {
    scenario.group.snapshot().queues[0].commit_offset
}

#[test]
fn f86_the_position_is_the_lowest_offset_that_is_not_settled() {
    let check = |settled: &[usize], expected: i64| {
        let mut scenario = holding(10..13);
        let taken = scenario.take(9);
        for &index in settled {
            scenario.settle(&taken[index..=index], Outcome::Ack);
        }
        assert_eq!(commit_offset(&scenario), Some(expected), "{settled:?}");
    };
    check(&[], 10);
    check(&[1], 10);
    check(&[2, 1], 10);
    check(&[0], 11);
    check(&[0, 1], 12);
    check(&[1, 0], 12);
    check(&[2, 0, 1], 13);
}

#[test]
fn queues_take_turns_and_a_batch_is_of_one_queue() {
    let names = ["t/a/0", "t/a/1"];
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &names);
    for pull in &pulls {
        scenario.answer(pull.pull, found(&pull.queue, 0..3));
    }
    let mut turns = Vec::new();
    loop {
        let taken = scenario.take(2);
        let Some(first) = taken.first() else { break };
        assert!(taken.iter().all(|delivery| delivery.queue() == first.queue()));
        let offsets: Vec<_> = taken.iter().map(|delivery| delivery.id().offset).collect();
        turns.push((first.queue().queue_id, offsets));
    }
    assert_eq!(turns, [(0, vec![0, 1]), (1, vec![0, 1]), (0, vec![2]), (1, vec![2])]);
    assert!(scenario.take(0).is_empty());
}

#[test]
fn settling_twice_is_reported_and_changes_nothing() {
    let mut scenario = holding(0..3);
    let taken = scenario.take(2);
    scenario.settle(&taken[..1], Outcome::Ack);
    for outcome in [Outcome::Ack, Outcome::Retry, Outcome::Returned] {
        scenario.settle(&taken[..1], outcome);
        assert!(matches!(&scenario.events()[..], [Event::Unexpected { input: "Settled", .. }]));
    }
    scenario.quiet();
    assert_eq!(commit_offset(&scenario), Some(1));
}

#[test]
fn what_is_given_back_is_handed_out_again_as_it_was() {
    let mut scenario = holding(0..3);
    let taken = scenario.take(2);
    scenario.settle(&taken, Outcome::Returned);
    let again = scenario.take(9);
    let offsets: Vec<_> = again.iter().map(|it| (it.id().offset, it.reconsume_times())).collect();
    assert_eq!(offsets, [(0, 0), (1, 0), (2, 0)]);
}

#[test]
fn f82_a_failed_message_is_sent_back_and_passed_only_when_that_is_confirmed() {
    let check = |outcome: Outcome, level: i32| {
        let mut scenario = holding(0..2);
        let taken = scenario.take(2);
        scenario.settle(&taken[1..], Outcome::Ack);
        scenario.settle(&taken[..1], outcome);
        let send_back = scenario.next_send_back();
        assert_eq!((send_back.delay_level, send_back.max_redeliveries), (level, 16));
        assert_eq!(send_back.delivery.id(), taken[0].id());
        assert_eq!(commit_offset(&scenario), Some(0));
        scenario.sent_back(taken[0].id(), Ok(()));
        assert_eq!(commit_offset(&scenario), Some(2));
        scenario.sent_back(taken[0].id(), Ok(()));
        assert_eq!(scenario.group.snapshot().counters.late_answers, 1);
    };
    check(Outcome::Retry, 0);
    check(Outcome::RetryAfter(5), 5);
    check(Outcome::DeadLetter, -1);
}

#[test]
fn a10_a_message_that_cannot_be_sent_back_comes_again_here() {
    let failure = Failure::Refused(ResponseCode::NO_PERMISSION);
    for silent in [false, true] {
        let mut scenario = holding(0..2);
        let taken = scenario.take(2);
        scenario.settle(&taken[1..], Outcome::Ack);
        scenario.settle(&taken[..1], Outcome::Retry);
        scenario.next_send_back();
        let failure = if silent {
            scenario.wait(secs(6));
            Failure::Unanswered
        } else {
            scenario.sent_back(taken[0].id(), Err(failure));
            failure
        };
        let failed = Event::SendBackFailed { queue: queue(Q), offset: 0, failure };
        assert!(scenario.events().contains(&failed));
        scenario.wait(ms(4_999));
        assert!(scenario.take(9).is_empty());
        scenario.wait(ms(1));
        let again = scenario.take(9);
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].reconsume_times(), 1);
        assert_eq!(commit_offset(&scenario), Some(0));
        scenario.settle(&again, Outcome::Ack);
        assert_eq!(commit_offset(&scenario), Some(2));
    }
}

#[test]
fn a_confirmation_that_comes_late_still_counts() {
    let mut scenario = holding(0..1);
    let taken = scenario.take(1);
    scenario.settle(&taken, Outcome::Retry);
    scenario.wait(secs(6));
    scenario.sent_back(taken[0].id(), Ok(()));
    assert_eq!(commit_offset(&scenario), Some(1));
    scenario.wait(secs(10));
    assert!(scenario.take(9).is_empty());
}

#[test]
fn what_cannot_be_decoded_is_delivered_and_hides_nothing() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let good = |offset| Ok(message(&queue(Q), offset, &[]));
    let messages = vec![Err(poison()), good(3), Err(poison()), Err(poison()), good(6)];
    let answer = PullAnswer { messages, ..nothing(PullStatus::Found, 9) };
    scenario.answer(pulls[0].pull, answer);
    assert_eq!(scenario.next_pull().offset, 9);
    let taken = scenario.take(9);
    let seen: Vec<_> = taken.iter().map(|it| (it.id().offset, it.message().is_ok())).collect();
    assert_eq!(seen, [(0, false), (3, true), (4, false), (5, false), (6, true)]);
    assert_eq!(taken[0].message().map_err(|poison| &poison.bytes[..]), Err(&b"rubbish"[..]));
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(commit_offset(&scenario), Some(9));
}

#[test]
fn a_message_from_the_retry_topic_shows_where_it_came_from() {
    let retry = retry_queue();
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &["%RETRY%g/a/0"]);
    let mut of_orders = message(&retry, 0, &[(property::RETRY_TOPIC, "orders")]);
    of_orders.reconsume_times = 2;
    let messages = vec![Ok(of_orders), Ok(message(&retry, 1, &[]))];
    let answer = PullAnswer { messages, ..nothing(PullStatus::Found, 2) };
    scenario.answer(pulls[0].pull, answer);
    let taken = scenario.take(9);
    let topic = |index: usize| taken[index].message().map(|message| message.topic.to_string());
    assert_eq!(topic(0).as_deref(), Ok("orders"));
    assert_eq!(topic(1).as_deref(), Ok("%RETRY%g"));
    assert_eq!((taken[0].queue(), taken[0].reconsume_times()), (&retry, 2));

    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let messages = vec![Ok(message(&queue(Q), 0, &[(property::RETRY_TOPIC, "orders")]))];
    scenario.answer(pulls[0].pull, PullAnswer { messages, ..nothing(PullStatus::Found, 1) });
    let taken = scenario.take(9);
    assert_eq!(taken[0].message().map(|message| message.topic.to_string()).as_deref(), Ok("t"));
}

#[test]
fn f70_tags_whose_hashes_collide_are_told_apart() {
    let mut config = config(&[]);
    config.subscriptions.push(subscription::tags("t", "AaAa", 0).expect("an expression"));
    let (mut scenario, pulls) = Scenario::reading(config, &[Q]);
    let tags = ["AaAa", "BBBB", "AaAa", "BBBB"];
    let messages = (0..).zip(tags).map(|(offset, tag)| Ok(tagged(&queue(Q), offset, tag)));
    let messages = messages.collect();
    scenario.answer(pulls[0].pull, PullAnswer { messages, ..nothing(PullStatus::Found, 4) });
    let taken = scenario.take(9);
    let offsets: Vec<_> = taken.iter().map(|it| it.id().offset).collect();
    assert_eq!(offsets, [0, 2]);
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(commit_offset(&scenario), Some(4));
    assert_eq!(scenario.group.snapshot().counters.filtered, 2);
}

#[test]
fn what_comes_twice_is_handed_out_once() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let mut answer = found(&queue(Q), 0..3);
    answer.messages.push(Ok(message(&queue(Q), 1, &[])));
    scenario.answer(pulls[0].pull, answer);
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, found(&queue(Q), 1..5));
    let offsets: Vec<_> = scenario.take(9).iter().map(|it| it.id().offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
    assert_eq!(scenario.group.snapshot().counters.repeated, 3);
}

#[test]
fn offsets_are_committed_when_they_have_moved() {
    let names = ["t/a/0", "t/a/1", "t/b/0"];
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &names);
    for pull in &pulls[1..] {
        scenario.answer(pull.pull, nothing(PullStatus::NoMatchedMessage, 7));
    }
    scenario.rest();
    scenario.wait(ms(4_499));
    scenario.quiet();
    scenario.wait(ms(501));
    let (a, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(names[1].into(), 7)]);
    let (b, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(names[2].into(), 7)]);
    scenario.confirm(b);
    scenario.confirm(a);
    scenario.wait(secs(12));
    scenario.quiet();
}

#[test]
fn a_broker_gets_one_commit_at_a_time_and_a_failed_one_again() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..9));
    let taken = scenario.take(9);
    scenario.rest();
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.wait(secs(5));
    let (commit, _) = scenario.next_commit();
    scenario.settle(&taken[1..2], Outcome::Ack);
    scenario.wait(secs(5));
    scenario.quiet();
    let epoch = taken[0].id().epoch;
    scenario.tell(Input::Committed { commit, failed: vec![(epoch, Failure::Unanswered)] });
    let failing = Event::CommitFailing { broker: "a".into(), failure: Failure::Unanswered };
    assert_eq!(scenario.events(), [failing]);
    scenario.wait(ms(500));
    let (again, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(Q.into(), 2)]);
    scenario.confirm(commit);
    assert_eq!(scenario.group.snapshot().counters.late_answers, 1);
    scenario.confirm(again);
    assert_eq!(scenario.events(), [Event::CommitRecovered { broker: "a".into() }]);
    assert_eq!(scenario.group.snapshot().queues[0].committed_offset, Some(2));
}

#[test]
fn f74_f87_what_memory_says_counts_while_brokers_are_away_and_when_they_are_back() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 7));
    let mut pull = scenario.next_pull().pull;
    let mut asked = 0;
    // The broker is away for five minutes, and has lost the last offsets when it is back.
    for _ in 0..300 {
        scenario.wait(secs(1));
        for action in scenario.rest() {
            match action {
                Action::Commit { commit, offsets, .. } => {
                    assert_eq!(commits(&offsets), [(Q.into(), 7)]);
                    let failed = vec![(offsets[0].epoch, Failure::Unreachable)];
                    scenario.tell(Input::Committed { commit, failed });
                }
                Action::Pull(plan) => pull = plan.pull,
                Action::QueryStoredOffset { .. } => asked += 1,
                _ => {}
            }
        }
        scenario.fail(pull, Failure::Unreachable);
    }
    scenario.wait(secs(31));
    let (mut committed, mut along) = (Vec::new(), Vec::new());
    for action in scenario.rest() {
        match action {
            Action::Commit { commit, offsets, .. } => {
                committed.push(offsets[0].offset);
                scenario.confirm(commit);
            }
            Action::Pull(plan) => along.push(plan.commit_offset),
            Action::QueryStoredOffset { .. } => asked += 1,
            _ => {}
        }
    }
    assert_eq!((committed, along), (vec![7], vec![Some(7)]), "by itself, and with each pull");
    assert_eq!(asked, 0, "what the broker has stored is not read again");
}

#[test]
fn f90_what_is_held_is_counted_from_what_is_there() {
    let mut scenario = holding(0..32);
    for _ in 0..50 {
        for outcome in [Outcome::Returned, Outcome::Retry, Outcome::Ack, Outcome::RetryAfter(3)] {
            let taken = scenario.take(3);
            scenario.settle(&taken, outcome);
            for delivery in taken {
                scenario.sent_back(delivery.id(), Err(Failure::Unanswered));
            }
        }
        scenario.wait(secs(5));
        scenario.rest();
    }
    let rest = scenario.take(99);
    scenario.settle(&rest, Outcome::Ack);
    let snapshot = scenario.group.snapshot();
    assert_eq!((snapshot.held_bytes, snapshot.queues[0].cached_messages), (0, 0));
    assert_eq!(commit_offset(&scenario), Some(32));
}

#[test]
fn a_commit_without_an_answer_is_sent_again_ever_more_slowly() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 7));
    scenario.rest();
    let mut sent = Vec::new();
    for _ in 0..1_200 {
        scenario.wait(ms(100));
        let commits = |action: &Action| matches!(action, Action::Commit { .. });
        sent.extend(
            scenario.rest().iter().filter(|it| commits(it)).map(|_| scenario.now.monotonic),
        );
    }
    let gaps: Vec<_> = sent.windows(2).map(|two| (two[1] - two[0]).as_millis()).collect();
    assert_eq!(&gaps[..5], [6_500, 7_000, 8_000, 10_000, 14_000], "6 s of silence and a pause");
}

#[test]
fn the_lag_is_what_lies_behind_the_position() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    assert_eq!(scenario.group.snapshot().queues[0].lag(), None);
    let answer = PullAnswer { max_offset: 100, ..found(&queue(Q), 0..3) };
    scenario.answer(pulls[0].pull, answer);
    let taken = scenario.take(1);
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(scenario.group.snapshot().lag(), 99);
}
