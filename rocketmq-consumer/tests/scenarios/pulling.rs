//! Pulling: answers of every kind, limits, and where reading goes on.

use rocketmq_consumer::{
    Action, Activity, BeyondEnd, Event, Failure, Input, MoveCause, Outcome, Pressure, PullAnswer,
    PullStatus, Rest,
};
use rocketmq_protocol::{code::ResponseCode, subscription};

use crate::support::*;

const Q: &str = "t/a/0";

fn activity(scenario: &Scenario) -> Activity {
    scenario.group.snapshot().queues[0].activity
}

#[test]
fn the_next_pull_goes_where_the_broker_says() {
    let check = |answer: PullAnswer, expected: i64| {
        let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
        scenario.answer(pulls[0].pull, answer);
        assert_eq!(scenario.next_pull().offset, expected);
    };
    check(found(&queue(Q), 0..32), 32);
    check(PullAnswer { next_begin_offset: 50, ..found(&queue(Q), 0..32) }, 50);
    check(PullAnswer { next_begin_offset: 5, ..found(&queue(Q), 0..32) }, 32);
    check(nothing(PullStatus::NoMatchedMessage, 800), 800);
    check(nothing(PullStatus::NoNewMessage, 7), 7);
}

#[test]
fn only_an_empty_queue_commits_what_was_passed_over() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..2));
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, nothing(PullStatus::NoMatchedMessage, 800));
    assert_eq!(scenario.next_pull().commit_offset, None, "0 is what brokers begin with");
    let taken = scenario.take(2);
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.wait(secs(5));
    assert_eq!(scenario.next_commit().1, [(Q.into(), 1)]);
    scenario.settle(&taken[1..], Outcome::Ack);
    assert_eq!(scenario.group.snapshot().queues[0].commit_offset, Some(800));
}

#[test]
fn an_answer_that_goes_back_is_reported_and_not_followed() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..32));
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, nothing(PullStatus::NoNewMessage, 3));
    assert!(matches!(&scenario.events()[..], [Event::Unexpected { input: "Pulled", .. }]));
    scenario.wait(ms(20));
    assert_eq!(scenario.next_pull().offset, 32);
}

#[test]
fn a_negative_offset_is_never_pulled() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    for status in [PullStatus::Found, PullStatus::OffsetIllegal, PullStatus::OffsetReset] {
        scenario.rest();
        let mut pull = pulls[0].clone();
        while let Some(Activity::Resting(_)) = Some(activity(&scenario)) {
            scenario.wait(secs(1));
            pull = scenario.next_pull();
        }
        scenario.answer(pull.pull, nothing(status, -1));
        assert!(matches!(&scenario.events()[..], [Event::Unexpected { .. }]), "{status:?}");
        assert_eq!(activity(&scenario), Activity::Resting(Rest::Fruitless));
    }
}

#[test]
fn a_broker_that_does_not_wait_is_asked_slowly() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let mut pull = pulls[0].pull;
    for pause in [20, 40, 80, 160, 320, 640, 1_000, 1_000] {
        scenario.answer(pull, nothing(PullStatus::NoNewMessage, 0));
        scenario.wait(ms(pause - 1));
        scenario.rest();
        assert_eq!(activity(&scenario), Activity::Resting(Rest::Fruitless));
        scenario.wait(ms(1));
        pull = scenario.next_pull().pull;
    }
    scenario.wait(secs(15));
    scenario.rest();
    scenario.answer(pull, nothing(PullStatus::NoNewMessage, 0));
    scenario.next_pull();
}

#[test]
fn f75_the_suggested_broker_is_asked_and_a_slave_is_told_no_offsets() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let answer = nothing(PullStatus::NoMatchedMessage, 10);
    scenario.answer(pulls[0].pull, PullAnswer { suggest_which_broker_id: 1, ..answer });
    let pull = scenario.next_pull();
    assert_eq!((pull.broker_id, pull.commit_offset), (1, None));
    scenario.answer(pull.pull, nothing(PullStatus::NoMatchedMessage, 20));
    let pull = scenario.next_pull();
    assert_eq!((pull.broker_id, pull.commit_offset), (0, Some(20)));
}

