//! Groups whose messages are handed out for good and vouched for, and whose queues are assigned by hand.

use rocketmq_consumer::{
    Action, Assignment, Config, Consumption, Delivery, Event, Failure, Input, PullStatus, Stored,
    Vouch,
};

use crate::support::*;

const Q: &str = "t/a/0";

fn vouched(automatic: bool) -> Config {
    let mut config = config(&["t"]);
    config.retries = false;
    config.consumption = Consumption::Vouched { automatic };
    config
}

fn offsets_of(taken: &[Delivery]) -> Vec<i64> {
    taken.iter().map(|delivery| delivery.id().offset).collect()
}

fn before(offset: i64) -> Input {
    Input::Vouch(Vouch::Before(vec![(queue(Q), offset)]))
}

/// A group that reads `t/a/0` from 0, with these messages in the window; its next pull is in flight.
fn holding(config: Config, messages: i64) -> Scenario {
    let (mut scenario, pulls) = Scenario::reading(config, &[Q]);
    scenario.answer(pulls[0].pull, found(&queue(Q), 0..messages));
    scenario.rest();
    scenario
}

#[test]
fn what_is_handed_out_makes_room_at_once() {
    let mut config = vouched(true);
    config.limits.messages = 10;
    let mut scenario = holding(config, 11);
    scenario.quiet();
    assert_eq!(scenario.take(4).len(), 4);
    assert_eq!(scenario.next_pull().offset, 11, "there is room without any settlement");
    assert_eq!(scenario.group.snapshot().held_bytes, 700);
}

#[test]
fn only_what_is_vouched_for_is_committed() {
    let mut scenario = holding(vouched(true), 10);
    assert_eq!(offsets_of(&scenario.take(4)), [0, 1, 2, 3]);
    scenario.wait(secs(6));
    scenario.quiet();
    scenario.tell(Input::Vouch(Vouch::HandedOut));
    scenario.take(3);
    scenario.wait(secs(6));
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(Q.to_owned(), 4)], "not the three that were handed out since");
    scenario.confirm(commit);
    scenario.wait(secs(6));
    scenario.quiet();
}

#[test]
fn what_the_filter_passes_over_needs_nobody_to_vouch_for_it() {
    let (mut scenario, pulls) = Scenario::reading(vouched(true), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::NoMatchedMessage, 50));
    scenario.rest();
    scenario.wait(secs(6));
    assert_eq!(scenario.next_commit().1, [(Q.to_owned(), 50)]);
}

#[test]
fn by_hand_nothing_is_committed_that_nobody_asked_for() {
    let mut scenario = holding(vouched(false), 10);
    scenario.take(4);
    scenario.wait(secs(20));
    let commits = scenario.rest().into_iter().any(|action| matches!(action, Action::Commit { .. }));
    assert!(!commits);
    scenario.tell(Input::Vouch(Vouch::HandedOut));
    scenario.tell(Input::Commit);
    let (commit, offsets) = scenario.next_commit();
    assert_eq!((offsets, scenario.group.uncommitted()), (vec![(Q.to_owned(), 4)], 1));
    scenario.confirm(commit);
    assert_eq!(scenario.group.uncommitted(), 0);
    scenario.tell(before(2));
    scenario.tell(Input::Commit);
    assert_eq!(
        scenario.next_commit().1,
        [(Q.to_owned(), 2)],
        "also backwards, if that is the word"
    );
}

#[test]
fn vouching_for_what_is_not_held_is_noticed() {
    let mut scenario = holding(vouched(false), 1);
    for input in [before(-1), Input::Vouch(Vouch::Before(vec![(queue("t/a/9"), 1)]))] {
        scenario.tell(input);
        assert!(matches!(scenario.events()[..], [Event::Unexpected { input: "Vouch", .. }]));
    }
}

#[test]
fn a_queue_that_moves_away_waits_for_a_word_but_not_for_ever() {
    for word_comes in [true, false] {
        let mut scenario = holding(vouched(true), 10);
        scenario.take(4);
        scenario.tell(Input::Unsubscribe { topic: "t".into() });
        scenario.rest();
        if word_comes {
            scenario.tell(Input::Vouch(Vouch::HandedOut));
            let (commit, offsets) = scenario.next_commit();
            assert_eq!(offsets, [(Q.to_owned(), 4)]);
            scenario.confirm(commit);
        } else {
            scenario.wait(ms(999));
            assert_eq!(scenario.owned(), [Q]);
            scenario.wait(ms(1));
        }
        assert!(scenario.owned().is_empty());
    }
}

#[test]
fn a29_closing_commits_what_was_vouched_for() {
    let mut scenario = holding(vouched(true), 10);
    scenario.take(4);
    scenario.tell(Input::Vouch(Vouch::HandedOut));
    scenario.take(3);
    scenario.tell(Input::Close { grace: ms(0) });
    assert!(matches!(scenario.next_request(), Action::CancelPull { .. }));
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(Q.to_owned(), 4)]);
    scenario.confirm(commit);
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));
}

