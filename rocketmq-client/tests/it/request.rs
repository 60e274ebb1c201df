//! Request and reply.

use std::time::Duration;

use rocketmq_client::{Client, Delivery, ErrorKind, Message, Producer, PushConsumer, StartFrom};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::{code::RequestCode, message::property};

use crate::{PATIENCE, client_of, eventually};

const REPLY: RequestCode = RequestCode::SEND_REPLY_MESSAGE_V2;

/// Answers every request with what it says, in capitals, after a while.
async fn replier(client: &Client, delay: Duration) -> PushConsumer {
    let producer = client.producer("repliers").start().await.unwrap();
    client
        .push_consumer("answers")
        .subscribe("questions", "*")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let producer = producer.clone();
            async move {
                tokio::time::sleep(delay).await;
                let answer = String::from_utf8_lossy(delivery.body()).to_uppercase();
                // Who has given up is not there to be answered.
                let _ = producer.reply(&delivery, answer).await;
            }
        })
        .await
        .unwrap()
}

async fn asker(client: &Client) -> Producer {
    client.producer("askers").start().await.unwrap()
}

#[tokio::test]
async fn a_request_gets_the_reply_that_belongs_to_it() {
    let cluster = MockCluster::builder().brokers(2).topic("questions", 2).start().await.unwrap();
    let (here, there) = (client_of(&cluster).await, client_of(&cluster).await);
    let consumer = replier(&there, Duration::ZERO).await;
    let asker = asker(&here).await;
    let ask =
        |text: &str| asker.request(Message::new("questions", text.to_owned())).timeout(PATIENCE);
    let (first, second) = tokio::join!(ask("one"), ask("two"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((&first.body()[..], &second.body()[..]), (&b"ONE"[..], &b"TWO"[..]));
    assert_eq!(first.property(property::MESSAGE_TYPE), Some("reply"));
    assert!(first.property(property::REPLY_MESSAGE_ARRIVE_TIME).is_some());
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a20_without_a_reply_a_request_ends_at_its_deadline() {
    let cluster = MockCluster::builder().topic("questions", 1).start().await.unwrap();
    let (here, there) = (client_of(&cluster).await, client_of(&cluster).await);
    let asker = asker(&here).await;
    // A loaded machine must not take the time of the reply for connecting.
    asker.ready("questions").await.unwrap();
    let request = asker.request(Message::new("questions", "x")).timeout(Duration::from_millis(500));
    let error = request.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.outcome_unknown(), "somebody may have consumed it");
    // The answer that comes now is nobody's, and disturbs no later request.
    let consumer = replier(&there, Duration::ZERO).await;
    eventually("a late reply", || async { asker.stats().late_replies == 1 }).await;
    let request = asker.request(Message::new("questions", "y")).timeout(PATIENCE);
    assert_eq!(request.await.unwrap().body(), "Y");
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn f52_a_request_that_cannot_be_sent_ends_at_once() {
    let cluster = MockCluster::builder().topic("questions", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let asker = asker(&client).await;
    let send = RequestCode::SEND_MESSAGE_V2;
    cluster.inject(send, Fault::Refuse(rocketmq_client::ResponseCode::MESSAGE_ILLEGAL), 1);
    let error = asker.request(Message::new("questions", "x")).timeout(PATIENCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn f52_what_is_no_request_cannot_be_replied_to() {
    let cluster = MockCluster::builder().topic("questions", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = asker(&client).await;
    producer.send(Message::new("questions", "no request")).await.unwrap();
    let (seen, mut errors) = tokio::sync::mpsc::unbounded_channel();
    let consumer = client
        .push_consumer("answers")
        .subscribe("questions", "*")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let (producer, seen) = (producer.clone(), seen.clone());
            async move {
                seen.send(producer.reply(&delivery, "x").await.unwrap_err()).unwrap();
            }
        })
        .await
        .unwrap();
    let error = tokio::time::timeout(PATIENCE, errors.recv()).await.unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(cluster.count(REPLY), 0);
    consumer.shutdown(PATIENCE).await;
}