#[test]
fn a_slave_that_does_not_answer_is_not_asked_again() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let answer = nothing(PullStatus::NoMatchedMessage, 10);
    scenario.answer(pulls[0].pull, PullAnswer { suggest_which_broker_id: 1, ..answer });
    let pull = scenario.next_pull();
    scenario.fail(pull.pull, Failure::Unanswered);
    scenario.wait(secs(1));
    assert_eq!(scenario.next_pull().broker_id, 0);
}

#[test]
fn failures_rest_as_long_as_the_table_says() {
    use Failure::{Refused, Unanswered, Unreachable};
    let check = |failure: Failure, pauses: &[u64]| {
        let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
        let mut pull = pulls[0].pull;
        for &pause in pauses {
            scenario.rest();
            scenario.fail(pull, failure);
            assert_eq!(activity(&scenario), Activity::Resting(Rest::Failed(failure)));
            let before = scenario.now.monotonic;
            while activity(&scenario) != Activity::Pulling {
                scenario.wait(ms(10));
            }
            let rested = (scenario.now.monotonic - before).as_millis() as u64;
            assert_eq!(rested, pause, "{failure:?}");
            pull = loop {
                if let Action::Pull(plan) = scenario.next_request() {
                    break plan.pull;
                }
            };
        }
    };
    check(Unanswered, &[1_000, 1_000]);
    check(Unreachable, &[1_000]);
    check(Refused(ResponseCode::SYSTEM_ERROR), &[1_000, 1_000]);
    check(Refused(ResponseCode::FLOW_CONTROL), &[20, 20, 20]);
    check(Refused(ResponseCode::SUBSCRIPTION_NOT_EXIST), &[500, 500]);
    check(Refused(ResponseCode::SUBSCRIPTION_NOT_LATEST), &[500]);
    check(Refused(ResponseCode::TOPIC_NOT_EXIST), &[1_000, 2_000, 4_000]);
    check(Refused(ResponseCode::NO_PERMISSION), &[1_000, 2_000]);
}

#[test]
fn f69_failing_is_told_once_and_so_is_its_end() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.rest();
    scenario.fail(pulls[0].pull, Failure::Unreachable);
    assert!(matches!(&scenario.events()[..], [Event::PullFailing { .. }]));
    scenario.wait(secs(1));
    let pull = scenario.next_pull();
    scenario.fail(pull.pull, Failure::Unanswered);
    scenario.wait(secs(1));
    assert_eq!(scenario.events(), []);
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, found(&queue(Q), 0..1));
    assert!(matches!(&scenario.events()[..], [Event::PullRecovered { .. }]));
}

#[test]
fn f63_a_broker_that_forgot_us_hears_from_us_but_not_all_the_time() {
    let names = ["t/a/0", "t/a/1", "t/a/2"];
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &names);
    scenario.wait(secs(2));
    scenario.rest();
    for pull in &pulls {
        scenario.fail(pull.pull, Failure::Refused(ResponseCode::SUBSCRIPTION_NOT_EXIST));
    }
    let heartbeats = |scenario: &mut Scenario| {
        scenario.rest().iter().filter(|action| **action == Action::Heartbeat).count()
    };
    assert_eq!(heartbeats(&mut scenario), 1);
    scenario.wait(ms(999));
    assert_eq!(heartbeats(&mut scenario), 0);
    scenario.wait(ms(1));
    assert_eq!(heartbeats(&mut scenario), 1, "the others asked, too, and had to wait");
}

#[test]
fn f62_members_that_read_different_things_are_told_of() {
    let (mut scenario, mut pulls) = Scenario::reading(config(&["t"]), &["t/a/0", "t/a/1"]);
    let mut contested = Vec::new();
    for nth in 1..=6 {
        for pull in std::mem::take(&mut pulls) {
            scenario.fail(pull.pull, Failure::Refused(ResponseCode::SUBSCRIPTION_NOT_EXIST));
        }
        if scenario.events().contains(&Event::Contested { topic: "t".into() }) {
            contested.push(nth);
        }
        scenario.rest();
        scenario.wait(ms(500));
        for action in scenario.rest() {
            if let Action::Pull(pull) = action {
                scenario.answer(pull.pull, nothing(PullStatus::NoMatchedMessage, nth));
            }
        }
        let again = scenario.rest().into_iter().filter_map(|action| match action {
            Action::Pull(pull) => Some(pull),
            _ => None,
        });
        pulls = again.collect();
        assert_eq!(pulls.len(), 2);
        scenario.wait(secs(20));
        scenario.rest();
    }
    assert_eq!(contested, [3, 5], "over and over; of both queues at once it is one doubt");
}

