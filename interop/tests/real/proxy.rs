//! Everything through a proxy, which is name server and broker in one to its clients.

use std::sync::Arc;

use rocketmq_client::Client;
use rocketmq_interop::{Cluster, Ledger};

use crate::{
    PATIENCE, distribution, eventually, numbered, only_since_5,
    traffic::{Traffic, consume},
};

#[tokio::test]
async fn a_proxy_is_sent_to_and_consumed_from() {
    if only_since_5("the proxy") {
        return;
    }
    let cluster = Cluster::builder().with_proxy().start(&distribution()).unwrap();
    cluster.create_topic("proxied", 4).unwrap();
    let client = Client::connect(cluster.proxy_address().unwrap()).await.unwrap();
    let ledger = Arc::new(Ledger::default());
    let first = consume(&client, "proxied-group", "proxied", "first", &ledger).await;
    let traffic = Traffic::start(&client, "proxied", 8, &ledger);
    eventually("messages come through", || async { ledger.seen_by("first") > 500 }).await;

    // A second member, in another client: queues move, and their offsets with them.
    let other = Client::connect(cluster.proxy_address().unwrap()).await.unwrap();
    let second = consume(&other, "proxied-group", "proxied", "second", &ledger).await;
    eventually("both consume", || async { ledger.seen_by("second") > 200 }).await;
    let report = first.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    traffic.drain(&ledger).await;
    println!("through the proxy: {}", ledger.verdict());
    second.shutdown(PATIENCE).await;

    let producer = client.producer("oneway").start().await.unwrap();
    producer.send(numbered("proxied", u64::MAX)).oneway().await.unwrap();
    for client in [client, other] {
        assert!(client.shutdown(PATIENCE).await.is_clean());
    }
}
