//! A peer that is shutting down says so, instead of acting on requests.

use rocketmq_protocol::{Command, code::ResponseCode};
use rocketmq_remoting::{CloseReason, Config};

use crate::{pool::pool, support::*};

fn go_away(request: &Command) -> Command {
    Command::answer(request, ResponseCode::GO_AWAY).with_remark("please go away")
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_still_answered_and_nothing_more_is_taken() {
    let mut rig = rig(Config::default());
    let (early, refused) = (rig.call(0, within(9)), rig.call(1, within(9)));
    let (first, second) = (rig.peer.next().await, rig.peer.next().await);
    rig.peer.send(&go_away(&second)).await;
    assert!(refused.await.unwrap().unwrap_err().is_go_away());
    assert!(!rig.channel.is_open());
    assert!(rig.call(2, within(9)).await.unwrap().unwrap_err().is_go_away());
    rig.peer.answer(&first).await;
    assert_eq!(early.await.unwrap().unwrap().header.offset, 0);
    assert!(matches!(rig.owner.await.unwrap(), CloseReason::GoAway));
    assert!(rig.peer.is_closed().await, "the third was never sent");
}

#[tokio::test(start_paused = true)]
async fn a26_f16_a_request_that_was_sent_away_is_sent_once_more_over_a_new_connection() {
    let (remoting, mut pipes) = pool(Config::default());
    let call = pipes.call(&remoting, "a:1", 5);
    let mut old = pipes.accept().await;
    let request = old.next().await;
    old.send(&go_away(&request)).await;
    let mut new = pipes.accept().await;
    let again = new.next().await;
    assert_eq!(number(&again), 5);
    new.answer(&again).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 5);
    assert!(old.is_closed().await);
    assert_eq!(remoting.channels().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn f16_being_sent_away_twice_is_an_error_and_no_storm() {
    let (remoting, mut pipes) = pool(Config::default());
    let call = pipes.call(&remoting, "a:1", 5);
    let mut peers = Vec::new();
    for _ in 0..2 {
        let mut peer = pipes.accept().await;
        let request = peer.next().await;
        peer.send(&go_away(&request)).await;
        peers.push(peer);
    }
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::GO_AWAY));
    // Whoever asks at once is told to wait.
    for _ in 0..100 {
        assert!(pipes.call(&remoting, "a:1", 6).await.unwrap().is_err());
    }
    assert_eq!(pipes.dialled(), 2);
}
