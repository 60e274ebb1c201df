//! How connections end, and what that means for the requests on them.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use rocketmq_protocol::{Command, Serialization};
use rocketmq_remoting::{CallError, CloseReason, Config, NoRequests, NotSent, Unanswered};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Instant,
};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_dead_connection_fails_everything_at_once() {
    let mut rig = rig(Config::default());
    let calls: Vec<_> = (0..100).map(|number| rig.call(number, within(30))).collect();
    rig.peer.numbers(100).await;
    let start = Instant::now();
    drop(rig.peer);
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        let CallError::OutcomeUnknown { reason: Unanswered::Closed(reason), .. } = error else {
            panic!("{error}");
        };
        assert!(matches!(reason, CloseReason::Peer));
    }
    assert_eq!(start.elapsed(), secs(0));
    assert!(!rig.channel.is_open());
    assert!(matches!(rig.channel.closed().await, CloseReason::Peer));
    assert_eq!(rig.channel.outstanding(), 0);
    rig.tasks.stopped().await;

    let error = rig.channel.call(&request(1), Bytes::new(), within(3)).await.unwrap_err();
    assert_eq!(error.to_string(), "peer:1: not sent");
    assert_eq!(error.source().unwrap().to_string(), "the connection closed");
    assert_eq!(error.source().unwrap().source().unwrap().to_string(), "closed by the peer");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_written_was_not_sent() {
    let rig = rig_with(Config::default(), 400, NoRequests);
    let whole = rig.call(1, within(30));
    quiet().await;
    let cut = rig.call_with(2, Bytes::from(vec![0; 1000]), within(30));
    quiet().await;
    let queued = rig.call(3, within(30));
    quiet().await;
    assert_eq!(rig.channel.stats().bytes_written, 400, "the second frame is cut");
    drop(rig.peer);

    let sent = |error| matches!(error, CallError::OutcomeUnknown { .. });
    let outcomes = [whole, cut, queued].map(async |call| sent(call.await.unwrap().unwrap_err()));
    let [whole, cut, queued] = outcomes;
    assert_eq!((whole.await, cut.await, queued.await), (true, false, false));
}

/// Reads nothing, and fails to write.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_sent_nothing() {
    let (channel, _, owner) = connect(Broken, Config::default(), NoRequests);
    let error = channel.call(&request(1), Bytes::new(), within(3)).await.unwrap_err();
    let CallError::NotSent { reason: NotSent::Closed(CloseReason::Io(cause)), .. } = error else {
        panic!("{error}");
    };
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
    assert!(matches!(owner.await.unwrap(), CloseReason::Io(_)));
}

/// A good answer, then `bytes`: the answer counts, and then the connection is closed for the reason given.
async fn check_garbage(bytes: &[u8], expected: &str) {
    let mut rig = rig(Config::default());
    let (answered, waiting) = (rig.call(1, within(30)), rig.call(2, within(30)));
    let first = rig.peer.next().await;
    let mut sent = BytesMut::new();
    answer(&first).encode(Serialization::Json, &mut sent).unwrap();
    sent.put_slice(bytes);
    rig.peer.io.write_all(&sent).await.unwrap();

    let reason = rig.owner.await.unwrap();
    let cause = reason.source().unwrap().to_string();
    assert!(cause.contains(expected), "{cause}");
    let outcomes = (answered.await.unwrap(), waiting.await.unwrap());
    let (answered, waiting) = if number(&first) == 1 { outcomes } else { (outcomes.1, outcomes.0) };
    assert!(answered.is_ok());
    assert!(matches!(waiting, Err(CallError::OutcomeUnknown { .. })), "{waiting:?}");
}

