//! Membership, ownership and what happens when either changes.

use crate::support::*;
use rocketmq_consumer::{
    Action, Activity, Event, Failure, Input, Leftovers, Outcome, PullStatus, Seek, StartFrom,
    Stored,
};
use rocketmq_protocol::{code::ResponseCode, names, subscription};

const TWO: &[&str] = &["t/a/0", "t/a/1"];

#[test]
fn a_new_member_introduces_itself_asks_once_and_reads() {
    let mut scenario = Scenario::new(config(&["t", "u"]));
    for expected in ["t", "u", "%RETRY%g"] {
        next_is!(scenario, Action::WatchRoute { topic } if *topic == *expected);
    }
    next_is!(scenario, Action::Heartbeat);
    scenario.quiet();

    scenario.route(&["t/a/0", "u/a/0", "u/b/0"]);
    scenario.quiet();
    scenario.tell(Input::Registered);
    let broker = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
    assert_eq!(&*broker, "a", "one broker answers for both topics");
    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME])) });
    let mut asked = Vec::new();
    for action in scenario.rest() {
        if let Action::QueryStoredOffset { queue, epoch, .. } = action {
            asked.push(queue.to_string());
            scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(5)) });
        }
    }
    assert_eq!(asked, ["t/a/0", "u/a/0", "u/b/0"]);
    let pulls: Vec<_> = asked.iter().map(|_| scenario.next_pull()).collect();
    assert!(pulls.iter().all(|pull| pull.offset == 5 && pull.commit_offset == Some(5)));
    assert_eq!(scenario.owned(), asked);
}

#[test]
fn the_retry_topic_is_subscribed_whole() {
    let scenario = Scenario::new(config(&["t"]));
    let of = scenario.group.subscriptions().find(|of| of.topic == names::retry_topic(GROUP));
    assert_eq!(of.map(|of| of.sub_string.as_str()), Some("*"));
}

#[test]
fn a8_f60_a_member_that_is_not_listed_keeps_its_queues_and_asks_again() {
    let (mut scenario, _) = Scenario::reading(config(&["t"]), TWO);
    scenario.wait(secs(3));
    scenario.rest();
    scenario.tell(Input::MembersChanged);
    let broker = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[OTHER])) });
    next_is!(scenario, Action::Event(Event::NotListed { .. }));
    next_is!(scenario, Action::Heartbeat);
    scenario.quiet();
    assert_eq!(scenario.owned(), TWO);

    scenario.wait(secs(1));
    let broker = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME])) });
    scenario.quiet();
    assert_eq!(scenario.owned(), TWO);
}

#[test]
fn a_member_that_is_not_listed_for_a_heartbeat_period_has_lost_its_queues() {
    let (mut scenario, _) = Scenario::reading(config(&["t"]), TWO);
    let mut lost_after = None;
    scenario.tell(Input::MembersChanged);
    for second in 0..40 {
        scenario.wait(secs(1));
        for action in scenario.rest() {
            if let Action::QueryMembers { broker, .. } = action {
                scenario.tell(Input::Members { broker, answer: Ok(names_of(&[OTHER])) });
            }
        }
        if lost_after.is_none()
            && scenario.events().contains(&Event::Expelled { broker: "a".into() })
        {
            lost_after = Some(second);
        }
    }
    assert!(matches!(lost_after, Some(29..=32)), "{lost_after:?}");
    assert!(scenario.owned().is_empty());
}

#[test]
fn f57_a_member_that_goes_by_our_id_is_told_of() {
    let (mut scenario, _) = Scenario::reading(config(&["t"]), TWO);
    let mut told = 0;
    for _ in 0..10 {
        scenario.wait(secs(20));
        for action in scenario.rest() {
            match action {
                Action::QueryMembers { broker, .. } => {
                    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME, ME])) });
                }
                Action::Event(Event::IdShared { .. }) => told += 1,
                _ => {}
            }
        }
        assert_eq!(scenario.owned(), TWO, "as if there were one of us");
    }
    assert_eq!(told, 1);
}

