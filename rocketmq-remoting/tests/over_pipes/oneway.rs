//! Requests that nobody answers: none of them is lost in silence on this side.

use bytes::Bytes;
use rocketmq_protocol::{Command, code::ResponseCode};
use rocketmq_remoting::{CloseReason, Config, NoRequests};

use crate::support::*;

const MANY: i32 = 100;

/// A connection whose peer takes a few bytes at a time, with many one-way requests queued.
async fn full(config: Config) -> Rig {
    let rig = rig_with(config, 64, NoRequests);
    for number in 0..MANY {
        rig.channel.oneway(&request(number), Bytes::new(), within(9)).await.unwrap();
    }
    rig
}

async fn assert_all_arrive(rig: &mut Rig) {
    for expected in 0..MANY {
        assert_eq!(number(&rig.peer.next().await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_is_queued() {
    let mut rig = full(Config::default()).await;
    rig.channel.close();
    assert_all_arrive(&mut rig).await;
    assert!(matches!(rig.owner.await.unwrap(), CloseReason::Local));
    assert!(rig.peer.is_closed().await);
    assert_eq!(rig.channel.stats().oneways_lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_us_away_gets_what_is_queued() {
    let mut rig = rig_with(Config::default(), 512, NoRequests);
    let call = rig.call(MANY, within(9));
    let asked = rig.peer.next().await;
    for number in 0..MANY {
        rig.channel.oneway(&request(number), Bytes::new(), within(9)).await.unwrap();
    }
    rig.peer.send(&Command::answer(&asked, ResponseCode::GO_AWAY)).await;
    assert!(call.await.unwrap().unwrap_err().is_go_away());
    assert_all_arrive(&mut rig).await;
    assert!(matches!(rig.owner.await.unwrap(), CloseReason::GoAway));
    assert_eq!(rig.channel.stats().oneways_lost, 0);
}

#[tokio::test(start_paused = true)]
async fn those_that_a_connection_takes_with_it_are_counted() {
    let mut rig = full(Config::default()).await;
    assert_eq!(number(&rig.peer.next().await), 0);
    drop(rig.peer);
    rig.owner.await.unwrap();
    let lost = rig.channel.stats().oneways_lost;
    // What is being written when it ends cannot be told from what has arrived: it counts as lost.
    assert!((MANY as u64 - 1..=MANY as u64).contains(&lost), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_holds_closing_up_no_longer_than_it_may() {
    let rig = full(Config::default()).await;
    rig.channel.close();
    rig.owner.await.unwrap();
    assert_eq!(rig.channel.stats().oneways_lost, MANY as u64);
    drop(rig.peer);
}

#[tokio::test(start_paused = true)]
async fn flushed_means_that_the_socket_has_taken_all() {
    let mut rig = full(Config::default()).await;
    let channel = rig.channel.clone();
    let mut flushed = Box::pin(channel.flushed());
    let soon = tokio::time::timeout(secs(1), &mut flushed).await;
    assert!(soon.is_err(), "the pipe is full");
    assert_all_arrive(&mut rig).await;
    flushed.await;
    assert_eq!(rig.channel.stats().frames_written, MANY as u64);
}
