//! Which answer belongs to which request.

use bytes::Bytes;
use rocketmq_protocol::Command;
use rocketmq_remoting::{CallError, CloseReason, Config, Mailbox, NoRequests, NotSent, Unanswered};
use tokio::time::{Duration, Instant, advance, sleep_until};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn f21_answers_find_their_requests_in_any_order() {
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
async fn f22_numbers_wrap() {
    let mut rig = rig(near_the_end());
    // One request waits while the numbers go around it.
    let waiting = rig.call(-1, within(60));
    let unanswered = rig.peer.next().await;
    for number in 0..1_000 {
        let call = rig.call(number, within(3));
        let request = rig.peer.next().await;
        assert_ne!(request.opaque, unanswered.opaque);
        rig.peer.answer(&request).await;
        assert_eq!(call.await.unwrap().unwrap().header.offset, i64::from(number));
    }
    rig.peer.answer(&unanswered).await;
    assert_eq!(waiting.await.unwrap().unwrap().header.offset, -1);
}

/// Numbers wrap within the first hundred requests.
fn near_the_end() -> Config {
    let mut config = Config::default();
    config.first_opaque = i32::MAX - 100;
    config
}

#[tokio::test(start_paused = true)]
async fn f23_an_answer_on_another_connection_is_nobodys() {
    let (mut here, mut there) = (rig(Config::default()), rig(Config::default()));
    let call = here.call(7, within(3));
    let request = here.peer.next().await;
    there.peer.answer(&request).await;
    eventually("it is counted", || there.channel.stats().foreign_answers == 1).await;
    assert_eq!(here.channel.outstanding(), 1);
    here.peer.answer(&request).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 7);
}

#[tokio::test(start_paused = true)]
async fn f24_an_answer_at_the_deadline_is_delivered_or_late_and_never_both() {
    let mut rig = rig(Config::default());
    let (mut delivered, mut timed_out) = (0, 0);
    for number in 0..200 {
        let deadline = within(1);
        let call = rig.call(number, deadline);
        let request = rig.peer.next().await;
        match number % 3 {
            // Both are there when the owner looks.
            0 => {
                rig.peer.answer(&request).await;
                advance(secs(1)).await;
            }
            // Both come in the same instant.
            1 => {
                sleep_until(deadline).await;
                rig.peer.answer(&request).await;
            }
            // The answer is late by a moment.
            _ => {
                sleep_until(deadline + Duration::from_millis(1)).await;
                rig.peer.answer(&request).await;
            }
        }
        match call.await.unwrap() {
            Ok(answer) => {
                assert_eq!(answer.header.offset, i64::from(number));
                delivered += 1;
            }
            Err(CallError::OutcomeUnknown { reason: Unanswered::TimedOut, .. }) => timed_out += 1,
            Err(other) => panic!("{other}"),
        }
        let read = (delivered + timed_out) as u64;
        eventually("it is read", || rig.channel.stats().frames_read == read).await;
        assert_eq!(rig.channel.stats().late_answers, timed_out as u64);
    }
    assert!(delivered > 0 && timed_out > 0, "{delivered} delivered, {timed_out} timed out");
    assert_eq!((rig.channel.outstanding(), rig.channel.stats().foreign_answers), (0, 0));
}

