//! Everything through a proxy, which is name server and broker in one to its clients.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use rocketmq_client::{Client, ErrorKind};
use rocketmq_interop::{Cluster, Ledger};

use crate::{
    PATIENCE, distribution, eventually, numbered, only_since_5,
    traffic::{Traffic, consume},
};

fn cluster() -> &'static Cluster {
    static CLUSTER: LazyLock<Cluster> =
        LazyLock::new(|| Cluster::builder().with_proxy().start(&distribution()).unwrap());
    &CLUSTER
}

async fn client() -> Client {
    Client::connect(cluster().proxy_address().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_proxy_is_sent_to_and_consumed_from() {
    if only_since_5("the proxy") {
        return;
    }
    cluster().create_topic("proxied", 4).unwrap();
    let (client, other) = (client().await, client().await);
    let ledger = Arc::new(Ledger::default());
    let first = consume(&client, "proxied-group", "proxied", "first", &ledger).await;
    let traffic = Traffic::start(&client, "proxied", 8, &ledger);
    eventually("messages come through", || async { ledger.seen_by("first") > 500 }).await;

    // A second member, in another client: queues move, and their offsets with them.
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

/// It reads a pop as a pull, and finds a field missing (`proxy/remoting/activity/PullMessageActivity.java` of 5.5.0), whoever asks.
#[tokio::test]
async fn a_proxy_that_cannot_be_popped_from_says_so() {
    if only_since_5("the proxy") {
        return;
    }
    let topic = "popped-by-proxy";
    cluster().create_topic(topic, 2).unwrap();
    let client = client().await;
    let consumer = client.simple_consumer("pop-by-proxy").subscribe(topic, "*").start();
    let consumer = consumer.await.unwrap();
    let error = consumer.receive(32, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