#[test]
fn a_pull_that_is_lost_is_sent_again_and_its_answer_ignored() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.wait(secs(30));
    scenario.rest();
    scenario.wait(secs(1));
    assert_eq!(scenario.next_request(), Action::CancelPull { pull: pulls[0].pull });
    scenario.wait(secs(1));
    let again = scenario.next_pull();
    assert_eq!(again.offset, 0);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..3));
    assert!(scenario.take(9).is_empty());
    assert_eq!(scenario.group.snapshot().counters.late_answers, 1);
    scenario.answer(again.pull, found(&queue(Q), 0..3));
    assert_eq!(scenario.take(9).len(), 3);
}

#[test]
fn a12_f76_f77_an_offset_behind_the_end_is_corrected_in_one_round() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..4));
    let pull = scenario.next_pull();
    let taken = scenario.take(2);
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.rest();

    scenario.answer(pull.pull, nothing(PullStatus::OffsetIllegal, 2));
    let moved = next_is!(scenario, Action::Event(Event::Moved { from: 4, to: 2, cause, epoch, .. }) => (cause, epoch));
    assert_eq!(moved.0, MoveCause::OffsetIllegal);
    assert_eq!(scenario.next_pull().offset, 2, "at once");
    assert_eq!(
        scenario.next_commit().1,
        [(Q.into(), 2)],
        "so that the next start begins there, too"
    );
    scenario.settle(&taken[1..], Outcome::Ack);
    let snapshot = scenario.group.snapshot();
    assert_eq!(snapshot.counters.late_settlements, 1);
    assert_eq!((snapshot.queues[0].epoch, snapshot.queues[0].commit_offset), (moved.1, Some(2)));
    assert_eq!(snapshot.held_bytes, 0, "what was held is gone");
    assert!(scenario.take(9).is_empty());
}

#[test]
fn f73_where_a_queue_ends_too_early_the_user_says_what_to_do() {
    let check = |beyond_end: BeyondEnd, told: i64, expected: i64| {
        let mut config = config(&["t"]);
        config.beyond_end = beyond_end;
        let (mut scenario, pulls) = Scenario::reading(config, &[Q]);
        scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 100));
        let pull = scenario.next_pull();
        scenario.rest();
        let answer = nothing(PullStatus::OffsetIllegal, told);
        scenario.answer(pull.pull, PullAnswer { max_offset: 60, ..answer });
        let moved = |event: &Event| matches!(event, Event::Moved { from: 100, to, cause: MoveCause::OffsetIllegal, .. } if *to == expected);
        assert!(scenario.events().iter().any(moved), "it is told");
        assert_eq!(scenario.next_pull().offset, expected, "{beyond_end:?}");
        assert_eq!(scenario.next_commit().1, [(Q.into(), expected)]);
    };
    check(BeyondEnd::AsTold, 0, 0);
    check(BeyondEnd::AsTold, 60, 60);
    check(BeyondEnd::End, 0, 60);
    check(BeyondEnd::End, 60, 60);

    // What lies before the first message is another matter.
    let mut config = config(&["t"]);
    config.beyond_end = BeyondEnd::End;
    let (mut scenario, pulls) = Scenario::reading(config, &[Q]);
    let answer = nothing(PullStatus::OffsetIllegal, 500);
    scenario.answer(pulls[0].pull, PullAnswer { min_offset: 500, max_offset: 900, ..answer });
    assert_eq!(scenario.next_pull().offset, 500);
}

#[test]
fn f78_an_illegal_offset_of_one_queue_harms_no_other() {
    let names = ["t/a/0", "t/a/1"];
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &names);
    scenario.answer(pulls[1].pull, nothing(PullStatus::NoMatchedMessage, 70));
    scenario.next_pull();
    scenario.answer(pulls[0].pull, nothing(PullStatus::OffsetIllegal, 9));
    scenario.next_pull();
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(names[0].into(), 9), (names[1].into(), 70)]);
    scenario.confirm(commit);
    let committed = |scenario: &Scenario| {
        let queues = scenario.group.snapshot().queues;
        queues.iter().map(|queue| queue.committed_offset).collect::<Vec<_>>()
    };
    assert_eq!(committed(&scenario), [Some(9), Some(70)]);
}

