//! Whoever wants to be told of queues that come and go, and is waited for.

use rocketmq_consumer::{Action, Config, Epoch, Event, Input, Outcome};

use crate::support::*;

const Q: &str = "t/a/0";

fn listening() -> Config {
    let mut config = config(&["t"]);
    config.listen = Some(secs(10));
    config
}

/// The question among what is to be done.
fn asked(scenario: &mut Scenario) -> Option<(bool, Epoch)> {
    scenario.rest().into_iter().find_map(|action| match action {
        Action::TellAssigned { epoch, .. } => Some((true, epoch)),
        Action::TellRevoked { epoch, .. } => Some((false, epoch)),
        _ => None,
    })
}

/// A group that has pulled three messages of a queue of which its listener is being told.
fn welcoming(config: Config) -> (Scenario, Epoch) {
    let mut scenario = Scenario::new(config);
    scenario.route(&[Q]);
    scenario.tell(Input::Registered);
    let pull = scenario.join(&[ME], 0).remove(0);
    let epoch = pull.pull.epoch;
    scenario.answer(pull.pull, found(&queue(Q), 0..3));
    (scenario, epoch)
}

/// The same, when the listener has heard it.
fn known() -> (Scenario, Epoch) {
    let (mut scenario, epoch) = welcoming(listening());
    scenario.tell(Input::AssignDone { epoch });
    scenario.rest();
    (scenario, epoch)
}

#[test]
fn nothing_is_handed_out_before_the_listener_has_heard_of_the_queue() {
    for late in [false, true] {
        let (mut scenario, epoch) = welcoming(listening());
        assert!(scenario.take(9).is_empty());
        scenario.wait(ms(9_999));
        assert!(scenario.take(9).is_empty());
        if late {
            scenario.wait(ms(1));
        } else {
            scenario.tell(Input::AssignDone { epoch });
        }
        assert_eq!(scenario.take(9).len(), 3);
        let before = scenario.group.snapshot().counters.late_answers;
        scenario.tell(Input::AssignDone { epoch });
        assert_eq!(scenario.group.snapshot().counters.late_answers, before + 1);
    }
}

#[test]
fn where_nobody_listens_nobody_is_asked_and_nothing_waits() {
    let (mut scenario, _) = welcoming(config(&["t"]));
    assert_eq!(asked(&mut scenario), None);
    assert_eq!(scenario.take(9).len(), 3);
}

#[test]
fn a_queue_that_is_moved_meanwhile_is_still_the_one_that_was_told_of() {
    let (mut scenario, epoch) = welcoming(listening());
    scenario.rest();
    scenario.tell(Input::MoveTo(vec![(queue(Q), 7)]));
    let pull = scenario.rest().into_iter().find_map(|action| match action {
        Action::Pull(plan) => Some(plan.pull),
        _ => None,
    });
    scenario.answer(pull.expect("a pull"), found(&queue(Q), 7..9));
    assert!(scenario.take(9).is_empty());
    scenario.tell(Input::AssignDone { epoch });
    assert_eq!(scenario.take(9).len(), 2);
}

#[test]
fn a_queue_is_let_go_when_handlers_listener_and_commit_are_done() {
    for late in [false, true] {
        let (mut scenario, epoch) = known();
        let taken = scenario.take(2);
        scenario.tell(Input::Unsubscribe { topic: "t".into() });
        assert_eq!(asked(&mut scenario), None, "handlers come first");
        scenario.settle(&taken, Outcome::Ack);
        let commit = match &scenario.rest()[..] {
            [Action::TellRevoked { epoch: told, .. }, Action::Commit { commit, offsets, .. }] => {
                assert_eq!((*told, offsets[0].offset), (epoch, 2));
                *commit
            }
            other => panic!("{other:?}"),
        };
        scenario.confirm(commit);
        assert_eq!(scenario.owned(), [Q], "the listener is not done");
        if late {
            scenario.wait(secs(10));
        } else {
            scenario.tell(Input::RevokeDone { epoch });
        }
        assert!(scenario.owned().is_empty());
        assert!(scenario.events().iter().any(|event| matches!(event, Event::Revoked { .. })));
    }
}

#[test]
fn closing_waits_for_listeners_before_it_takes_leave() {
    let (mut scenario, epoch) = known();
    scenario.tell(Input::Close { grace: secs(1) });
    assert_eq!(asked(&mut scenario), Some((false, epoch)));
    scenario.wait(secs(6));
    scenario.quiet();
    scenario.tell(Input::RevokeDone { epoch });
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }));

    let (mut scenario, epoch) = known();
    scenario.tell(Input::Close { grace: secs(1) });
    assert_eq!(asked(&mut scenario), Some((false, epoch)));
    scenario.wait(secs(10));
    assert!(matches!(scenario.next_request(), Action::Unregister { .. }), "but not for ever");
}

#[test]
fn a_queue_that_goes_before_its_listener_has_heard_of_it_is_told_of_all_the_same() {
    let (mut scenario, epoch) = welcoming(listening());
    scenario.rest();
    scenario.tell(Input::Unsubscribe { topic: "t".into() });
    assert_eq!(asked(&mut scenario), Some((false, epoch)));
    scenario.tell(Input::AssignDone { epoch });
    scenario.tell(Input::RevokeDone { epoch });
    assert!(scenario.owned().is_empty());
}