#[test]
fn no_answer_is_not_an_empty_list() {
    let check = |answer: Option<Failure>| {
        let (mut scenario, _) = Scenario::reading(config(&["t"]), &["t/a/0", "t/b/0"]);
        scenario.wait(secs(2));
        scenario.rest();
        scenario.tell(Input::MembersChanged);
        let first = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
        match answer {
            Some(failure) => {
                scenario.tell(Input::Members { broker: first.clone(), answer: Err(failure) });
            }
            None => scenario.wait(secs(7)),
        }
        scenario.wait(secs(1));
        let other = match scenario.next_request() {
            Action::QueryMembers { broker, .. } => broker,
            other => panic!("{other:?}"),
        };
        assert_ne!(first, other, "another broker is asked");
        assert_eq!(scenario.owned(), ["t/a/0", "t/b/0"]);
    };
    check(Some(Failure::Refused(ResponseCode::SYSTEM_ERROR)));
    check(Some(Failure::Unreachable));
    check(None);
}

#[test]
fn f61_rounds_come_by_themselves_and_soon_after_news() {
    let (mut scenario, _) = Scenario::reading(config(&["t"]), TWO);
    let asked = |scenario: &mut Scenario| {
        let asked = scenario.rest().into_iter().filter_map(|action| match action {
            Action::QueryMembers { broker, .. } => Some(broker),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        for broker in &asked {
            let answer = Ok(names_of(&[ME]));
            scenario.tell(Input::Members { broker: broker.clone(), answer });
        }
        asked.len()
    };
    scenario.wait(secs(17));
    assert_eq!(asked(&mut scenario), 0, "balanced: 20 s, less a tenth at most");
    scenario.wait(secs(3));
    assert_eq!(asked(&mut scenario), 1);
    scenario.wait(secs(1));
    scenario.tell(Input::MembersChanged);
    assert_eq!(asked(&mut scenario), 1, "at once");
    scenario.tell(Input::MembersChanged);
    scenario.tell(Input::MembersChanged);
    assert_eq!(asked(&mut scenario), 0, "not within a second of the last round");
    scenario.wait(secs(1));
    assert_eq!(asked(&mut scenario), 1, "two notices, one round");
    scenario.route(TWO);
    assert_eq!(asked(&mut scenario), 0, "the same route is no news");
    scenario.route(&["t/a/0", "t/a/1", "t/a/2"]);
    scenario.wait(ms(0));
    assert_eq!(scenario.owned(), ["t/a/0", "t/a/1", "t/a/2"], "a changed route is, at once");
    assert_eq!(asked(&mut scenario), 0, "and the members are those of a moment ago");
    scenario.wait(ms(100));
    scenario.route(&["t/a/0", "t/a/1"]);
    scenario.wait(ms(0));
    assert_eq!(asked(&mut scenario), 1);
    assert_eq!(scenario.owned(), ["t/a/0", "t/a/1"]);
}

#[test]
fn a_notice_is_heeded_sooner_while_notices_are_worth_it() {
    let rounds_after = |scenario: &mut Scenario, members: &[&str], gap: u64| {
        scenario.tell(Input::MembersChanged);
        scenario.wait(ms(gap - 1));
        assert!(!scenario.rest().iter().any(|it| matches!(it, Action::QueryMembers { .. })));
        scenario.wait(ms(1));
        let asked = scenario.rest().into_iter().find_map(|action| match action {
            Action::QueryMembers { broker, .. } => Some(broker),
            _ => None,
        });
        let answer = Ok(names_of(members));
        scenario.tell(Input::Members { broker: asked.expect("a round"), answer });
        scenario.rest();
    };
    let (mut scenario, _) = Scenario::reading(config(&["t"]), TWO);
    rounds_after(&mut scenario, &[ME, OTHER], 200);
    rounds_after(&mut scenario, &[ME, OTHER], 200); // the last one brought something
    rounds_after(&mut scenario, &[ME, OTHER], 1_000); // the last one did not
}

#[test]
fn a_queue_without_a_stored_offset_starts_where_the_table_says() {
    use Seek::{Max, Time};
    let check = |from: StartFrom, queue: &str, expected: Result<i64, Seek>| {
        let mut config = config(&["t"]);
        config.start_from = from;
        let (mut scenario, epoch) = Scenario::acquired(config, queue);
        scenario.rest();
        scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::Never) });
        let start = match scenario.next_request() {
            Action::QueryStartOffset { seek, .. } => {
                scenario.tell(Input::StartOffset { epoch, answer: Ok(77) });
                assert_eq!(scenario.next_pull().offset, 77);
                Err(seek)
            }
            Action::Pull(plan) => Ok(plan.offset),
            other => panic!("{other:?}"),
        };
        assert_eq!(start, expected, "{from:?} of {queue}");
    };
    check(StartFrom::Last, "t/a/0", Err(Max));
    check(StartFrom::First, "t/a/0", Ok(0));
    check(StartFrom::Timestamp(9), "t/a/0", Err(Time(9)));
    check(StartFrom::Last, "%RETRY%g/a/0", Ok(0));
    check(StartFrom::First, "%RETRY%g/a/0", Ok(0));
    check(StartFrom::Timestamp(9), "%RETRY%g/a/0", Err(Max));
}