#[test]
fn f69_a_topic_that_was_gone_and_is_there_again_is_read_from_its_beginning() {
    let gone = Failure::Refused(ResponseCode::TOPIC_NOT_EXIST);
    let (mut scenario, pulls) =
        Scenario::reading(config(&["t", "u"]), &["t/a/0", "t/b/0", "u/a/0"]);
    let mut waiting = Vec::new();
    for pull in pulls {
        scenario.answer(pull.pull, found(&pull.queue, 0..9));
        waiting.push(scenario.next_pull());
    }
    let told = waiting.iter().position(|pull| pull.queue == queue("t/a/0")).unwrap();
    scenario.fail(waiting.remove(told).pull, gone);
    scenario.rest();
    scenario.wait(secs(1));
    // Other pulls were held at their brokers until the topic was there again.
    waiting.push(scenario.next_pull());
    for pull in waiting {
        scenario.answer(pull.pull, nothing(PullStatus::OffsetIllegal, 4));
        let expected = if &*pull.queue.topic == "t" { 0 } else { 4 };
        assert_eq!(scenario.next_pull().offset, expected, "{}", pull.queue);
        scenario.rest();
    }
}

#[test]
fn an_offset_before_the_start_goes_forward_and_keeps_what_is_held() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..2));
    let pull = scenario.next_pull();
    scenario.answer(pull.pull, nothing(PullStatus::OffsetIllegal, 500));
    assert!(scenario.events().contains(&Event::SkippedExpired {
        queue: queue(Q),
        from: 2,
        to: 500
    }));
    assert_eq!(scenario.next_pull().offset, 500);
    let taken = scenario.take(9);
    assert_eq!(taken.len(), 2, "the broker does not have them any more, but we do");
    scenario.settle(&taken[..1], Outcome::Ack);
    assert_eq!(scenario.group.snapshot().queues[0].commit_offset, Some(1));
    scenario.settle(&taken[1..], Outcome::Ack);
    assert_eq!(scenario.group.snapshot().queues[0].commit_offset, Some(500));
}

#[test]
fn a18_f80_a_reset_at_the_server_drops_what_is_held_in_either_direction() {
    for to in [1, 500] {
        let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
        scenario.answer(pulls[0].pull, found(&queue(Q), 0..4));
        let pull = scenario.next_pull();
        scenario.answer(pull.pull, nothing(PullStatus::OffsetReset, to));
        let is_move = |event: &Event| matches!(event, Event::Moved { to: it, cause: MoveCause::ServerReset, .. } if *it == to);
        assert!(scenario.events().iter().any(is_move));
        assert_eq!(scenario.next_pull().offset, to);
        assert_eq!(scenario.next_commit().1, [(Q.into(), to)]);
        assert!(scenario.take(9).is_empty());
    }
}

#[test]
fn a_broker_that_corrects_for_ever_is_asked_slowly() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::OffsetIllegal, 9));
    let pull = scenario.next_pull().pull;
    scenario.answer(pull, nothing(PullStatus::OffsetIllegal, 3));
    assert_eq!(activity(&scenario), Activity::Resting(Rest::Repairing));
    scenario.wait(secs(1));
    scenario.rest();
    assert_eq!(activity(&scenario), Activity::Pulling);
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::OffsetIllegal, 0));
    assert_eq!(activity(&scenario), Activity::Resting(Rest::Repairing), "no correction at all");
}

#[test]
fn a_seek_begins_a_new_epoch() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..4));
    let pull = scenario.next_pull();
    scenario.rest();
    let taken = scenario.take(1);
    scenario.tell(Input::MoveTo(vec![(queue(Q), 100), (queue("t/a/9"), 1)]));
    assert_eq!(scenario.next(), Action::CancelPull { pull: pull.pull });
    next_is!(scenario, Action::Event(Event::Moved { to: 100, cause: MoveCause::Asked, .. }));
    assert_eq!(scenario.next_pull().offset, 100);
    assert_eq!(scenario.next_commit().1, [(Q.into(), 100)]);
    scenario.settle(&taken, Outcome::Ack);
    scenario.answer(pull.pull, found(&queue(Q), 4..8));
    let snapshot = scenario.group.snapshot();
    assert_eq!((snapshot.counters.late_settlements, snapshot.counters.late_answers), (1, 1));
    assert_eq!(snapshot.queues[0].commit_offset, Some(100));
}

