//! Lite topics, which brokers of 5.5 have where they are configured so: `enableLmq`, `enableMultiDispatch` and
//! `storeType=defaultRocksDB`.

use std::{collections::BTreeSet, time::Duration};

use rocketmq_client::{
    Client, LiteStart, LiteTopicConsumer, Message, Received,
    protocol::{
        body::{self, SubscriptionGroupConfig},
        header::{CreateTopicRequestHeader, UpdateAndCreateSubscriptionGroupRequestHeader},
    },
};
use rocketmq_interop::Cluster;

use crate::{PATIENCE, client_of, distribution, eventually};

const INVISIBLE: Duration = Duration::from_secs(60);

/// Creates the topic `sessions`, and binds the group `agents` to it.
async fn prepare(client: &Client, broker: &str) {
    let topic = CreateTopicRequestHeader {
        topic: "sessions".into(),
        default_topic: "TBW102".into(),
        read_queue_nums: 1,
        write_queue_nums: 1,
        perm: 6,
        topic_filter_type: "SINGLE_TAG".into(),
        attributes: Some("+message.type=LITE,+lite.topic.expiration=30".into()),
        ..CreateTopicRequestHeader::default()
    };
    client.call_broker(broker, &topic, "").await.unwrap();
    let mut group = SubscriptionGroupConfig { group_name: "agents".into(), ..Default::default() };
    group.attributes.insert("+lite.bind.topic".into(), "sessions".into());
    let request = UpdateAndCreateSubscriptionGroupRequestHeader {};
    client.call_broker(broker, &request, body::encode(&group)).await.unwrap();
    eventually("the topic has a route", || async {
        let found = client.producer("prober").start().await.unwrap();
        found.send(Message::new("sessions", "probe")).await.is_ok()
    })
    .await;
}

fn seen(received: &[Received]) -> Vec<(String, String)> {
    let body = |it: &Received| String::from_utf8(it.body().to_vec()).unwrap();
    received.iter().map(|it| (it.lite_topic().unwrap().to_owned(), body(it))).collect()
}

/// Receives and acknowledges until there are so many.
async fn receive(consumer: &LiteTopicConsumer, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let receiving = async {
        while all.len() < count {
            let received = consumer.receive(4, INVISIBLE).await.unwrap();
            for received in &received {
                consumer.ack(received).await.unwrap();
            }
            all.extend(seen(&received));
        }
    };
    let ended = tokio::time::timeout(PATIENCE, receiving).await;
    assert!(ended.is_ok(), "only {all:?}");
    all
}

fn of<'a>(seen: &'a [(String, String)], lite_topic: &str) -> Vec<&'a str> {
    seen.iter().filter(|(name, _)| name == lite_topic).map(|(_, body)| &**body).collect()
}

#[tokio::test]
async fn lite_topics_are_received_in_order_by_whoever_subscribes() {
    if distribution().version() < "5.5" {
        println!("left out: {} does not have lite topics", distribution().version());
        return;
    }
    let cluster = Cluster::builder()
        .broker_option("enableLmq=true")
        .broker_option("enableMultiDispatch=true")
        .broker_option("storeType=defaultRocksDB")
        .start(&distribution())
        .unwrap();
    let client = client_of(&cluster).await;
    prepare(&client, &cluster.broker_address("broker-a").unwrap()).await;
    let consumer = client
        .lite_topic_consumer("agents", "sessions")
        .subscribe("alice")
        .subscribe("bob")
        .await_duration(Duration::from_secs(2))
        .start()
        .await
        .unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..10 {
        for session in ["alice", "bob", "carol"] {
            let message = Message::new("sessions", number.to_string()).lite_topic(session);
            producer.send(message).await.unwrap();
        }
    }
    let numbers: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let received = receive(&consumer, 20).await;
    assert_eq!(
        (of(&received, "alice"), of(&received, "bob")),
        (
            numbers.iter().map(String::as_str).collect(),
            numbers.iter().map(String::as_str).collect()
        )
    );

    // Carol's have waited, all of them.
    consumer.subscribe_from("carol", LiteStart::First).await.unwrap();
    let received = receive(&consumer, 10).await;
    assert_eq!(of(&received, "carol"), numbers);

    // One that is out holds those behind it; sooner than its time it comes again, and is counted.
    producer.send(Message::new("sessions", "again").lite_topic("alice")).await.unwrap();
    let mut out = Vec::new();
    while out.is_empty() {
        out = consumer.receive(4, INVISIBLE).await.unwrap();
    }
    producer.send(Message::new("sessions", "behind").lite_topic("alice")).await.unwrap();
    consumer.change_invisible(&mut out[0], Duration::from_secs(1)).await.unwrap();
    let mut again = Vec::new();
    while again.is_empty() {
        again = consumer.receive(4, INVISIBLE).await.unwrap();
    }
    assert_eq!(seen(&again)[0], ("alice".to_owned(), "again".to_owned()));
    assert_eq!(again[0].reconsume_times(), 1);

    consumer.unsubscribe("bob").await.unwrap();
    assert_eq!(consumer.subscriptions(), BTreeSet::from(["alice".into(), "carol".into()]));
    producer.send(Message::new("sessions", "unheard").lite_topic("bob")).await.unwrap();
    for received in &again {
        consumer.ack(received).await.unwrap();
    }
    let left = consumer.receive(4, INVISIBLE).await.unwrap();
    assert!(seen(&left).iter().all(|(name, _)| name != "bob"), "{left:?}");
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
