//! Simple consumers: received, acknowledged, or out of time.

use std::{collections::BTreeSet, time::Duration};

use rocketmq_client::{
    Client, ErrorKind, Message, Received, ResponseCode, SimpleConsumer, SimpleConsumerBuilder,
    StartFrom,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

async fn send(client: &Client, numbers: std::ops::Range<usize>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        let tag = if number % 2 == 0 { "AaAa" } else { "BBBB" };
        producer.send(Message::new("t", format!("{number}")).tag(tag)).await.unwrap();
    }
}

fn consumer_of(client: &Client) -> SimpleConsumerBuilder {
    client.simple_consumer("g").subscribe("t", "*").await_duration(Duration::from_millis(50))
}

fn bodies(received: &[Received]) -> BTreeSet<usize> {
    received.iter().map(number).collect()
}

fn number(received: &Received) -> usize {
    String::from_utf8(received.body().to_vec()).unwrap().parse().unwrap()
}

/// Receives until nothing comes.
async fn drain(consumer: &SimpleConsumer, invisible: Duration) -> Vec<Received> {
    let mut all = Vec::new();
    loop {
        let received = consumer.receive(32, invisible).await.unwrap();
        if received.is_empty() {
            return all;
        }
        all.extend(received);
    }
}

#[tokio::test]
async fn everything_is_received_from_every_broker_and_not_again() {
    let cluster = MockCluster::builder().brokers(3).topic("t", 2).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..90).await;
    let consumer = consumer_of(&client).start().await.unwrap();
    let received = drain(&consumer, LONG).await;
    assert_eq!((received.len(), bodies(&received)), (90, (0..90).collect()));
    let (some, others) = received.split_at(10);
    for received in some {
        consumer.ack(received).await.unwrap();
    }
    consumer.ack_all(others).await.unwrap();
    assert_eq!(cluster.count(RequestCode::ACK_MESSAGE), 10);
    assert_eq!(cluster.count(RequestCode::BATCH_ACK_MESSAGE), 3, "one for each broker");
    for broker in ["broker-a", "broker-b", "broker-c"] {
        assert_eq!(cluster.popped(broker, "g"), 0);
    }
    assert!(cluster.messages("%RETRY%g_t").is_empty(), "nothing came again");
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_comes_again_and_counts() {
    let cluster = MockCluster::builder().topic("t", 2).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..4).await;
    let consumer = consumer_of(&client).await_duration(PATIENCE).start().await.unwrap();
    let second = Duration::from_secs(1);
    let mut first = Vec::new();
    while first.len() < 4 {
        first.extend(consumer.receive(32, second).await.unwrap());
    }
    assert!(first.iter().all(|received| received.reconsume_times() == 0));
    consumer.ack(first.iter().find(|received| number(received) == 0).unwrap()).await.unwrap();
    let mut again = Vec::new();
    while again.len() < 3 {
        again.extend(consumer.receive(32, LONG).await.unwrap());
    }
    assert_eq!(bodies(&again), [1, 2, 3].into());
    assert!(
        again.iter().all(|received| received.reconsume_times() == 1 && received.topic() == "t")
    );
    consumer.ack_all(&again).await.unwrap();
    assert_eq!(cluster.popped("broker-a", "g"), 0, "retries are acknowledged where they lie");
}

#[tokio::test]
async fn a24_a_late_acknowledgement_is_told_to_count_for_nothing() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..1).await;
    let consumer = consumer_of(&client).await_duration(PATIENCE).start().await.unwrap();
    let first = consumer.receive(1, Duration::from_secs(1)).await.unwrap().remove(0);
    let again = consumer.receive(1, LONG).await.unwrap().remove(0);
    // By our clock, which begins when the answer has come, a little later than by the broker's.
    eventually("its time is over", || async { first.is_expired() }).await;
    assert!(!again.is_expired());
    let error = consumer.ack(&first).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Expired, true));
    assert_eq!(cluster.popped("broker-a", "g"), 1, "it is still out under its new receipt");
    consumer.ack(&again).await.unwrap();
    assert_eq!(cluster.popped("broker-a", "g"), 0);
}

#[tokio::test]
async fn f100_the_newest_receipt_is_the_one_that_counts() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..1).await;
    let consumer = consumer_of(&client).start().await.unwrap();
    let mut received = consumer.receive(1, Duration::from_secs(2)).await.unwrap().remove(0);
    consumer.change_invisible(&mut received, LONG).await.unwrap();
    assert!(received.time_left() > Duration::from_secs(500));
    consumer.change_invisible(&mut received, LONG).await.unwrap();
    consumer.ack(&received).await.unwrap();
    assert_eq!(cluster.popped("broker-a", "g"), 0);
}