/// Fills the queue with 32 messages at a time, until it is not pulled from any more.
fn fill(scenario: &mut Scenario, first: rocketmq_consumer::PullPlan, limit: usize) -> usize {
    let mut plan = Some(first);
    let mut messages = 0;
    while let Some(pull) = plan.take() {
        let offset = pull.offset;
        scenario.answer(pull.pull, found(&queue(Q), offset..offset + 32));
        messages += 32;
        assert!(messages <= limit + 32, "no end");
        plan = scenario.rest().into_iter().find_map(|action| match action {
            Action::Pull(plan) => Some(plan),
            _ => None,
        });
    }
    messages
}

#[test]
fn a13_pulling_stops_above_a_limit_and_goes_on_with_the_settlement_that_makes_room() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    assert_eq!(fill(&mut scenario, pulls[0].clone(), 1_000), 1_024);
    assert_eq!(activity(&scenario), Activity::NoRoom(Pressure::Messages));
    assert!(scenario.group.awaits_settlements());
    scenario.wait(secs(60));
    let pulled = scenario.rest().into_iter().any(|action| matches!(action, Action::Pull(_)));
    assert!(!pulled, "time makes no room");
    let taken = scenario.take(24);
    scenario.settle(&taken[..23], Outcome::Ack);
    scenario.quiet();
    scenario.settle(&taken[23..], Outcome::Ack);
    assert_eq!(scenario.next_pull().offset, 1_024, "1,000 are not too many");
    assert!(!scenario.group.awaits_settlements());
}

#[test]
fn a14_f92_a_message_that_is_stuck_stops_pulling_however_fast_the_others_are() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let mut plan = pulls[0].clone();
    let mut stuck = Vec::new();
    let end = loop {
        let offset = plan.offset;
        scenario.answer(plan.pull, found(&queue(Q), offset..offset + 32));
        let mut taken = scenario.take(32);
        if stuck.is_empty() {
            stuck.push(taken.remove(0));
        }
        let pulled = |actions: Vec<Action>| {
            actions.into_iter().find_map(|action| match action {
                Action::Pull(plan) => Some(plan),
                _ => None,
            })
        };
        let before = pulled(scenario.rest());
        scenario.settle(&taken, Outcome::Ack);
        match before.or_else(|| pulled(scenario.rest())) {
            Some(next) => {
                assert!(next.offset < 3_000, "no end");
                plan = next;
            }
            None => break offset + 32,
        }
    };
    assert_eq!(end, 2_016, "more than 2,000 to be read again after a crash");
    assert_eq!(activity(&scenario), Activity::NoRoom(Pressure::Span));
    assert_eq!(scenario.group.snapshot().queues[0].cached_messages, 1);
    scenario.settle(&stuck, Outcome::Ack);
    assert_eq!(scenario.next_pull().offset, 2_016);
}

#[test]
fn a_topic_limit_is_shared_by_its_queues() {
    let mut config = config(&["t", "u"]);
    config.topic_limits.messages = Some(64);
    let (mut scenario, pulls) = Scenario::reading(config, &[Q, "t/a/1", "u/a/0"]);
    assert_eq!(fill(&mut scenario, pulls[0].clone(), 64), 64, "32 are not too many, 64 are");
}

