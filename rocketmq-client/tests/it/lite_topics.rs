//! Lite topics: many small topics under one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rocketmq_client::{
    Client, ClientEvent, ErrorKind, LiteStart, LiteTopicConsumer, Message, Received,
};
use rocketmq_mock::{Fault, MockCluster, MockClusterBuilder};
use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
    header::NotifyUnsubscribeLiteRequestHeader,
};

use crate::{PATIENCE, client_of, name_servers::in_memory, within};

const INVISIBLE: Duration = Duration::from_secs(30);
const AN_HOUR: Duration = Duration::from_secs(3_600);

fn cluster() -> MockClusterBuilder {
    MockCluster::builder().lite_topic("sessions", &["agents"])
}

async fn send(client: &Client, lite_topic: &str, bodies: impl IntoIterator<Item = impl ToString>) {
    let producer = client.producer("p").start().await.unwrap();
    for body in bodies {
        let message = Message::new("sessions", body.to_string()).lite_topic(lite_topic.to_owned());
        producer.send(message).await.unwrap();
    }
}

async fn consumer_of(client: &Client, lite_topics: &[&str]) -> LiteTopicConsumer {
    let mut builder = client.lite_topic_consumer("agents", "sessions");
    for lite_topic in lite_topics {
        builder = builder.subscribe(*lite_topic);
    }
    builder.await_duration(Duration::from_millis(200)).start().await.unwrap()
}

fn seen(received: &[Received]) -> Vec<(String, String)> {
    let body = |it: &Received| String::from_utf8(it.body().to_vec()).unwrap();
    received.iter().map(|it| (it.lite_topic().unwrap().to_owned(), body(it))).collect()
}

