//! Which answer belongs to which request.

use std::collections::HashSet;

use bytes::Bytes;
use rocketmq_protocol::{Command, code::ResponseCode};
use rocketmq_remoting::{CallError, Config, Mailbox};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn answers_find_their_requests_in_any_order() {
    let mut rig = rig(Config::default());
    let calls: Vec<_> = (0..5).map(|number| rig.call(number, within(3))).collect();
    let mut requests = Vec::new();
    for _ in 0..5 {
        requests.push(rig.peer.next().await);
    }
    for at in [3, 0, 4, 1, 2] {
        rig.peer.answer(&requests[at]).await;
    }
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap().header.offset, number);
    }
    assert_eq!(rig.channel.outstanding(), 0);
}

#[tokio::test(start_paused = true)]
async fn late_duplicate_and_foreign_answers_complete_nothing() {
    let mut rig = rig(Config::default());
    let too_slow = rig.call(1, within(1));
    let first = rig.peer.next().await;
    assert!(matches!(too_slow.await.unwrap(), Err(CallError::OutcomeUnknown { .. })));

    let call = rig.call(2, within(3));
    let second = rig.peer.next().await;
    assert_ne!(first.opaque, second.opaque);
    rig.peer.answer(&first).await; // late
    rig.peer.send(&answer(&second).with_opaque(second.opaque + 1)).await; // of another connection
    rig.peer.send(&answer(&second).with_opaque(i32::MIN)).await;
    quiet().await;
    assert!(!call.is_finished());
    rig.peer.answer(&second).await;
    rig.peer.answer(&second).await; // again
    assert_eq!(call.await.unwrap().unwrap().header.offset, 2);

    quiet().await;
    let stats = rig.channel.stats();
    assert_eq!((stats.late_answers, stats.foreign_answers), (2, 2));
    assert!(rig.channel.is_open());
}

#[tokio::test(start_paused = true)]
async fn numbers_wrap() {
    let mut rig = rig(config(|config| config.first_opaque = i32::MAX - 4));
    let mut seen = HashSet::new();
    for number in 0..10 {
        let call = rig.call(number, within(3));
        let request = rig.peer.next().await;
        assert!(seen.insert(request.opaque), "{} again", request.opaque);
        rig.peer.answer(&request).await;
        assert_eq!(call.await.unwrap().unwrap().header.offset, i64::from(number));
    }
    assert!(seen.contains(&i32::MAX) && seen.contains(&i32::MIN));
    assert_eq!(rig.channel.stats().foreign_answers, 0);
}

