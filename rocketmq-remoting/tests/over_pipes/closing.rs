//! Connections that end.

use rocketmq_remoting::{CallError, CloseReason, Config, NotSent, Unanswered};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn f18_a_dead_connection_ends_all_its_requests_at_once() {
    let mut rig = rig(Config::default());
    let calls: Vec<_> = (0..100).map(|number| rig.call(number, within(30))).collect();
    for _ in 0..100 {
        rig.peer.next().await;
    }
    let began = Instant::now();
    drop(rig.peer);
    for call in calls {
        let error = ended(call).await.unwrap_err();
        assert!(
            matches!(error, CallError::OutcomeUnknown { reason: Unanswered::Closed(_), .. }),
            "{error:?}"
        );
    }
    assert_eq!(began.elapsed(), secs(0), "they were left to wait");
    assert!(matches!(ended(rig.owner).await, CloseReason::Peer));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_left_is_known_not_to_be_sent() {
    let rig = rig_with(Config::default(), 16, rocketmq_remoting::NoRequests);
    let calls: Vec<_> = (0..3).map(|number| rig.call(number, within(30))).collect();
    eventually("all are queued", || rig.channel.outstanding() == 3).await;
    drop(rig.peer);
    for call in calls {
        let error = ended(call).await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent { reason: NotSent::Closed(_), .. }),
            "sixteen bytes are no request: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn f12_silence_while_requests_time_out_ends_the_connection() {
    let config = Config::default();
    let silence = config.silence;
    let mut rig = rig(config);
    let began = Instant::now();
    let waiting = rig.call(0, within(60));
    rig.peer.next().await;
    while rig.channel.is_open() {
        assert!(began.elapsed() < secs(60), "never noticed");
        let _ = ended(rig.call(1, within(1))).await;
    }
    assert!(began.elapsed() <= silence + secs(2), "{:?}", began.elapsed());
    assert!(ended(waiting).await.is_err(), "it was not left to wait");
    assert!(matches!(ended(rig.owner).await, CloseReason::Silent(_)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_asked_lives() {
    let mut rig = rig(Config::default());
    sleep(secs(3600)).await;
    let call = rig.call(1, within(3));
    let request = rig.peer.next().await;
    rig.peer.answer(&request).await;
    ended(call).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_drips_ends_the_connection() {
    let config = Config::default();
    let patience = config.frame_timeout;
    let mut rig = rig(config);
    let call = rig.call(1, within(60));
    rig.peer.next().await;
    let began = Instant::now();
    for byte in [0, 0, 0, 100, 0, 0, 0, 90].into_iter().chain(std::iter::repeat_n(b'{', 90)) {
        if rig.peer.io.write_all(&[byte]).await.is_err() {
            break;
        }
        sleep(secs(1)).await;
    }
    assert!(matches!(ended(rig.owner).await, CloseReason::HalfFrame(_)));
    assert!(began.elapsed() < patience + secs(2));
    assert!(ended(call).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn closing_leaves_no_task() {
    let rig = rig(Config::default());
    let call = rig.call(1, within(60));
    eventually("it is out", || rig.channel.outstanding() == 1).await;
    rig.channel.close();
    assert!(matches!(rig.channel.closed().await, CloseReason::Local));
    assert!(ended(call).await.is_err());
    rig.tasks.stopped().await;
    assert!(rig.tasks.is_empty());
}