#[test]
fn f79_a_queue_that_is_added_starts_with_what_was_sent_since_the_topic_is_read() {
    let since = start().wall;
    let seek_of = |from: StartFrom, topic: &str| {
        let mut config = config(&["t"]);
        config.start_from = from;
        let mut scenario = Scenario::new(config);
        let (first, added) = (format!("{topic}/a/0"), format!("{topic}/b/0"));
        scenario.route(&[&first]);
        scenario.tell(Input::Registered);
        scenario.join(&[ME], 0);
        scenario.wait(secs(90));
        scenario.route(&[&first, &added]);
        scenario.wait(secs(2));
        for action in scenario.rest() {
            if let Action::QueryMembers { broker, .. } = action {
                scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME])) });
            }
        }
        let epoch = scenario.epoch_of(&added).expect("acquired");
        scenario.rest();
        scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::Never) });
        match scenario.next_request() {
            Action::QueryStartOffset { seek, .. } => Some(seek),
            _ => None,
        }
    };
    assert_eq!(seek_of(StartFrom::Last, "t"), Some(Seek::Time(since)));
    assert_eq!(seek_of(StartFrom::Timestamp(9), "t"), Some(Seek::Time(9)));
    assert_eq!(seek_of(StartFrom::First, "t"), None);
    assert_eq!(seek_of(StartFrom::Last, "%RETRY%g"), None, "all that fails is the group's own");
}

#[test]
fn f72_an_offset_that_is_not_known_is_asked_for_again_and_never_made_up() {
    let (mut scenario, epoch) = Scenario::acquired(config(&["t"]), "t/a/0");
    let asked_again = |scenario: &mut Scenario, what: &str| {
        let actions = scenario.rest();
        assert!(!actions.iter().any(|action| matches!(action, Action::Pull(_))), "{what}");
        let is_question = |action: &&Action| matches!(action, Action::QueryStoredOffset { .. });
        assert_eq!(actions.iter().filter(is_question).count(), 1, "{what}");
    };
    asked_again(&mut scenario, "at first");
    for failure in [Failure::Unanswered, Failure::Refused(ResponseCode::SYSTEM_BUSY)] {
        scenario.tell(Input::StoredOffset { epoch, answer: Err(failure) });
        scenario.quiet();
        scenario.wait(secs(1));
        asked_again(&mut scenario, "after a failure");
    }
    scenario.wait(secs(7));
    asked_again(&mut scenario, "after silence");
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(-1)) });
    assert!(matches!(&scenario.events()[..], [Event::Unexpected { .. }]));
    scenario.wait(secs(1));
    asked_again(&mut scenario, "after a negative number");
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::Never) });
    next_is!(scenario, Action::QueryStartOffset { .. });
    scenario.tell(Input::StartOffset { epoch, answer: Err(Failure::Unanswered) });
    scenario.wait(secs(1));
    asked_again(&mut scenario, "after the start could not be had");
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(3)) });
    assert_eq!(scenario.next_pull().offset, 3);
}

#[test]
fn of_a_young_queue_the_beginning_is_committed_before_anything_has_come() {
    let (mut scenario, epoch) = Scenario::acquired(config(&["t"]), "t/a/0");
    scenario.rest();
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::Young) });
    assert_eq!(scenario.next_pull().offset, 0);
    scenario.wait(secs(5));
    assert_eq!(scenario.next_commit().1, [("t/a/0".into(), 0)]);
}

