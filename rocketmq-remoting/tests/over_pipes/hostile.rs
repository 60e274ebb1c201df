//! Peers that send what no peer should.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
};
use rocketmq_remoting::{Channel, CloseReason, Config, HandlerFuture, RequestHandler};
use tokio::{io::AsyncWriteExt, time::advance};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn f28_other_protocols_are_recognised_by_their_first_bytes() {
    for (greeting, named) in [
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], "HTTP/2"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    ] {
        let mut rig = rig(Config::default());
        let call = rig.call(1, within(3));
        rig.peer.next().await;
        rig.peer.io.write_all(greeting).await.unwrap();
        let CloseReason::Frame(error) = rig.owner.await.unwrap() else { panic!("{named}") };
        assert!(error.to_string().contains(named), "{error} does not name {named}");
        assert!(call.await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn f29_a_length_that_cannot_be_ends_the_connection_and_costs_nothing() {
    for length in [-1, i32::MIN, 0, 3, i32::MAX, 16 << 20] {
        let mut rig = rig(Config::default());
        let call = rig.call(1, within(3));
        rig.peer.next().await;
        rig.peer.io.write_all(&length.to_be_bytes()).await.unwrap();
        rig.peer.io.write_all(&[0; 64]).await.unwrap();
        let reason = rig.owner.await.unwrap();
        assert!(matches!(reason, CloseReason::Frame(_)), "{length}: {reason}");
        assert!(call.await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_bad_frame_is_still_delivered() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(3));
    let request = rig.peer.next().await;
    let mut bytes = encoded(&answer(&request));
    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    rig.peer.io.write_all(&bytes).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap().header.offset, 1);
    assert!(matches!(rig.owner.await.unwrap(), CloseReason::Frame(_)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_request_is_answered_so() {
    let mut rig = rig(Config::default());
    let mut request = Command::default().with_opaque(i32::MIN);
    request.code = 12_345;
    rig.peer.send(&request).await;
    let answer = rig.peer.next().await;
    assert_eq!(answer.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    assert_eq!(answer.opaque, i32::MIN);
    assert!(answer.is_response());
}

/// Counts, and answers when told to.
struct Counting {
    seen: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    gate: Arc<tokio::sync::Semaphore>,
}

impl RequestHandler for Counting {
    fn handle<'a>(&'a self, _from: &'a Channel, request: Command) -> HandlerFuture<'a> {
        Box::pin(async move {
            self.seen.fetch_add(1, Relaxed);
            let now = self.at_once.fetch_add(1, Relaxed) + 1;
            self.most.fetch_max(now, Relaxed);
            let _pass = self.gate.acquire().await;
            self.at_once.fetch_sub(1, Relaxed);
            assert_ne!(request.code, 666, "on purpose");
            Some(Command::answer(&request, ResponseCode::SUCCESS))
        })
    }
}

fn counting(permits: usize) -> (Counting, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (seen, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let handler = Counting {
        seen: Arc::clone(&seen),
        at_once: Arc::default(),
        most: Arc::clone(&most),
        gate: Arc::new(tokio::sync::Semaphore::new(permits)),
    };
    (handler, seen, most)
}

#[tokio::test(start_paused = true)]
async fn unsolicited_requests_are_worked_on_at_a_bounded_rate() {
    let (handler, seen, most) = counting(100);
    let config = Config::default();
    let (rate, at_once) = (config.inbound_rate as usize, config.inbound_concurrency);
    let mut rig = rig_with(config, 64 << 20, handler);
    let mut flood = Vec::new();
    for opaque in 0..10_000 {
        let mut request = Command::default().with_opaque(opaque).oneway();
        request.code = RequestCode::NOTIFY_CONSUMER_IDS_CHANGED.0;
        flood.extend_from_slice(&encoded(&request));
    }
    rig.peer.io.write_all(&flood).await.unwrap();
    eventually("all were read", || rig.channel.stats().frames_read == 10_000).await;
    eventually("some are done", || seen.load(Relaxed) > 0).await;
    let done = |seen: &AtomicUsize| {
        seen.load(Relaxed) as u64 + rig.channel.stats().inbound_refused == 10_000
    };
    eventually("every one is done or refused", || done(&seen)).await;
    assert!(seen.load(Relaxed) <= rate, "{} of {rate}", seen.load(Relaxed));
    assert!(most.load(Relaxed) <= at_once);
    // The connection is as good as before, and so is the peer, after a while.
    let call = rig.call(1, within(3));
    let request = rig.peer.next().await;
    rig.peer.answer(&request).await;
    call.await.unwrap().unwrap();
    advance(secs(1)).await;
    let before = seen.load(Relaxed);
    let mut request = Command::default();
    request.code = 1;
    rig.peer.send(&request).await;
    assert_eq!(rig.peer.next().await.response_code(), ResponseCode::SUCCESS);
    assert_eq!(seen.load(Relaxed), before + 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_that_wait_are_refused_and_a_panic_is_answered() {
    let (handler, ..) = counting(0);
    let mut config = Config::default();
    (config.inbound_concurrency, config.inbound_backlog) = (2, 4);
    let mut rig = rig_with(config, 1 << 20, handler);
    for opaque in 0..10 {
        rig.peer.send(&Command::default().with_opaque(opaque)).await;
    }
    let answer = rig.peer.next().await;
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_BUSY);

    let (handler, ..) = counting(1);
    let mut rig = rig_with(Config::default(), 1 << 20, handler);
    let mut request = Command::default();
    request.code = 666;
    rig.peer.send(&request).await;
    assert_eq!(rig.peer.next().await.response_code(), ResponseCode::SYSTEM_ERROR);
}
