//! Which answer belongs to which request.

use rocketmq_remoting::Config;

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