#[test]
fn with_others_in_the_group_a_new_queue_is_left_alone_for_a_moment() {
    let mut scenario = Scenario::new(config(&["t"]));
    scenario.route(TWO);
    scenario.tell(Input::Registered);
    scenario.rest();
    scenario.tell(Input::Members { broker: "a".into(), answer: Ok(names_of(&[ME, OTHER])) });
    assert_eq!(scenario.owned(), ["t/a/0"]);
    scenario.wait(ms(499));
    assert!(!scenario.rest().iter().any(|it| matches!(it, Action::QueryStoredOffset { .. })));
    scenario.wait(ms(1));
    next_is!(scenario, Action::QueryStoredOffset { .. });
}

/// `t/a/1` has messages 0, 1, 2, of which 0 is done and 1 with a handler; another member joins and is to have it.
fn about_to_lose_a_queue() -> (Scenario, Vec<rocketmq_consumer::Delivery>) {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), TWO);
    let moving = queue("t/a/1");
    scenario.answer(pulls[1].pull, found(&moving, 0..3));
    scenario.next_pull();
    let taken = scenario.take(2);
    scenario.settle(&taken[..1], Outcome::Ack);
    scenario.wait(secs(2));
    scenario.rest();
    scenario.tell(Input::MembersChanged);
    let broker = next_is!(scenario, Action::QueryMembers { broker, .. } => broker);
    scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME, OTHER])) });
    (scenario, taken)
}

#[test]
fn a7_f66_a_queue_that_moves_away_is_drained_committed_and_let_go() {
    let (mut scenario, taken) = about_to_lose_a_queue();
    let epoch = taken[0].id().epoch;
    let until = scenario.now.monotonic + secs(1);
    next_is!(scenario, Action::CancelPull { pull } if pull.epoch == epoch);
    next_is!(scenario, Action::Event(Event::Revoking { deadline, .. }) if deadline == until);
    next_is!(scenario, Action::Event(Event::Rebalanced { .. }));
    let (commit, offsets) =
        next_is!(scenario, Action::Commit { commit, offsets, .. } => (commit, commits(&offsets)));
    assert_eq!(offsets, [("t/a/1".into(), 1)], "what is done is committed at once");
    next_is!(scenario, Action::Heartbeat);
    assert!(scenario.take(9).is_empty(), "nothing of it is handed out any more");
    assert!(scenario.group.awaits_settlements());
    scenario.confirm(commit);
    scenario.quiet();

    scenario.settle(&taken[1..], Outcome::Ack);
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [("t/a/1".into(), 2)]);
    scenario.quiet();
    scenario.confirm(commit);
    let left = Leftovers { position: Some(2), committed: true, undelivered: 1, unsettled: 0 };
    let revoked = Event::Revoked { queue: queue("t/a/1"), epoch, left };
    assert_eq!(scenario.events(), [revoked]);
    assert_eq!(scenario.owned(), ["t/a/0"]);
    assert!(!scenario.group.is_current(epoch));
}

#[test]
fn waiting_for_handlers_has_an_end_and_what_comes_later_counts_for_nothing() {
    let (mut scenario, taken) = about_to_lose_a_queue();
    let (commit, _) = loop {
        if let Action::Commit { commit, offsets, .. } = scenario.next() {
            break (commit, offsets);
        }
    };
    scenario.confirm(commit);
    scenario.events();
    scenario.wait(ms(999));
    assert_eq!(scenario.owned(), TWO);
    scenario.wait(ms(1));
    let left = Leftovers { position: Some(1), committed: true, undelivered: 1, unsettled: 1 };
    assert!(
        scenario
            .events()
            .iter()
            .any(|event| matches!(event, Event::Revoked { left: it, .. } if *it == left))
    );
    scenario.rest();
    scenario.settle(&taken[1..], Outcome::Ack);
    scenario.settle(&taken[1..], Outcome::Retry);
    scenario.quiet();
    let snapshot = scenario.group.snapshot();
    assert_eq!((snapshot.counters.late_settlements, snapshot.held_bytes), (2, 0));
}

