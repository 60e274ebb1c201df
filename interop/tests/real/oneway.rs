//! One-way messages and namespaces, as a real broker stores them.

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use rocketmq_interop::Cluster;

use crate::{PATIENCE, client_of, distribution, eventually, shared};

const MESSAGES: i64 = 50_000;

/// A broker drops what it has no room or no time for, and tells nobody. One that has both stores all that this client counts.
#[tokio::test]
async fn a_broker_that_has_time_stores_every_one_way_message() {
    let cluster = Cluster::builder()
        .broker_option("sendThreadPoolQueueCapacity=1000000")
        .broker_option("waitTimeMillsInSendQueue=600000")
        .broker_option("osPageCacheBusyTimeOutMills=600000")
        .start(&distribution())
        .unwrap();
    assert_eq!(stored_of_all(&cluster).await, MESSAGES);
}

/// What is stored, of so many that the client has counted and its shutdown has sent.
async fn stored_of_all(cluster: &Cluster) -> i64 {
    cluster.create_topic("oneway", 4).unwrap();
    let client = client_of(cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    producer.ready("oneway").await.unwrap();
    for _ in 0..MESSAGES {
        producer.send(Message::new("oneway", vec![b'.'; 256])).oneway().await.unwrap();
    }
    assert_eq!(producer.stats().oneway, MESSAGES as u64);
    let report = client.shutdown(PATIENCE).await;
    assert!(report.is_clean(), "{report:?}");
    let stored = || cluster.stored("broker-a", "oneway", 4);
    eventually("all of them are stored", || async { stored() >= MESSAGES }).await;
    stored()
}

#[tokio::test]
async fn names_are_in_their_namespace_at_the_servers_only() {
    let cluster = shared();
    cluster.create_topic("shop%wrapped", 2).unwrap();
    let client = Client::builder(cluster.name_server_address()).namespace("shop");
    let client = client.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("wrapped", "x")).await.unwrap();
    let stored = || cluster.stored("broker-a", "shop%wrapped", 2);
    eventually("it is stored under its whole name", || async { stored() == 1 }).await;
    let (topics, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let consumer = client.push_consumer("namespaced").subscribe("wrapped", "*");
    let consumer = consumer.start_from(StartFrom::First).start(move |delivery: Delivery| {
        let _ = topics.send(delivery.topic().to_owned());
        async {}
    });
    let consumer = consumer.await.unwrap();
    let topic = tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap();
    assert_eq!(topic.as_deref(), Some("wrapped"));
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}