async fn receive_and_ack(consumer: &LiteTopicConsumer) -> Vec<(String, String)> {
    let received = consumer.receive(32, INVISIBLE).await.unwrap();
    for received in &received {
        consumer.ack(received).await.unwrap();
    }
    seen(&received)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn lite_topics_are_received_in_order_and_only_those_subscribed_to() {
    let (cluster, pipes) = in_memory(cluster()).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let consumer = consumer_of(&client, &["one", "two"]).await;
    send(&client, "one", 0..3).await;
    send(&client, "other", 0..3).await;
    send(&client, "two", 0..2).await;

    let first = consumer.receive(2, INVISIBLE).await.unwrap();
    assert_eq!(seen(&first), pairs(&[("one", "0"), ("one", "1")]));
    // What is out holds its own lite topic, and no other.
    let second = consumer.receive(32, INVISIBLE).await.unwrap();
    assert_eq!(seen(&second), pairs(&[("two", "0"), ("two", "1")]));
    consumer.ack(&first[0]).await.unwrap();
    assert!(consumer.receive(32, INVISIBLE).await.unwrap().is_empty());
    consumer.ack(&first[1]).await.unwrap();
    assert_eq!(receive_and_ack(&consumer).await, pairs(&[("one", "2")]));

    consumer.subscribe_from("other", LiteStart::Offset(1)).await.unwrap();
    assert_eq!(receive_and_ack(&consumer).await, pairs(&[("other", "1"), ("other", "2")]));
    consumer.subscribe_from("other", LiteStart::First).await.unwrap();
    consumer.unsubscribe("other").await.unwrap();
    assert!(consumer.receive(32, INVISIBLE).await.unwrap().is_empty());
    assert_eq!(consumer.subscriptions(), BTreeSet::from(["one".into(), "two".into()]));

    let id = format!("{}@agents", client.id());
    assert_eq!(cluster.lite_subscriptions("broker-a", &id), ["one", "two"]);
    consumer.shutdown().await;
    assert!(cluster.lite_subscriptions("broker-a", &id).is_empty());
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_comes_again_first_and_says_how_often() {
    let (cluster, pipes) = in_memory(cluster()).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let consumer = consumer_of(&client, &["one"]).await;
    send(&client, "one", 0..2).await;
    let mut first = consumer.receive(1, INVISIBLE).await.unwrap();
    assert_eq!((seen(&first), first[0].reconsume_times()), (pairs(&[("one", "0")]), 0));
    consumer.change_invisible(&mut first[0], Duration::from_secs(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let again = consumer.receive(1, INVISIBLE).await.unwrap();
    assert_eq!((seen(&again), again[0].reconsume_times()), (pairs(&[("one", "0")]), 1));
    // Under its former receipt it is another delivery.
    let late = consumer.ack(&first[0]).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Expired);
    assert!(consumer.receive(1, INVISIBLE).await.unwrap().is_empty());
    consumer.ack(&again[0]).await.unwrap();
    assert_eq!(receive_and_ack(&consumer).await, pairs(&[("one", "1")]));
    consumer.shutdown().await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn all_brokers_are_asked_and_one_that_has_restarted_hears_of_subscriptions_again() {
    let (cluster, pipes) = in_memory(cluster().brokers(3)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let consumer = consumer_of(&client, &["one"]).await;
    let id = format!("{}@agents", client.id());
    let subscribed = |broker: &str| cluster.lite_subscriptions(broker, &id) == ["one"];
    assert!(["broker-a", "broker-b", "broker-c"].iter().all(|broker| subscribed(broker)));

    cluster.stop_broker("broker-b").await;
    cluster.start_broker("broker-b").await.unwrap();
    assert!(!subscribed("broker-b"), "it has forgotten");
    within(AN_HOUR, "it is told again", || async { subscribed("broker-b") }).await;

    send(&client, "one", 0..30).await;
    let mut bodies = BTreeSet::new();
    let receiving = async {
        while bodies.len() < 30 {
            bodies.extend(receive_and_ack(&consumer).await);
        }
    };
    tokio::time::timeout(AN_HOUR, receiving).await.unwrap();
    consumer.shutdown().await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_receive_that_nobody_waits_for_loses_nothing() {
    let cluster = cluster().start().await.unwrap();
    let client = client_of(&cluster).await;
    let builder = client.lite_topic_consumer("agents", "sessions").subscribe("one");
    let consumer = builder.start().await.unwrap();
    let gone = tokio::time::timeout(Duration::from_millis(50), consumer.receive(8, INVISIBLE));
    assert!(gone.await.is_err());
    send(&client, "one", 0..1).await;
    assert_eq!(receive_and_ack(&consumer).await, pairs(&[("one", "0")]));
    assert_eq!(cluster.count(RequestCode::POP_LITE_MESSAGE), 1, "the first pop has brought it");
    consumer.shutdown().await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_lite_topic_that_a_broker_takes_away_is_an_event() {
    let cluster = cluster().start().await.unwrap();
    let client = client_of(&cluster).await;
    let consumer = consumer_of(&client, &["one", "two"]).await;
    let mut events = client.events();
    let taken = |client_id: &str| {
        let header = NotifyUnsubscribeLiteRequestHeader {
            lite_topic: "one".into(),
            consumer_group: "agents".into(),
            client_id: client_id.to_owned().into(),
            ..NotifyUnsubscribeLiteRequestHeader::default()
        };
        cluster.send_to_clients("broker-a", &Command::request(&header).oneway())
    };
    assert_eq!((taken("somebody else"), taken(&format!("{}@agents", client.id()))), (1, 1));
    let (group, lite_topic) = (Arc::from("agents"), Arc::from("one"));
    let expected = ClientEvent::LiteTopicTaken { group, lite_topic };
    let told = async { while events.next().await.unwrap() != expected {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(consumer.subscriptions(), BTreeSet::from(["two".into()]));
    consumer.shutdown().await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_brokers_refuse_is_an_error_and_no_subscription() {
    let cluster = cluster().topic("ordinary", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let consumer = consumer_of(&client, &[]).await;
    let quota = ResponseCode::LITE_SUBSCRIPTION_QUOTA_EXCEEDED;
    cluster.inject(RequestCode::LITE_SUBSCRIPTION_CTL, Fault::Refuse(quota), 1);
    let error = consumer.subscribe("one").await.unwrap_err();
    assert_eq!(error.response_code(), Some(quota));
    assert!(consumer.subscriptions().is_empty());
    consumer.shutdown().await;
    for (group, topic) in [("agents", "ordinary"), ("strangers", "sessions")] {
        let consumer = client.lite_topic_consumer(group, topic).start().await.unwrap();
        let error = consumer.receive(1, INVISIBLE).await.unwrap_err();
        assert_eq!(error.response_code(), Some(ResponseCode::INVALID_PARAMETER), "{group}");
        consumer.shutdown().await;
    }
    let nowhere = client.lite_topic_consumer("agents", "nowhere").start().await.unwrap();
    let error = nowhere.receive(1, INVISIBLE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TopicNotFound);
    nowhere.shutdown().await;
    assert!(cluster.members("broker-a", "agents").is_empty());
    client.shutdown(PATIENCE).await;
}
