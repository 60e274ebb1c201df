//! Closing: the order of steps, and what becomes of each when it takes too long.

use std::time::Duration;

use rocketmq_consumer::{
    Action, CloseReport, Delivery, Event, Failure, Input, Leftovers, Outcome, PullStatus,
};

use crate::support::*;

const TWO: &[&str] = &["t/a/0", "t/a/1"];

/// `t/a/0` has messages 0, 1, 2, of which 0 and 1 are with handlers; `t/a/1` has none.
fn busy() -> (Scenario, Vec<Delivery>) {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), TWO);
    scenario.answer(pulls[0].pull, found(&queue(TWO[0]), 0..3));
    scenario.rest();
    let taken = scenario.take(2);
    (scenario, taken)
}

#[test]
fn f81_the_steps_come_in_order_and_each_waits_for_the_one_before() {
    let (mut scenario, taken) = busy();
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.tell(Input::Close { grace: secs(30) });
    for _ in TWO {
        next_is!(scenario, Action::CancelPull { .. });
        next_is!(scenario, Action::Event(Event::Revoking { .. }));
    }
    scenario.quiet();
    assert!(scenario.take(9).is_empty());

    scenario.wait(secs(1));
    scenario.settle(&taken[1..], Outcome::Retry);
    let send_back = scenario.next_send_back();
    scenario.quiet();
    scenario.sent_back(send_back.delivery.id(), Ok(()));
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(TWO[0].into(), 2)]);
    scenario.quiet();

    scenario.confirm(commit);
    let revoked: Vec<_> = scenario
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Revoked { left, .. } => Some(left),
            _ => None,
        })
        .collect();
    let left = |position, undelivered| Leftovers {
        position: Some(position),
        committed: true,
        undelivered,
        unsettled: 0,
    };
    assert_eq!(revoked, [left(2, 1), left(0, 0)]);
    next_is!(scenario, Action::Unregister { .. });
    scenario.quiet();
    assert!(!scenario.group.is_closed());

    scenario.tell(Input::Unregistered);
    let report = CloseReport { undelivered: 1, unsettled: 0, uncommitted: 0 };
    next_is!(scenario, Action::Event(Event::Closed(it)) if it == report);
    assert!(scenario.group.is_closed());
    assert_eq!(scenario.group.poll_timeout(), None);
    scenario.quiet();
}

#[test]
fn handlers_are_not_waited_for_longer_than_agreed() {
    let (mut scenario, taken) = busy();
    scenario.tell(Input::Close { grace: secs(10) });
    scenario.rest();
    scenario.settle(&taken[1..], Outcome::Ack);
    scenario.wait(ms(9_999));
    scenario.quiet();
    scenario.wait(ms(1));
    next_is!(scenario, Action::Event(Event::Revoked { .. }));
    let left = next_is!(scenario, Action::Event(Event::Revoked { left, .. }) => left);
    assert_eq!(left.position, Some(0));
    next_is!(scenario, Action::Unregister { .. });
    scenario.tell(Input::Unregistered);
    let report = CloseReport { undelivered: 1, unsettled: 1, uncommitted: 0 };
    assert_eq!(scenario.events(), [Event::Closed(report)]);
}

#[test]
fn silent_brokers_do_not_keep_it_from_closing() {
    let (mut scenario, taken) = busy();
    scenario.settle(&taken, Outcome::Ack);
    scenario.tell(Input::Close { grace: secs(10) });
    scenario.rest();
    scenario.wait(secs(4));
    assert!(scenario.rest().is_empty(), "the commit may still be answered");
    scenario.wait(secs(1));
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));
    scenario.wait(secs(4));
    let report = CloseReport { undelivered: 1, unsettled: 0, uncommitted: 1 };
    assert_eq!(scenario.events().last(), Some(&Event::Closed(report)));
}

#[test]
fn a_last_commit_that_fails_is_tried_again() {
    let (mut scenario, taken) = busy();
    scenario.settle(&taken, Outcome::Ack);
    scenario.tell(Input::Close { grace: secs(10) });
    let (commit, _) = loop {
        if let Action::Commit { commit, offsets, .. } = scenario.next() {
            break (commit, offsets);
        }
    };
    let epoch = taken[0].id().epoch;
    scenario.tell(Input::Committed { commit, failed: vec![(epoch, Failure::Unanswered)] });
    scenario.wait(ms(500));
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(TWO[0].into(), 2)]);
    scenario.confirm(commit);
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));
}

#[test]
fn a_group_that_has_nothing_only_says_good_bye() {
    let mut scenario = Scenario::new(config(&["t"]));
    scenario.rest();
    scenario.tell(Input::Close { grace: secs(10) });
    next_is!(scenario, Action::Unregister { .. });
    scenario.tell(Input::Unregistered);
    assert_eq!(scenario.events(), [Event::Closed(CloseReport::default())]);
}

#[test]
fn news_is_of_no_interest_to_one_who_leaves() {
    let (mut scenario, taken) = busy();
    scenario.tell(Input::Close { grace: secs(30) });
    scenario.rest();
    scenario.tell(Input::MembersChanged);
    scenario.tell(Input::Registered);
    scenario.route(&["t/a/0", "t/a/1", "t/a/2"]);
    scenario.tell(Input::Resume);
    scenario.wait(secs(25));
    scenario.quiet();
    scenario.tell(Input::Close { grace: secs(1) });
    assert!(matches!(&scenario.events()[..], [Event::Unexpected { input: "Close", .. }]));
    scenario.settle(&taken, Outcome::Ack);
    scenario.next_commit();
}

#[test]
fn waiting_for_ever_is_a_grace_like_any_other() {
    let (mut scenario, taken) = busy();
    scenario.tell(Input::Close { grace: Duration::MAX });
    scenario.rest();
    // As long as a handler may take.
    scenario.wait(secs(14 * 60));
    scenario.quiet();
    scenario.settle(&taken, Outcome::Ack);
    scenario.next_commit();
}

#[test]
fn a_queue_without_an_offset_is_just_dropped() {
    let (mut scenario, _) = Scenario::acquired(config(&["t"]), "t/a/0");
    scenario.rest();
    scenario.tell(Input::Close { grace: secs(30) });
    let left = next_is!(scenario, Action::Event(Event::Revoked { left, .. }) => left);
    assert_eq!(left, Leftovers::default());
    next_is!(scenario, Action::Unregister { .. });
}

#[test]
fn a_queue_on_its_way_out_leaves_with_the_others() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), TWO);
    scenario.answer(pulls[1].pull, nothing(PullStatus::NoMatchedMessage, 4));
    scenario.wait(secs(2));
    scenario.rest();
    scenario.tell(Input::MembersChanged);
    let broker = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME, OTHER])) });
    let commit = loop {
        if let Action::Commit { commit, .. } = scenario.next() {
            break commit;
        }
    };
    scenario.tell(Input::Close { grace: secs(30) });
    scenario.rest();
    scenario.confirm(commit);
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));
}