#[test]
fn f94_queues_share_a_budget_of_bytes_and_wait_for_it_in_line() {
    let mut config = config(&["t"]);
    config.budget = Some(10_000);
    config.pull_batch_bytes = 3_200;
    let names = ["t/a/0", "t/a/1", "t/a/2", "t/a/3"];
    let (mut scenario, pulls) = Scenario::reading(config, &names);
    assert_eq!(pulls.len(), 3, "three pulls may bring 9,600 bytes");
    for pull in &pulls {
        scenario.answer(pull.pull, found(&pull.queue, 0..32));
    }
    let activities: Vec<_> =
        scenario.group.snapshot().queues.iter().map(|queue| queue.activity).collect();
    assert_eq!(activities, [Activity::NoRoom(Pressure::Budget); 4]);
    scenario.rest();
    let taken = scenario.take(32);
    scenario.settle(&taken[..31], Outcome::Ack);
    assert_eq!(scenario.next_pull().queue, queue(names[3]), "the first to wait");
    scenario.quiet();
    let taken = scenario.take(32);
    scenario.settle(&taken, Outcome::Ack);
    assert_eq!(scenario.next_pull().queue, queue(names[0]));
}

/// Thousands of idle queues would wait for one another, as long as a broker waits for messages.
#[test]
fn what_lies_idle_does_not_use_up_the_budget() {
    let mut config = config(&["t"]);
    config.budget = Some(10_000);
    config.pull_batch_bytes = 5_000;
    let names = ["t/a/0", "t/a/1", "t/a/2", "t/a/3"];
    let (mut scenario, pulls) = Scenario::reading(config, &names);
    let [waits, probe] = &pulls[..] else { panic!("there is room for two whole answers") };
    assert_eq!((waits.suspend, probe.suspend), (secs(15), secs(0)), "the second is in a hurry");
    let mut probe = probe.clone();
    for _ in 2..names.len() {
        scenario.answer(probe.pull, nothing(PullStatus::NoNewMessage, 0));
        probe = scenario.next_pull();
        assert_eq!(probe.suspend, secs(0));
    }
    scenario.answer(probe.pull, nothing(PullStatus::NoNewMessage, 0));
    scenario.wait(ms(20));
    for _ in 1..names.len() {
        assert_eq!(scenario.next_pull().suspend, secs(15), "known to be idle, it may wait");
    }
    let snapshot = scenario.group.snapshot();
    assert!(snapshot.queues.iter().all(|queue| queue.activity == Activity::Pulling));
}

#[test]
fn a22_a_paused_consumer_delivers_what_it_has_and_asks_for_no_more() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.tell(Input::Pause);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..2));
    scenario.quiet();
    assert_eq!(activity(&scenario), Activity::Paused);
    let taken = scenario.take(9);
    scenario.settle(&taken, Outcome::Ack);
    scenario.wait(secs(5));
    assert_eq!(scenario.next_commit().1, [(Q.into(), 2)]);
    scenario.tell(Input::Resume);
    assert_eq!(scenario.next_pull().offset, 2);
    scenario.tell(Input::Resume);
    scenario.quiet();
}

#[test]
fn pulls_ask_for_the_version_that_a_heartbeat_has_told() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    let announced = |scenario: &Scenario| {
        let of = scenario.group.subscriptions().find(|of| of.topic == "t").cloned();
        of.expect("subscribed").sub_version
    };
    let subscribed_at = start().wall;
    scenario.wait(secs(3));
    scenario.route(&[Q, "t/a/1"]);
    scenario.join(&[ME], 0);
    assert_eq!(pulls[0].sub_version, subscribed_at);
    assert!(announced(&scenario) > subscribed_at, "the queues have changed");
    scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 1));
    assert_eq!(scenario.next_pull().sub_version, subscribed_at);
    scenario.wait(secs(1));
    let changed = subscription::tags("t", "x", 0).expect("an expression");
    scenario.tell(Input::Subscribe(changed));
    let version = announced(&scenario);
    scenario.rest();
    scenario.tell(Input::MoveTo(vec![(queue(Q), 5)]));
    let plan = loop {
        if let Action::Pull(plan) = scenario.next_request() {
            break plan;
        }
    };
    assert_eq!(plan.sub_version, version, "a pull by the old expression would pass messages over");
}

#[test]
fn a_route_that_changes_lets_failed_queues_try_at_once() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &[Q]);
    scenario.fail(pulls[0].pull, Failure::Refused(ResponseCode::TOPIC_NOT_EXIST));
    scenario.rest();
    scenario.route(&[Q, "t/a/1"]);
    let pulled = |action: &Action| matches!(action, Action::Pull(plan) if plan.queue == queue(Q));
    assert!(scenario.rest().iter().any(pulled));
}