/// The same with threads and real time, where the answer and the sweep of the deadlines race.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f24_whoever_wins_the_race_at_the_deadline_every_answer_is_counted_once() {
    let mut rig = rig(Config::default());
    let mailbox = Mailbox::new();
    let (mut answered, mut delivered) = (0, 0);
    for number in 0..1_000 {
        let deadline = Instant::now() + Duration::from_millis(2);
        let submitted =
            rig.channel.submit(&request(number), Bytes::new(), deadline, &mailbox, number);
        if submitted.is_err() {
            continue; // the machine had something else to do
        }
        let mut outcome = None;
        let request = tokio::select! {
            request = rig.peer.next() => request,
            (_, early) = mailbox.recv() => match outcome.insert(early) {
                Err(CallError::NotSent { .. }) => continue,
                _ => rig.peer.next().await,
            },
        };
        sleep_until(deadline).await;
        rig.peer.answer(&request).await;
        answered += 1;
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => mailbox.recv().await.1,
        };
        match outcome {
            Ok(_) => delivered += 1,
            Err(CallError::OutcomeUnknown { reason: Unanswered::TimedOut, .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    eventually("all are read", || rig.channel.stats().frames_read == answered).await;
    assert_eq!(rig.channel.stats().late_answers, answered - delivered);
    assert_eq!((rig.channel.outstanding(), rig.channel.stats().foreign_answers), (0, 0));
    assert_eq!(mailbox.outstanding(), 0);
}

#[tokio::test(start_paused = true)]
async fn f25_a_late_answer_touches_nothing() {
    let mut rig = rig(Config::default());
    let deadline = within(1);
    let call = rig.call(1, deadline);
    let request = rig.peer.next().await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::OutcomeUnknown { .. }), "{error:?}");
    let next = rig.call(2, within(1));
    let second = rig.peer.next().await;
    rig.peer.answer(&request).await;
    rig.peer.answer(&second).await;
    assert_eq!(next.await.unwrap().unwrap().header.offset, 2);
    assert_eq!(rig.channel.stats().late_answers, 1);
    assert!(rig.channel.is_open(), "a timeout closes nothing");
}

#[tokio::test(start_paused = true)]
async fn a6_a_request_that_times_out_harms_no_other() {
    let mut rig = rig(Config::default());
    let doomed = rig.call(0, within(1));
    let patient = rig.call(1, within(30));
    let (first, second) = (rig.peer.next().await, rig.peer.next().await);
    assert!(doomed.await.unwrap().is_err());
    rig.peer.answer(&second).await;
    assert_eq!(patient.await.unwrap().unwrap().header.offset, 1);
    rig.peer.answer(&first).await;
    eventually("the late answer is counted", || rig.channel.stats().late_answers == 1).await;
    assert!(rig.channel.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_twice_counts_once() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(1));
    let request = rig.peer.next().await;
    rig.peer.answer(&request).await;
    rig.peer.answer(&request).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 1);
    eventually("the second is late", || rig.channel.stats().late_answers == 1).await;
}

#[tokio::test(start_paused = true)]
async fn f26_timeouts_leave_no_task_and_no_row_behind() {
    let mut rig = rig(Config::default());
    let tasks = rig.tasks.len();
    let mailbox = Mailbox::new();
    for round in 0..100 {
        for number in 0..100 {
            let token = round * 100 + number;
            rig.channel.submit(&request(number), Bytes::new(), within(1), &mailbox, token).unwrap();
        }
        for _ in 0..100 {
            rig.peer.next().await;
        }
        advance(secs(2)).await;
        for _ in 0..100 {
            let (_, outcome) = mailbox.recv().await;
            assert!(outcome.is_err());
        }
        // Silence would end the connection: something is heard from time to time.
        rig.peer.send(&Command::default().oneway()).await;
    }
    assert_eq!((rig.channel.outstanding(), mailbox.outstanding()), (0, 0));
    assert_eq!(rig.channel.stats().timeouts, 10_000);
    assert_eq!(rig.tasks.len(), tasks);
}