#[tokio::test(start_paused = true)]
async fn the_peers_own_requests_are_no_answers() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(3));
    let ours = rig.peer.next().await;
    rig.peer.send(&Command::request(&request(9)).with_opaque(ours.opaque)).await;
    let refused = rig.peer.next().await;
    assert_eq!(refused.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    assert!(!call.is_finished());
    rig.peer.answer(&ours).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_nothing_behind() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(3));
    let request = rig.peer.next().await;
    assert_eq!(rig.channel.outstanding(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(rig.channel.outstanding(), 0);
    rig.peer.answer(&request).await;
    quiet().await;
    assert_eq!(rig.channel.stats().late_answers, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_before_it_is_written_is_never_sent() {
    let mut rig = rig(Config::default());
    let mailbox = Mailbox::new();
    let submit = |number| {
        rig.channel.submit(&request(number), Bytes::new(), within(3), &mailbox, number).unwrap()
    };
    let (before, withdrawn, after) = (submit(1), submit(2), submit(3));
    assert!(withdrawn.cancel());
    assert_eq!(rig.peer.numbers(2).await, [1, 3]);
    quiet().await;
    assert_eq!(rig.channel.stats().frames_written, 2);
    drop((before, after));
}

#[tokio::test(start_paused = true)]
async fn refusals_and_malformed_answers_are_told_apart() {
    let mut rig = rig(Config::default());
    let check = async |rig: &mut Rig, answer: fn(&Command) -> Command| {
        let call = rig.call(1, within(3));
        let request = rig.peer.next().await;
        rig.peer.send(&answer(&request)).await;
        call.await.unwrap().unwrap_err()
    };
    let refused = check(&mut rig, |request| {
        Command::answer(request, ResponseCode::TOPIC_NOT_EXIST).with_remark("no such topic")
    });
    let refused = refused.await;
    assert_eq!(refused.response_code(), Some(ResponseCode::TOPIC_NOT_EXIST));
    assert_eq!(
        refused.to_string(),
        "peer:1: refused 31 (GET_MIN_OFFSET): 17 (TOPIC_NOT_EXIST): no such topic"
    );
    let malformed =
        check(&mut rig, |request| Command::answer(request, ResponseCode::SUCCESS)).await;
    assert!(matches!(&malformed, CallError::Malformed { address, .. } if &**address == "peer:1"));
}

#[tokio::test(start_paused = true)]
async fn submitted_requests_are_answered_in_the_mailbox() {
    let mut rig = rig(Config::default());
    let mailbox = Mailbox::new();
    for number in 0..3 {
        let token = format!("queue {number}");
        rig.channel.submit(&request(number), Bytes::new(), within(30), &mailbox, token).unwrap();
    }
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(rig.peer.next().await);
    }
    rig.peer.answer(&requests[2]).await;
    rig.peer.answer(&requests[0]).await;
    for expected in [2, 0] {
        let (token, reply) = mailbox.recv().await;
        assert_eq!(token, format!("queue {expected}"));
        let reply = reply.unwrap();
        assert_eq!(&**reply.address(), "peer:1");
        let answer = reply.read::<rocketmq_protocol::header::GetMinOffsetRequestHeader>().unwrap();
        assert_eq!(answer.header.offset, expected);
    }
    assert_eq!(mailbox.outstanding(), 1);
    let (token, reply) = mailbox.recv().await; // at its deadline
    assert_eq!(token, "queue 1");
    assert!(matches!(reply, Err(CallError::OutcomeUnknown { .. })));
    assert_eq!((mailbox.outstanding(), rig.channel.outstanding()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_submission_delivers_nothing() {
    let mut rig = rig(Config::default());
    let mailbox = Mailbox::new();
    let submit = |number| {
        rig.channel.submit(&request(number), Bytes::new(), within(30), &mailbox, number).unwrap()
    };
    let (answered, cancelled) = (submit(1), submit(2));
    let (first, second) = (rig.peer.next().await, rig.peer.next().await);
    rig.peer.answer(&first).await;
    quiet().await;
    assert!(!answered.cancel(), "the answer has come");
    assert!(cancelled.cancel());
    rig.peer.answer(&second).await;
    quiet().await;
    assert_eq!(mailbox.try_recv().unwrap().0, 1);
    assert!(mailbox.try_recv().is_none());
    assert_eq!(mailbox.outstanding(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_mailbox_is_no_obstacle() {
    let mut rig = rig(Config::default());
    let mailbox = Mailbox::new();
    rig.channel.submit(&request(1), Bytes::new(), within(30), &mailbox, ()).unwrap();
    drop(mailbox);
    let request = rig.peer.next().await;
    rig.peer.answer(&request).await;
    quiet().await;
    assert_eq!(rig.channel.outstanding(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_of_many_callers_share_writes() {
    let mut rig = rig(Config::default());
    let calls: Vec<_> = (0..640).map(|number| rig.call(number, within(3))).collect();
    for _ in 0..640 {
        let request = rig.peer.next().await;
        rig.peer.answer(&request).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let stats = rig.channel.stats();
    assert_eq!((stats.frames_written, stats.frames_read), (640, 640));
    assert!(stats.writes <= 6, "{stats:?}");
}
