//! Sending.

use std::{collections::BTreeSet, time::Duration};

use rocketmq_client::{ErrorKind, Message, MessageQueue, ResponseCode, SendStatus};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

#[tokio::test]
async fn what_is_sent_is_stored_as_it_was() {
    let cluster = MockCluster::start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let message = Message::new("t", "ünïcode 中")
        .tag("täg")
        .key("k1")
        .key("k2")
        .property("größe", "✓")
        .flag(7);
    let receipt = producer.send(message).await.unwrap();
    assert_eq!((receipt.status(), receipt.attempts()), (SendStatus::Stored, 1));

    let stored = cluster.messages("t");
    let [stored] = &stored[..] else { panic!("{} messages", stored.len()) };
    assert_eq!(stored.body, "ünïcode 中");
    assert_eq!((stored.tag(), stored.flag), (Some("täg"), 7));
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["k1", "k2"]);
    assert_eq!(stored.properties.get("größe"), Some("✓"));
    assert_eq!(stored.message_id(), *receipt.message_id());
    assert_eq!(Some(&stored.offset_message_id()), receipt.offset_message_id());
    assert_eq!(
        (stored.queue_id, stored.queue_offset),
        (receipt.queue().queue_id, receipt.queue_offset())
    );
}

#[tokio::test]
async fn every_queue_gets_its_turn() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 2).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let mut queues = BTreeSet::new();
    for _ in 0..4 {
        queues.insert(producer.send(Message::new("t", "x")).await.unwrap().queue().clone());
    }
    assert_eq!(queues.len(), 4);
}

#[tokio::test]
async fn a_key_and_a_queue_decide_where_it_goes() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    for (key, queue) in [("order-1", 2), ("order-2", 1)] {
        let receipt = producer.send(Message::new("t", key)).to_queue_for(key).await.unwrap();
        assert_eq!(receipt.queue().queue_id, queue, "{key}: the queue that Java chooses");
    }
    let queue = MessageQueue::new("t", "broker-a", 3);
    let receipt = producer.send(Message::new("t", "x")).to_queue(queue.clone()).await.unwrap();
    assert_eq!(*receipt.queue(), queue);
    let error = producer.send(Message::new("other", "x")).to_queue(queue).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn oneway_and_enqueued_messages_arrive() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").max_in_flight(8).start().await.unwrap();
    let mut pending = Vec::new();
    for number in 0..100 {
        pending
            .push(producer.send(Message::new("t", format!("{number}"))).enqueue().await.unwrap());
    }
    for receipt in pending {
        receipt.await.unwrap();
    }
    producer.send(Message::new("t", "oneway")).oneway().await.unwrap();
    eventually("101 messages are stored", || async { cluster.messages("t").len() == 101 }).await;
    assert_eq!(producer.shutdown(PATIENCE).await, 0);
}

#[tokio::test]
async fn a_failed_attempt_goes_on_at_another_broker_as_the_same_message() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    for fault in [Fault::Refuse(ResponseCode::SYSTEM_BUSY), Fault::HangUp] {
        cluster.inject(RequestCode::SEND_MESSAGE_V2, fault.clone(), 1);
        let receipt = producer.send(Message::new("t", "x")).await.unwrap();
        assert_eq!(receipt.attempts(), 2, "{fault:?}");
        let sent = cluster.requests();
        let mut sends =
            sent.iter().rev().filter(|request| request.code == RequestCode::SEND_MESSAGE_V2);
        let (last, first) = (sends.next().unwrap(), sends.next().unwrap());
        assert_ne!(last.server, first.server);
        assert_eq!(
            last.command.ext_fields.get("i"),
            first.command.ext_fields.get("i"),
            "same id, same properties"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_mended_is_not_tried_again() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    cluster.inject(RequestCode::SEND_MESSAGE_V2, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 1);
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.response_code(), Some(ResponseCode::MESSAGE_ILLEGAL));
    assert!(!error.is_retryable() && !error.outcome_unknown());
    assert_eq!(cluster.count(RequestCode::SEND_MESSAGE_V2), 1);
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").retries(0).start().await.unwrap();
    cluster.inject(RequestCode::SEND_MESSAGE_V2, Fault::LoseAnswer, 1);
    let send = producer.send(Message::new("t", "x")).timeout(Duration::from_millis(200));
    let error = send.await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(cluster.messages("t").len(), 1, "it was stored all the same");
}

#[tokio::test]
async fn strict_producers_do_not_create_topics() {
    let cluster = MockCluster::start().await.unwrap();
    let client = client_of(&cluster).await;
    let strict = client.producer("p").create_topics(false).start().await.unwrap();
    let error = strict.send(Message::new("misspelt", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TopicNotFound);
    let lenient = client.producer("p").new_topic_queues(2).start().await.unwrap();
    lenient.send(Message::new("new", "x")).await.unwrap();
    strict.send(Message::new("new", "x")).await.unwrap();
}

#[tokio::test]
async fn a_closed_producer_sends_nothing() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let clone = producer.clone();
    producer.shutdown(PATIENCE).await;
    let error = clone.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(cluster.count(RequestCode::SEND_MESSAGE_V2), 0);
}
