//! Peers that read slowly, and large bodies.

use bytes::Bytes;
use rocketmq_remoting::{CallError, Config, NoRequests, NotSent};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn senders_wait_when_the_queue_is_full_and_keep_their_order() {
    let mut rig = rig_with(config(|config| config.queued_bytes = 16 << 10), 1024, NoRequests);
    let body = Bytes::from(vec![7; 1500]);
    let calls: Vec<_> =
        (0..100).map(|number| rig.call_with(number, body.clone(), within(30))).collect();
    quiet().await;
    let admitted = rig.channel.outstanding();
    assert!((7..=9).contains(&admitted), "{admitted} frames of 1.5 KiB in 16 KiB");

    for expected in 0..100 {
        let request = rig.peer.next().await;
        assert_eq!(number(&request), expected);
        assert_eq!(request.body, body);
        rig.peer.answer(&request).await;
        assert!(rig.channel.outstanding() <= 20);
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn withdrawn_requests_give_their_room_back() {
    let mut rig = rig_with(config(|config| config.queued_bytes = 4096), 64, NoRequests);
    let body = Bytes::from(vec![7; 1500]);
    for _ in 0..50 {
        let call = rig.call_with(1, body.clone(), within(30));
        quiet().await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    // One was on its way, one lay in the queue, and the others never got that far.
    assert_eq!(number(&rig.peer.next().await), 1);
    let calls = [2, 3].map(|number| rig.call_with(number, body.clone(), within(30)));
    assert_eq!(rig.peer.numbers(2).await, [2, 3]);
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_goes_alone() {
    let mut rig = rig_with(config(|config| config.queued_bytes = 4096), 64, NoRequests);
    let large = Bytes::from((0..100_000).map(|at| at as u8).collect::<Vec<_>>());
    let _calls = [
        rig.call(1, within(30)),
        rig.call_with(2, large.clone(), within(30)),
        rig.call(3, within(30)),
    ];
    for expected in [(1, 0), (2, 100_000), (3, 0)] {
        let request = rig.peer.next().await;
        assert_eq!((number(&request), request.body.len()), expected);
        assert_eq!(request.body, large.slice(..request.body.len()));
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_of_every_size_arrive_whole() {
    let mut rig = rig(Config::default());
    let sizes = [0, 1, 8191, 8192, 8193, 70_000, 5, 300_000, 300_000, 12, 9000];
    let body = |size| Bytes::from((0..size).map(|at| (at * 31 + size) as u8).collect::<Vec<_>>());
    let _calls: Vec<_> = (0..)
        .zip(sizes)
        .map(|(number, size)| rig.call_with(number, body(size), within(30)))
        .collect();
    for (expected, size) in (0..).zip(sizes) {
        let request = rig.peer.next().await;
        assert_eq!(number(&request), expected);
        assert!(request.body == body(size), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn closing_wakes_who_waits_for_room() {
    let rig = rig_with(config(|config| config.queued_bytes = 1024), 64, NoRequests);
    let calls: Vec<_> = (0..10).map(|number| rig.call(number, within(30))).collect();
    quiet().await;
    rig.owner.abort();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::NotSent { reason: NotSent::Closed(_), .. }), "{error}");
    }
}
