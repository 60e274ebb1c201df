//! Pull consumers: one pull a call.

use std::time::Duration;

use rocketmq_client::{
    Client, ErrorKind, Filter, Message, MessageQueue, Outcome, PullConsumer, PullStatus,
    ResponseCode, StartFrom,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

async fn cluster_with(messages: usize) -> (MockCluster, Client, PullConsumer, MessageQueue) {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..messages {
        let tag = if number % 2 == 0 { "even" } else { "odd" };
        producer.send(Message::new("t", format!("{number}")).tag(tag)).await.unwrap();
    }
    let consumer = client.pull_consumer("g").start().await.unwrap();
    let queue = consumer.queues("t").await.unwrap().remove(0);
    (cluster, client, consumer, queue)
}

#[tokio::test]
async fn a_queue_is_read_to_its_end() {
    let (_cluster, _client, consumer, queue) = cluster_with(70).await;
    let (mut offset, mut bodies) = (0, Vec::new());
    loop {
        let pulled = consumer.pull(&queue, offset).await.unwrap();
        bodies.extend(pulled.messages.iter().map(|message| message.body.clone()));
        offset = pulled.next_offset;
        assert_eq!((pulled.min_offset, pulled.max_offset), (0, 70));
        if pulled.status == PullStatus::NoNewMessage {
            break;
        }
        assert_eq!(pulled.status, PullStatus::Found);
    }
    let expected: Vec<bytes::Bytes> = (0..70).map(|number| number.to_string().into()).collect();
    assert_eq!((bodies, offset), (expected, 70));
}

#[tokio::test]
async fn each_status_says_where_to_go_on() {
    let (_cluster, _client, consumer, queue) = cluster_with(10).await;
    let odd = consumer.pull(&queue, 0).filter("odd").max(3).await.unwrap();
    assert_eq!((odd.status, odd.messages.len(), odd.next_offset), (PullStatus::Found, 3, 6));
    let none = consumer.pull(&queue, 0).filter("prime").await.unwrap();
    assert_eq!((none.status, none.next_offset), (PullStatus::NoMatchedMessage, 10));
    let beyond = consumer.pull(&queue, 11).await.unwrap();
    assert_eq!((beyond.status, beyond.next_offset), (PullStatus::OffsetIllegal, 10));
    let end = consumer.pull(&queue, 10).await.unwrap();
    assert_eq!((end.status, end.next_offset), (PullStatus::NoNewMessage, 10));
}

#[tokio::test]
async fn a_pull_waits_for_a_message_if_asked_to() {
    let (_cluster, client, consumer, queue) = cluster_with(0).await;
    let producer = client.producer("p").start().await.unwrap();
    let (pulled, sent) = tokio::join!(consumer.pull(&queue, 0).wait(PATIENCE), async {
        tokio::task::yield_now().await;
        producer.send(Message::new("t", "late")).await
    });
    assert_eq!(&pulled.unwrap().messages[0].body[..], b"late");
    sent.unwrap();
}

#[tokio::test]
async fn offsets_are_asked_for_and_stored() {
    let (cluster, _client, consumer, queue) = cluster_with(10).await;
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(0), "the queue is young");
    consumer.commit(&queue, 7).await.unwrap();
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(7));
    assert_eq!(cluster.stored_offset("broker-a", "g", "t", 0), Some(7));
    assert_eq!(consumer.min_offset(&queue).await.unwrap(), 0);
    assert_eq!(consumer.max_offset(&queue).await.unwrap(), 10);
    let stored = cluster.messages("t")[3].store_timestamp;
    let found = consumer.offset_for_time(&queue, stored).await.unwrap();
    assert!(found <= 3 && cluster.messages("t")[found as usize].store_timestamp == stored);
    assert_eq!(consumer.offset_for_time(&queue, i64::MAX).await.unwrap(), 10);
}

#[tokio::test]
async fn no_answer_is_never_taken_for_no_offset() {
    let (cluster, _client, consumer, queue) = cluster_with(0).await;
    assert_eq!(consumer.committed(&queue).await.unwrap(), None, "none stored, and none to guess");
    cluster.inject(RequestCode::QUERY_CONSUMER_OFFSET, Fault::Refuse(ResponseCode::SYSTEM_BUSY), 1);
    let error = consumer.committed(&queue).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::SYSTEM_BUSY));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let (cluster, client, consumer, queue) = cluster_with(0).await;
    let pulls = cluster.count(RequestCode::PULL_MESSAGE);
    let check =
        |error: rocketmq_client::Error| assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    check(consumer.pull(&queue, -1).await.unwrap_err());
    check(consumer.pull(&queue, 0).max(0).await.unwrap_err());
    check(consumer.pull(&queue, 0).filter("||").await.unwrap_err());
    let condition = Filter::sql("amount >");
    check(consumer.pull(&queue, 0).filter(&condition).await.unwrap_err());
    let lite = client.lite_pull_consumer("other").subscribe("t", &condition);
    check(lite.start().await.unwrap_err());
    let simple = client.simple_consumer("other").subscribe("t", &condition);
    check(simple.start().await.unwrap_err());
    check(consumer.commit(&queue, -1).await.unwrap_err());
    check(client.pull_consumer("g").start().await.unwrap_err());
    assert_eq!(consumer.queues("nowhere").await.unwrap_err().kind(), ErrorKind::TopicNotFound);
    assert_eq!(cluster.count(RequestCode::PULL_MESSAGE), pulls);
}

#[tokio::test]
async fn brokers_know_the_group_for_as_long_as_it_is_there() {
    let (cluster, client, consumer, queue) = cluster_with(1).await;
    let _ = consumer.pull(&queue, 0).await.unwrap();
    eventually("the member is known", || async { cluster.members("broker-a", "g").len() == 1 })
        .await;
    consumer.shutdown().await;
    assert!(cluster.members("broker-a", "g").is_empty());
    assert!(client.pull_consumer("g").start().await.is_ok(), "the group is free again");
    client.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn dead_letters_are_read_and_sent_again() {
    let (cluster, client, consumer, _queue) = cluster_with(3).await;
    consumer.shutdown().await;
    let letters = client.dead_letters("g").await.unwrap();
    assert!(letters.read(10).await.unwrap().is_empty(), "there is not even a topic");
    let burying = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let burying = burying.start(|_| async { Outcome::DeadLetter }).await.unwrap();
    eventually("all are buried", || async { cluster.messages("%DLQ%g").len() == 3 }).await;
    burying.shutdown(PATIENCE).await;
    let read = letters.read(10).await.unwrap();
    assert_eq!(read.len(), 3);
    assert!(letters.read(10).await.unwrap().is_empty());
    let producer = client.producer("p").start().await.unwrap();
    for letter in &read[..2] {
        let again = letter.to_message().unwrap();
        assert_eq!((again.topic(), letter.topic()), ("t", Some("t")));
        producer.send(again).await.unwrap();
        letters.done(letter).await.unwrap();
    }
    let sent = cluster.messages("t");
    assert_eq!((sent.len(), sent[3].tag(), &sent[3].body[..]), (5, Some("even"), &b"0"[..]));
    letters.shutdown().await;
    let letters = client.dead_letters("g").await.unwrap();
    assert_eq!(letters.read(10).await.unwrap().len(), 1, "the others are done");
}
