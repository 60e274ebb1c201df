//! Requests of the peer.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use rocketmq_protocol::{
    Command, Serialization,
    code::ResponseCode,
    header::{NotifyConsumerIdsChangedRequestHeader, OffsetResponseHeader},
};
use rocketmq_remoting::{Channel, Config, HandlerFuture, RequestHandler};
use tokio::sync::Semaphore;

use crate::support::*;

/// Answers by the number of the request: below 100 with it, 100 never, 101 with a panic, beyond not at all.
struct Handler;

impl RequestHandler for Handler {
    fn handle<'a>(&'a self, from: &'a Channel, request: Command) -> HandlerFuture<'a> {
        Box::pin(async move {
            assert_eq!(&**from.address(), "peer:1");
            match number(&request) {
                0..100 => Some(answer(&request).with_body(request.body)),
                100 => pending().await,
                101 => panic!("on purpose"),
                _ => None,
            }
        })
    }
}

fn ask(number: i32) -> Command {
    Command::request(&request(number)).with_opaque(1000 + number)
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_in_the_form_they_came_in() {
    let mut rig = rig_with(Config::default(), 1 << 20, Handler);
    for form in [Serialization::Json, Serialization::RocketMq] {
        let body = Bytes::from(vec![1; 20_000]);
        rig.peer.send_as(&ask(5).with_body(body.clone()), form).await;
        let answer = rig.peer.next().await;
        assert!(answer.is_response());
        assert_eq!((answer.opaque, answer.serialization()), (1005, form));
        assert_eq!(answer.header::<OffsetResponseHeader>().unwrap().offset, 5);
        assert_eq!(answer.body, body);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_codes_and_panics_are_answered_too() {
    let mut rig = rig_with(Config::default(), 1 << 20, Handler);
    for (number, code) in [
        (102, ResponseCode::REQUEST_CODE_NOT_SUPPORTED),
        (101, ResponseCode::SYSTEM_ERROR),
        (1, ResponseCode::SUCCESS),
    ] {
        rig.peer.send(&ask(number)).await;
        let answer = rig.peer.next().await;
        assert_eq!((answer.opaque, answer.response_code()), (1000 + number, code));
    }
    assert!(rig.channel.is_open());
}

#[tokio::test(start_paused = true)]
async fn one_way_requests_are_never_answered() {
    let mut rig = rig_with(Config::default(), 1 << 20, Handler);
    for number in [1, 101, 102] {
        rig.peer.send(&ask(number).oneway()).await;
    }
    rig.peer.send(&ask(2)).await;
    assert_eq!(rig.peer.next().await.opaque, 1002);
    quiet().await;
    assert_eq!(rig.channel.stats().frames_written, 1);
}

/// Counts who is inside, and lets nobody out before there is a permit.
struct Gate {
    inside: AtomicUsize,
    done: AtomicUsize,
    out: Semaphore,
}

#[derive(Clone)]
struct Gated(Arc<Gate>);

impl RequestHandler for Gated {
    fn handle<'a>(&'a self, _: &'a Channel, request: Command) -> HandlerFuture<'a> {
        Box::pin(async move {
            self.0.inside.fetch_add(1, SeqCst);
            self.0.out.acquire().await.ok()?.forget();
            self.0.inside.fetch_sub(1, SeqCst);
            self.0.done.fetch_add(1, SeqCst);
            Some(Command::answer(&request, ResponseCode::SUCCESS))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded() {
    let gate = Gate { inside: 0.into(), done: 0.into(), out: Semaphore::new(0) };
    let gate = Gated(Arc::new(gate));
    let limits = config(|config| (config.inbound_concurrency, config.inbound_backlog) = (3, 10));
    let mut rig = rig_with(limits, 1 << 20, gate.clone());
    let notice = Command::request(&NotifyConsumerIdsChangedRequestHeader::default()).oneway();
    for number in 0..3 {
        rig.peer.send(&ask(number)).await;
    }
    quiet().await;
    for number in 3..50 {
        rig.peer.send(&ask(number)).await;
        rig.peer.send(&notice).await;
    }
    quiet().await;
    assert_eq!(gate.0.inside.load(SeqCst), 3);
    // 3 are worked on and 10 wait: the refused among the others are told so, where they ask for an answer.
    assert_eq!(rig.channel.stats().inbound_refused, 84);
    let refused = rig.channel.stats().frames_written;
    for _ in 0..refused {
        assert_eq!(rig.peer.next().await.response_code(), ResponseCode::SYSTEM_BUSY);
    }
    assert!(rig.channel.is_open());

    gate.0.out.add_permits(100);
    for _ in refused..50 {
        assert_eq!(rig.peer.next().await.response_code(), ResponseCode::SUCCESS);
    }
    assert_eq!(gate.0.done.load(SeqCst), 13);
    rig.peer.send(&ask(1)).await;
    assert_eq!(rig.peer.next().await.response_code(), ResponseCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_handlers() {
    let mut rig = rig_with(Config::default(), 1 << 20, Handler);
    rig.peer.send(&ask(100)).await;
    quiet().await;
    assert!(rig.tasks.len() > 1);
    rig.tasks.stop();
    rig.tasks.stopped().await;
    assert!(rig.tasks.is_empty());
}