#[tokio::test(start_paused = true)]
async fn f27_what_timed_out_gives_its_room_back() {
    let mut config = Config::default();
    config.queued_bytes = 4_096;
    config.silence = secs(3600);
    let mut rig = rig_with(config, 1_024, NoRequests);
    // Nothing is read: the pipe and then the queue fill up, and callers time out waiting for room.
    let body = Bytes::from(vec![0; 700]);
    for number in 0..50 {
        let outcome = rig.channel.call(&request(number), body.clone(), within(1)).await;
        assert!(outcome.is_err());
    }
    assert!(rig.channel.is_open(), "{:?}", rig.channel.close_reason());
    // Now the peer reads everything, and requests pass again, as many as there is room for.
    let mut served = 0;
    while served < 20 {
        let call = rig.call(1_000 + served, within(5));
        loop {
            let request = rig.peer.next().await;
            if number(&request) == 1_000 + served {
                rig.peer.answer(&request).await;
                break;
            }
        }
        call.await.unwrap().unwrap();
        served += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_frees_its_row_and_is_not_sent() {
    let mut config = Config::default();
    config.queued_bytes = 1 << 20;
    let mut rig = rig_with(config, 64, NoRequests);
    let first = rig.call(0, within(9));
    eventually("the first is in the pipe", || rig.channel.stats().writes > 0).await;
    let second = rig.call(1, within(9));
    eventually("both are out", || rig.channel.outstanding() == 2).await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert_eq!(rig.channel.outstanding(), 1);
    let request = rig.peer.next().await;
    assert_eq!(number(&request), 0);
    rig.peer.answer(&request).await;
    first.await.unwrap().unwrap();
    let third = rig.call(2, within(9));
    assert_eq!(number(&rig.peer.next().await), 2, "the second was never sent");
    third.abort();
}

#[tokio::test(start_paused = true)]
async fn a_request_can_have_another_form_than_its_connection() {
    use rocketmq_protocol::Serialization::{Json, RocketMq};
    let mut rig = rig(Config::default());
    let binary = rig.channel.with_serialization(RocketMq);
    for (channel, form) in [(&rig.channel.clone(), Json), (&binary, RocketMq)] {
        let call = call(channel, 3, within(3));
        let request = rig.peer.next().await;
        assert_eq!(request.serialization(), form);
        for answered_in in [Json, RocketMq] {
            rig.peer.send_as(&answer(&request), answered_in).await;
        }
        assert_eq!(call.await.unwrap().unwrap().header.offset, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_deadline_has_passed_is_not_sent() {
    let mut rig = rig(Config::default());
    let late = ended(rig.call(1, Instant::now())).await.unwrap_err();
    assert!(matches!(reason_of(late), NotSent::TimedOut));
    let call = rig.call(2, within(3));
    let request = rig.peer.next().await;
    assert_eq!(number(&request), 2);
    rig.peer.answer(&request).await;
    ended(call).await.unwrap();
}

/// Whatever becomes of a request that nobody waits for, it is told once.
#[tokio::test(start_paused = true)]
async fn what_is_to_be_done_with_an_outcome_is_done_once() {
    let mut config = Config::default();
    config.queued_bytes = 2_000;
    let mut rig = rig_with(config, 64, NoRequests);
    let (told, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let ask = |number: i32, deadline| {
        let told = told.clone();
        let then = move |outcome: Outcome| {
            told.send(outcome.map(|answer| answer.header.offset)).unwrap();
        };
        rig.channel.call_then(&request(number), Bytes::from(vec![0; 1_000]), deadline, then);
    };
    ask(1, within(3));
    ask(2, within(3));
    let full = outcomes.try_recv().unwrap().unwrap_err();
    assert!(matches!(full, CallError::NotSent { reason: NotSent::Full, .. }));
    ask(3, Instant::now());
    let late = outcomes.try_recv().unwrap().unwrap_err();
    assert!(matches!(late, CallError::NotSent { reason: NotSent::TimedOut, .. }));

    let answered = rig.peer.next().await;
    rig.peer.answer(&answered).await;
    assert_eq!(outcomes.recv().await.unwrap().unwrap(), 1);

    ask(4, within(3));
    rig.peer.next().await;
    let lost = outcomes.recv().await.unwrap().unwrap_err();
    assert!(matches!(lost, CallError::OutcomeUnknown { reason: Unanswered::TimedOut, .. }));

    rig.channel.close();
    rig.owner.await.unwrap();
    let then = move |outcome: Outcome| drop(told.send(outcome.map(|answer| answer.header.offset)));
    rig.channel.call_then(&request(5), Bytes::new(), within(3), then);
    let closed = outcomes.recv().await.unwrap().unwrap_err();
    let NotSent::Closed(CloseReason::Local) = reason_of(closed) else { panic!("closed") };
    assert!(outcomes.recv().await.is_none(), "each was told once");
}

fn reason_of(error: CallError) -> NotSent {
    match error {
        CallError::NotSent { reason, .. } => reason,
        other => panic!("{other}"),
    }
}
