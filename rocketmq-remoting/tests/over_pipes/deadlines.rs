//! What becomes of requests that run out of time.

use bytes::Bytes;
use rocketmq_remoting::{CallError, CloseReason, Config, Mailbox, NoRequests, NotSent, Unanswered};
use tokio::time::Instant;

use crate::support::*;

fn not_sent_in_time(outcome: &Outcome) -> bool {
    matches!(outcome, Err(CallError::NotSent { reason: NotSent::TimedOut, .. }))
}

fn unanswered_in_time(outcome: &Outcome) -> bool {
    matches!(outcome, Err(CallError::OutcomeUnknown { reason: Unanswered::TimedOut, .. }))
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_exact_and_closes_nothing() {
    let mut rig = rig(Config::default());
    let start = Instant::now();
    let outcome = rig.call(1, start + secs(3)).await.unwrap();
    assert!(unanswered_in_time(&outcome), "{outcome:?}");
    assert_eq!(start.elapsed(), secs(3));

    let call = rig.call(2, within(3));
    rig.peer.next().await;
    let request = rig.peer.next().await;
    rig.peer.answer(&request).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 2);
    assert_eq!(rig.channel.stats().timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_deadline_that_comes_later_counts() {
    let rig = rig(config(|config| config.silence = secs(60)));
    let start = Instant::now();
    let mailbox = Mailbox::new();
    let submit = |seconds| {
        let deadline = start + secs(seconds);
        rig.channel.submit(&request(0), Bytes::new(), deadline, &mailbox, seconds).unwrap();
    };
    submit(30);
    quiet().await;
    submit(20);
    submit(5);
    quiet().await;
    submit(10);
    for expected in [5, 10, 20, 30] {
        assert_eq!(mailbox.recv().await.0, expected);
        assert_eq!(start.elapsed(), secs(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_sends_nothing() {
    let rig = rig(Config::default());
    let outcome = rig.call(1, Instant::now()).await.unwrap();
    assert!(not_sent_in_time(&outcome), "{outcome:?}");
    assert!(rig.channel.oneway(&request(1), Bytes::new(), Instant::now()).await.is_err());
    let mailbox = Mailbox::new();
    assert!(rig.channel.submit(&request(1), Bytes::new(), Instant::now(), &mailbox, ()).is_err());
    quiet().await;
    assert_eq!(rig.channel.stats().frames_written, 0);
    assert_eq!((mailbox.outstanding(), rig.channel.outstanding()), (0, 0));
}

/// The peer reads nothing for a while: what it has begun to receive may still reach it whole, and what lies behind
/// must not come as a surprise when it reads again.
#[tokio::test(start_paused = true)]
async fn what_timed_out_in_the_queue_is_never_sent() {
    let mut rig = rig_with(Config::default(), 64, NoRequests);
    let begun = rig.call(1, within(3));
    quiet().await;
    assert_eq!(rig.channel.stats().bytes_written, 64, "the pipe is full");
    let (queued, patient) = (rig.call(2, within(3)), rig.call(3, within(7)));

    let outcome = begun.await.unwrap();
    assert!(unanswered_in_time(&outcome), "{outcome:?}");
    let outcome = queued.await.unwrap();
    assert!(not_sent_in_time(&outcome), "{outcome:?}");

    assert_eq!(rig.peer.numbers(2).await, [1, 3]);
    assert!(unanswered_in_time(&patient.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_counts() {
    let rig = rig_with(config(|config| config.queued_bytes = 2048), 64, NoRequests);
    let body = Bytes::from(vec![0; 1400]);
    let first = rig.call_with(1, body.clone(), within(7));
    quiet().await;
    let start = Instant::now();
    let outcome = rig.call_with(2, body, within(2)).await.unwrap();
    assert!(not_sent_in_time(&outcome), "{outcome:?}");
    assert_eq!(start.elapsed(), secs(2));
    assert!(unanswered_in_time(&first.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn silence_closes_and_slowness_does_not() {
    let mut rig = rig(Config::default());
    let start = Instant::now();
    let mailbox = Mailbox::new();
    let pull =
        |token| rig.channel.submit(&request(token), Bytes::new(), within(30), &mailbox, token);
    pull(0).unwrap();
    let waiting = rig.peer.next().await;

    // For 20 s one request after the other times out, while others are answered: a slow server.
    for number in 1..=10 {
        let (slow, quick) = (rig.call(number, within(2)), rig.call(-number, within(2)));
        for request in [rig.peer.next().await, rig.peer.next().await] {
            if number_is_negative(&request) {
                rig.peer.answer(&request).await;
            }
        }
        quick.await.unwrap().unwrap();
        assert!(unanswered_in_time(&slow.await.unwrap()));
    }
    assert_eq!(start.elapsed(), secs(20));
    assert!(rig.channel.is_open());
    rig.peer.answer(&waiting).await;
    assert!(mailbox.recv().await.1.is_ok());

    // Nothing is heard any more. The first timeout comes after 3 s, the end after 8.
    pull(1).unwrap();
    let silent_since = Instant::now();
    let call = rig.call(11, within(3));
    assert!(unanswered_in_time(&call.await.unwrap()));
    assert!(rig.channel.is_open());
    let reason = rig.owner.await.unwrap();
    assert!(matches!(reason, CloseReason::Silent(_)), "{reason}");
    assert_eq!(silent_since.elapsed(), secs(8));
    let (_, reply) = mailbox.recv().await;
    assert!(matches!(
        reply,
        Err(CallError::OutcomeUnknown { reason: Unanswered::Closed(CloseReason::Silent(_)), .. })
    ));
}

fn number_is_negative(request: &rocketmq_protocol::Command) -> bool {
    number(request) < 0
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_timeouts_are_few_wakings() {
    let rig = rig(Config::default());
    let mailbox = Mailbox::new();
    for number in 0..10_000 {
        let deadline = Instant::now() + secs(1) + std::time::Duration::from_micros(50) * number;
        let request = request(number as i32);
        rig.channel.submit(&request, Bytes::new(), deadline, &mailbox, number).unwrap();
    }
    let mut batches = 0;
    let mut last = None;
    for _ in 0..10_000 {
        assert!(mailbox.recv().await.1.is_err());
        let now = Instant::now();
        batches += usize::from(last.replace(now) != Some(now));
    }
    assert!(batches <= 51, "{batches} sweeps in half a second");
    assert_eq!(rig.channel.outstanding(), 0);
}