#[test]
fn a_queue_is_let_go_even_if_its_commit_never_succeeds() {
    let (mut scenario, taken) = about_to_lose_a_queue();
    scenario.settle(&taken[1..], Outcome::Ack);
    scenario.wait(secs(1) + secs(5));
    let left = Leftovers { position: Some(2), committed: false, undelivered: 1, unsettled: 0 };
    assert!(
        scenario
            .events()
            .iter()
            .any(|event| matches!(event, Event::Revoked { left: it, .. } if *it == left))
    );
}

#[test]
fn what_is_given_back_of_a_queue_that_moves_away_is_not_waited_for() {
    let (mut scenario, taken) = about_to_lose_a_queue();
    scenario.rest();
    scenario.settle(&taken[1..], Outcome::Returned);
    scenario.wait(ms(1));
    let commit = scenario.rest();
    assert!(commit.is_empty(), "the first commit is still on its way, and says it all");
}

#[test]
fn a_queue_that_comes_back_while_it_is_let_go_is_acquired_anew() {
    let (mut scenario, taken) = about_to_lose_a_queue();
    let before = taken[0].id().epoch;
    scenario.wait(ms(900));
    scenario.rest();
    scenario.tell(Input::MembersChanged);
    scenario.wait(ms(100));
    // Alone again, at the very moment at which waiting ends.
    for action in scenario.rest() {
        match action {
            Action::QueryMembers { broker, .. } => {
                scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME])) });
            }
            Action::Commit { commit, .. } => scenario.confirm(commit),
            _ => {}
        }
    }
    scenario.wait(secs(10));
    for action in scenario.rest() {
        if let Action::QueryMembers { broker, .. } = action {
            scenario.tell(Input::Members { broker, answer: Ok(names_of(&[ME])) });
        }
    }
    let epoch = scenario.epoch_of("t/a/1").expect("it is ours");
    assert_ne!(epoch, before);
}

#[test]
fn a23_f64_unsubscribing_commits_and_lets_go() {
    let (mut scenario, pulls) = Scenario::reading(config(&["t"]), &["t/a/0"]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 40));
    scenario.rest();
    scenario.tell(Input::Unsubscribe { topic: "t".into() });
    next_is!(scenario, Action::UnwatchRoute { .. });
    next_is!(scenario, Action::CancelPull { .. });
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [("t/a/0".into(), 40)]);
    scenario.confirm(commit);
    assert!(scenario.owned().is_empty());
    assert!(scenario.group.subscriptions().all(|of| of.topic != "t"));
    scenario.tell(Input::Unsubscribe { topic: "t".into() });
    assert!(scenario.events().iter().any(|event| matches!(event, Event::Unexpected { .. })));
}

#[test]
fn a_topic_subscribed_later_is_read_like_any_other() {
    let (mut scenario, _) = Scenario::reading(config(&["t"]), &["t/a/0"]);
    scenario.wait(secs(2));
    scenario.rest();
    scenario.tell(Input::Subscribe(subscription::tags("u", "*", 0).expect("an expression")));
    next_is!(scenario, Action::WatchRoute { topic } if *topic == *"u");
    next_is!(scenario, Action::Heartbeat);
    scenario.route(&["u/a/0"]);
    scenario.wait(ms(0));
    assert_eq!(scenario.join(&[ME], 3).len(), 1);
    assert_eq!(scenario.owned(), ["t/a/0", "u/a/0"]);
}

#[test]
fn every_queue_says_what_it_waits_for() {
    let mut scenario = Scenario::new(config(&["t"]));
    let activity = |scenario: &Scenario| scenario.group.snapshot().queues[0].activity;
    scenario.route(&["t/a/0"]);
    scenario.tell(Input::Registered);
    scenario.rest();
    scenario.tell(Input::Members { broker: "a".into(), answer: Ok(names_of(&[ME])) });
    let epoch = scenario.epoch_of("t/a/0").expect("acquired");
    assert_eq!(activity(&scenario), Activity::AskingStoredOffset);
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::Never) });
    assert_eq!(activity(&scenario), Activity::AskingStartOffset);
    scenario.tell(Input::StartOffset { epoch, answer: Err(Failure::Unanswered) });
    assert_eq!(activity(&scenario), Activity::AboutToAskOffset);
    scenario.wait(secs(1));
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(3)) });
    assert_eq!(activity(&scenario), Activity::Pulling);
}