#[tokio::test]
async fn a_failed_message_can_come_again_soon() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..1).await;
    let consumer = consumer_of(&client).await_duration(PATIENCE).start().await.unwrap();
    let mut received = consumer.receive(1, LONG).await.unwrap().remove(0);
    consumer.change_invisible(&mut received, Duration::from_millis(10)).await.unwrap();
    let again = consumer.receive(1, LONG).await.unwrap().remove(0);
    assert_eq!(again.reconsume_times(), 1);
}

#[tokio::test]
async fn a_receive_waits_for_any_of_many_brokers() {
    let cluster = MockCluster::builder().brokers(3).topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let consumer = consumer_of(&client).await_duration(PATIENCE).start().await.unwrap();
    for number in 0..6 {
        let (received, ()) =
            tokio::join!(consumer.receive(1, LONG), send(&client, number..number + 1));
        let received = received.unwrap().remove(0);
        consumer.ack(&received).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_not_an_error() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let consumer = consumer_of(&client).start().await.unwrap();
    assert!(consumer.receive(1, LONG).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_tag_that_only_has_the_hash_is_acknowledged_unseen() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..10).await;
    let consumer = client.simple_consumer("g").subscribe("t", "AaAa");
    let consumer = consumer.await_duration(Duration::from_millis(50)).start().await.unwrap();
    let received = drain(&consumer, LONG).await;
    assert_eq!(bodies(&received), [0, 2, 4, 6, 8].into());
    consumer.ack_all(&received).await.unwrap();
    eventually("the others are acknowledged", || async { cluster.popped("broker-a", "g") == 0 })
        .await;
}

#[tokio::test]
async fn brokers_without_batches_are_told_one_by_one() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..5).await;
    let consumer = consumer_of(&client).start().await.unwrap();
    let received = drain(&consumer, LONG).await;
    let unknown = Fault::Refuse(ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    cluster.inject(RequestCode::BATCH_ACK_MESSAGE, unknown, 1);
    consumer.ack_all(&received).await.unwrap();
    assert_eq!((cluster.count(RequestCode::ACK_MESSAGE), cluster.popped("broker-a", "g")), (5, 0));
}

#[tokio::test]
async fn an_orderly_queue_gives_one_batch_at_a_time() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..6).await;
    let consumer = consumer_of(&client).ordered().start().await.unwrap();
    let first = consumer.receive(3, Duration::from_secs(1)).await.unwrap();
    assert_eq!(first.iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(consumer.receive(3, LONG).await.unwrap().is_empty(), "the queue is blocked");
    consumer.ack(&first[0]).await.unwrap();
    let again = async {
        loop {
            let received = consumer.receive(3, LONG).await.unwrap();
            if !received.is_empty() {
                return received;
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(again.iter().map(number).collect::<Vec<_>>(), [1, 2, 3], "in order, not elsewhere");
    assert_eq!(again[0].reconsume_times(), 1);
}

#[tokio::test]
async fn f102_an_unanswered_orderly_attempt_is_made_again() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..3).await;
    let consumer = consumer_of(&client).ordered().start().await.unwrap();
    // The broker has handed out messages, and nobody got them: only the same attempt can.
    cluster.inject(RequestCode::POP_MESSAGE, Fault::Cut, 1);
    consumer.receive(3, LONG).await.unwrap_err();
    assert_eq!(cluster.popped("broker-a", "g"), 3);
    let again = async {
        loop {
            if let Ok(received) = consumer.receive(3, LONG).await {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let received = tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(bodies(&received), [0, 1, 2].into());
    let attempts: BTreeSet<_> = cluster
        .requests()
        .iter()
        .filter(|request| request.code == RequestCode::POP_MESSAGE)
        .map(|request| request.command.ext_fields.get("attemptId").unwrap().to_string())
        .collect();
    assert_eq!(attempts.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let check =
        |error: rocketmq_client::Error| assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let timed = consumer_of(&client).start_from(StartFrom::Timestamp(0));
    check(timed.start().await.unwrap_err());
    check(client.simple_consumer("g").subscribe("t", "||").start().await.unwrap_err());
    let consumer = client.simple_consumer("g").start().await.unwrap();
    check(consumer.receive(1, LONG).await.unwrap_err());
    consumer.subscribe("nowhere", "*").await.unwrap();
    let error = consumer.receive(1, LONG).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TopicNotFound);
    consumer.subscribe("t", "*").await.unwrap();
    check(consumer.receive(0, LONG).await.unwrap_err());
    check(consumer.receive(33, LONG).await.unwrap_err());
    check(consumer.receive(1, Duration::ZERO).await.unwrap_err());
    assert!(consumer.unsubscribe("t") && !consumer.unsubscribe("t"));
}