#[tokio::test(start_paused = true)]
async fn garbage_closes_the_connection_and_is_named() {
    check_garbage(b"HTTP/1.1 400 Bad Request\r\n", "the peer speaks HTTP").await;
    check_garbage(&[0x15, 3, 3, 0, 2, 2, 40], "the peer speaks TLS").await;
    check_garbage(&[0xff; 8], "frame length -1").await;
    check_garbage(&[0, 0, 0, 4, 9, 0, 0, 0], "serialize type 9").await;
    check_garbage(&[0, 0, 0, 4, 0, 0, 1, 0], "a header of 256 bytes").await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_has_to_end() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(60));
    let request = rig.peer.next().await;
    let start = Instant::now();
    let mut frame = BytesMut::new();
    answer(&request).encode(Serialization::Json, &mut frame).unwrap();
    let trickle = async {
        for byte in &frame {
            rig.peer.io.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(secs(1)).await;
        }
    };
    let reason = tokio::select! {
        reason = rig.channel.closed() => reason,
        () = trickle => panic!("the whole frame was taken"),
    };
    assert!(matches!(reason, CloseReason::HalfFrame(after) if after == secs(10)), "{reason}");
    assert_eq!(start.elapsed(), secs(10));
    assert!(call.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_slow_frame_may_take_its_time() {
    let mut rig = rig(Config::default());
    for number in 0..3 {
        let call = rig.call(number, within(60));
        let request = rig.peer.next().await;
        let mut frame = BytesMut::new();
        answer(&request).encode(Serialization::Json, &mut frame).unwrap();
        rig.peer.io.write_all(&frame[..20]).await.unwrap();
        tokio::time::sleep(secs(9)).await;
        rig.peer.io.write_all(&frame[20..]).await.unwrap();
        assert_eq!(call.await.unwrap().unwrap().header.offset, i64::from(number));
    }
}

#[tokio::test(start_paused = true)]
async fn closing_writes_what_waits_for_no_answer() {
    let mut rig = rig_with(Config::default(), 100, NoRequests);
    let call = rig.call(1, within(30));
    quiet().await;
    for number in 2..5 {
        rig.channel.oneway(&request(number), Bytes::new(), within(3)).await.unwrap();
    }
    let unsent = rig.call(5, within(30));
    quiet().await;
    rig.channel.close();
    let (call, unsent) = (call.await.unwrap().unwrap_err(), unsent.await.unwrap().unwrap_err());
    // Its frame was cut by the full pipe, and is finished now: the peer acts on it, but that was not known.
    assert!(matches!(call, CallError::NotSent { .. } | CallError::OutcomeUnknown { .. }));
    assert!(matches!(unsent, CallError::NotSent { .. }), "{unsent}");

    let numbers = rig.peer.numbers(4).await;
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(rig.peer.try_next().await.is_none());
    assert!(matches!(rig.owner.await.unwrap(), CloseReason::Local));
    rig.tasks.stopped().await;
    assert!(rig.tasks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_peer_that_reads_nothing() {
    let rig = rig_with(Config::default(), 10, NoRequests);
    rig.channel.oneway(&request(1), Bytes::new(), within(3)).await.unwrap();
    quiet().await;
    let start = Instant::now();
    rig.tasks.stop();
    rig.tasks.stopped().await;
    assert_eq!(start.elapsed(), secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_gone_takes_its_requests_along() {
    let mut rig = rig(Config::default());
    let call = rig.call(1, within(30));
    rig.peer.next().await;
    rig.owner.abort();
    let error = call.await.unwrap().unwrap_err();
    let CallError::OutcomeUnknown { reason: Unanswered::Closed(reason), .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(reason, CloseReason::Abandoned));
    assert!(rig.peer.try_next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_written_harms_no_other() {
    let mut rig = rig(Config::default());
    let huge = Bytes::from(vec![0; 17 << 20]);
    let error = rig.channel.call(&request(1), huge, within(3)).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { reason: NotSent::Encode(_), .. }), "{error}");
    let call = rig.call(2, within(3));
    let request: Command = rig.peer.next().await;
    assert_eq!(number(&request), 2);
    rig.peer.answer(&request).await;
    call.await.unwrap().unwrap();
    assert_eq!(rig.channel.outstanding(), 0);
}
