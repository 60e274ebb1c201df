//! Messages for later, and what can be looked up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rocketmq_client::{ErrorKind, Message, MessageQueue, ResponseCode};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::message::property;

use crate::{client_of, eventually};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn messages_come_when_they_are_due() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let now = SystemTime::now();
    let receipts = [
        producer.send(Message::new("t", "in an hour").deliver_after(HOUR)).await.unwrap(),
        producer.send(Message::new("t", "at last").deliver_at(now + HOUR)).await.unwrap(),
    ];
    assert!(receipts.iter().all(|receipt| receipt.recall_handle().is_some()));
    producer.send(Message::new("t", "long ago").deliver_at(now - HOUR)).await.unwrap();
    producer
        .send(Message::new("t", "a moment").deliver_after(Duration::from_millis(20)))
        .await
        .unwrap();
    let level = producer.send(Message::new("t", "level").delay_level(1)).await.unwrap();
    assert_eq!(level.recall_handle(), None, "only timers can be recalled");
    eventually("three have come", || async { cluster.messages("t").len() == 3 }).await;
    let far = Message::new("t", "too far").deliver_after(100 * HOUR);
    let error = producer.send(far).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::MESSAGE_ILLEGAL));
}

#[tokio::test]
async fn a_timer_message_can_be_taken_back() {
    let cluster = MockCluster::builder().topic("t", 1).recall(true).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let soon = Message::new("t", "x").deliver_after(Duration::from_millis(200));
    let receipt = producer.send(soon).await.unwrap();
    let handle = receipt.recall_handle().unwrap();
    let wrong = producer.recall("other", handle).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    assert_eq!(producer.recall("t", "nonsense").await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(producer.recall("t", handle).await.unwrap(), *receipt.message_id());
    producer
        .send(Message::new("t", "behind it").deliver_after(Duration::from_millis(300)))
        .await
        .unwrap();
    eventually("the later one has come", || async { !cluster.messages("t").is_empty() }).await;
    assert_eq!(cluster.messages("t")[0].body, "behind it", "the other never comes");
}

#[tokio::test]
async fn recalling_is_off_unless_the_broker_allows_it() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let receipt = producer.send(Message::new("t", "x").deliver_after(HOUR)).await.unwrap();
    let error = producer.recall("t", receipt.recall_handle().unwrap()).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::NO_PERMISSION));
}

#[tokio::test]
async fn stored_messages_can_be_looked_up() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let before = SystemTime::now() - HOUR;
    let body = "compressible ".repeat(1_000);
    let receipt = producer.send(Message::new("t", body.clone()).key("k1").key("k2")).await.unwrap();
    let id = receipt.offset_message_id().unwrap();
    assert_eq!(producer.message("t", id).await.unwrap().body, body, "inflated");
    let within = before..SystemTime::now() + HOUR;
    let found = producer.messages_by_key("t", "k2", 10, within.clone()).await.unwrap();
    assert_eq!(found.iter().map(|m| m.message_id()).collect::<Vec<_>>(), [*receipt.message_id()]);
    assert!(producer.messages_by_key("t", "k3", 10, within).await.unwrap().is_empty());
    let found = producer.message_by_id("t", receipt.message_id()).await.unwrap().unwrap();
    assert_eq!(found.properties.get(property::KEYS), Some("k1 k2"));

    let queue = receipt.queue();
    assert_eq!(producer.min_offset(queue).await.unwrap(), 0);
    let stored = producer.earliest_store_time(queue).await.unwrap().unwrap();
    assert!(stored <= SystemTime::now() && stored > SystemTime::now() - HOUR);
    let empty = MessageQueue::new("nothing-in-it", &*queue.broker_name, 0);
    cluster.create_topic("nothing-in-it", 1);
    assert_eq!(producer.earliest_store_time(&empty).await.unwrap(), None);
    assert_eq!(producer.max_offset(queue).await.unwrap(), 1);
    assert_eq!(producer.offset_at(queue, UNIX_EPOCH).await.unwrap(), 0);
    assert_eq!(producer.offset_at(queue, SystemTime::now() + HOUR).await.unwrap(), 1);
}

#[tokio::test]
async fn topics_are_made_and_made_ready() {
    let cluster = MockCluster::builder().brokers(2).start().await.unwrap();
    let strict = client_of(&cluster).await.producer("p").create_topics(false);
    let producer = strict.start().await.unwrap();
    assert_eq!(producer.ready("t").await.unwrap_err().kind(), ErrorKind::TopicNotFound);
    producer.create_topic("t", 3).await.unwrap();
    eventually("the topic is known", || async { producer.ready("t").await.is_ok() }).await;
    let queues = producer.queues("t").await.unwrap();
    let expected: Vec<_> = ["broker-a", "broker-b"]
        .into_iter()
        .flat_map(|broker| (0..3).map(move |id| MessageQueue::new("t", broker, id)))
        .collect();
    assert_eq!(queues, expected);
    let error = producer.create_topic("a b", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