#[test]
fn f66_a_seek_forgets_what_was_handed_out_before() {
    let mut scenario = holding(vouched(true), 10);
    scenario.take(4);
    scenario.tell(Input::MoveTo(vec![(queue(Q), 7)]));
    scenario.tell(Input::Vouch(Vouch::HandedOut));
    let committed = scenario.rest().into_iter().find_map(|action| match action {
        Action::Commit { offsets, .. } => Some(commits(&offsets)),
        _ => None,
    });
    assert_eq!(committed.unwrap(), [(Q.to_owned(), 7)]);
    assert_eq!(scenario.group.snapshot().queues[0].commit_offset, Some(7));
}

#[test]
fn f76_an_illegal_offset_is_repaired_in_one_step() {
    let (mut scenario, pulls) = Scenario::reading(vouched(true), &[Q]);
    scenario.answer(pulls[0].pull, nothing(PullStatus::OffsetIllegal, 90));
    assert_eq!(scenario.next_pull().offset, 90);
    assert_eq!(scenario.next_commit().1, [(Q.to_owned(), 90)]);
}

#[test]
fn a22_a_paused_queue_gives_nothing_and_is_not_pulled_from() {
    let mut scenario = holding(vouched(true), 10);
    scenario.tell(Input::PauseQueues(vec![queue(Q), queue("t/a/9")]));
    assert!(scenario.take(4).is_empty());
    scenario.wait(secs(60));
    scenario.tell(Input::ResumeQueues(vec![queue(Q)]));
    assert_eq!(offsets_of(&scenario.take(4)), [0, 1, 2, 3]);
}

/// A group whose queues are assigned by hand, before any heartbeat.
fn by_hand() -> Scenario {
    let mut config = vouched(false);
    config.assignment = Assignment::ByHand;
    let mut scenario = Scenario::new(config);
    scenario.rest();
    scenario
}

#[test]
fn assigned_queues_are_read_without_asking_anybody() {
    let mut scenario = by_hand();
    scenario.tell(Input::Assign(queues(&[Q, "t/b/1"])));
    for action in scenario.rest() {
        if let Action::QueryStoredOffset { epoch, .. } = action {
            scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(0)) });
        }
    }
    assert_eq!(scenario.owned(), [Q, "t/b/1"]);
    scenario.wait(secs(60));
    let members = |action: &Action| matches!(action, Action::QueryMembers { .. });
    assert!(!scenario.rest().iter().any(members));
    scenario.tell(Input::Assign(queues(&["t/b/1", "t/b/2"])));
    scenario.wait(secs(2));
    assert_eq!(scenario.owned(), ["t/b/1", "t/b/2"]);
    scenario.tell(Input::Assign(Vec::new()));
    scenario.wait(secs(2));
    assert!(scenario.owned().is_empty());
}

#[test]
fn f72_an_assigned_queue_without_an_answer_is_asked_again() {
    let mut scenario = by_hand();
    scenario.tell(Input::Assign(queues(&[Q])));
    let epoch = scenario.epoch_of(Q).unwrap();
    scenario.rest();
    scenario.tell(Input::StoredOffset { epoch, answer: Err(Failure::Unanswered) });
    scenario.wait(secs(1));
    assert!(matches!(scenario.next_request(), Action::QueryStoredOffset { .. }));
}

#[test]
fn a_word_for_a_queue_that_is_not_read_yet_is_kept() {
    let mut scenario = by_hand();
    scenario.tell(Input::Assign(queues(&[Q])));
    scenario.tell(before(50));
    scenario.tell(Input::Commit);
    assert_eq!(scenario.group.uncommitted(), 1);
    let epoch = scenario.epoch_of(Q).unwrap();
    scenario.rest();
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(0)) });
    scenario.next_pull();
    let (commit, offsets) = scenario.next_commit();
    assert_eq!(offsets, [(Q.to_owned(), 50)]);
    scenario.confirm(commit);
    assert_eq!(scenario.group.uncommitted(), 0);
}

#[test]
fn a_queue_that_comes_back_while_it_goes_is_taken_again() {
    let mut scenario = by_hand();
    scenario.tell(Input::Assign(queues(&[Q])));
    let epoch = scenario.epoch_of(Q).unwrap();
    scenario.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(0)) });
    let pull = scenario.rest().into_iter().find_map(|action| match action {
        Action::Pull(plan) => Some(plan.pull),
        _ => None,
    });
    scenario.answer(pull.unwrap(), found(&queue(Q), 0..3));
    scenario.take(3);
    scenario.tell(Input::Assign(Vec::new()));
    scenario.tell(Input::Assign(queues(&[Q])));
    scenario.wait(secs(4));
    assert_eq!(scenario.owned(), [Q]);
    assert_ne!(scenario.epoch_of(Q), Some(epoch), "another tenure");
}

#[test]
fn nobody_assigns_queues_to_a_group_that_shares_them() {
    let mut scenario = holding(vouched(true), 1);
    scenario.tell(Input::Assign(queues(&["t/b/1"])));
    assert!(matches!(scenario.events()[..], [Event::Unexpected { input: "Assign", .. }]));
    assert_eq!(scenario.owned(), [Q]);
}
