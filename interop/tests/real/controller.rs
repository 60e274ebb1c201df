//! A master that dies, and a controller that makes its copy the master.

use std::{sync::Arc, time::Instant};

use rocketmq_interop::{Cluster, Ledger, Signal};

use crate::{
    PATIENCE, client_of, distribution, eventually, only_since_5,
    traffic::{Traffic, consume},
};

#[tokio::test]
async fn a_new_master_takes_over_under_load() {
    if only_since_5("the controller") {
        return;
    }
    let mut cluster = Cluster::builder().with_controller().start(&distribution()).unwrap();
    eventually("a master is elected", || async { cluster.master_of("broker-a").is_some() }).await;
    cluster.create_topic("elected", 4).unwrap();
    let client = client_of(&cluster).await;
    let ledger = Arc::new(Ledger::default());
    let consumer = consume(&client, "elected-group", "elected", "c", &ledger).await;
    let traffic = Traffic::start(&client, "elected", 8, &ledger);
    eventually("the load is on", || async { ledger.distinct() > 500 }).await;
    eventually("the copy is in sync", || async { cluster.in_sync("broker-a") == 2 }).await;

    let old = cluster.master_of("broker-a").unwrap();
    let dead = old.clone();
    let (cluster, killed) = tokio::task::spawn_blocking(move || {
        let killed = Instant::now();
        cluster.stop_broker(&dead, Signal::Kill);
        (cluster, killed)
    })
    .await
    .unwrap();
    eventually("another is the master", || async {
        cluster.master_of("broker-a").is_some_and(|master| master != old)
    })
    .await;
    let elected = killed.elapsed();
    let before = ledger.verdict();
    eventually("sending and consuming go on", || async {
        let now = ledger.verdict();
        now.acknowledged > before.acknowledged + 100 && now.seen > before.seen + 100
    })
    .await;
    let resumed = killed.elapsed();
    traffic.drain(&ledger).await;
    println!(
        "master killed: {}; another was elected after {elected:.1?}, 100 sent and consumed after {resumed:.1?}",
        ledger.verdict()
    );
    consumer.shutdown(PATIENCE).await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
