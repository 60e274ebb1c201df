//! Batches, asked for and automatic.

use std::time::Duration;

use rocketmq_client::{Batching, Error, ErrorKind, Message, MessageQueue, ResponseCode};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::{code::RequestCode, message::property};

use crate::{PATIENCE, client_of, eventually};

const BATCH: RequestCode = RequestCode::SEND_BATCH_MESSAGE;

async fn cluster() -> MockCluster {
    MockCluster::builder().topic("t", 4).start().await.unwrap()
}

fn numbered(count: usize) -> impl Iterator<Item = Message> {
    (0..count).map(|number| Message::new("t", format!("{number}")).key(number).tag("T"))
}

#[tokio::test]
async fn a_batch_is_one_request_and_as_many_messages() {
    let cluster = cluster().await;
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let receipts = producer.send_batch(numbered(10)).to_queue_for("order-1").await.unwrap();
    assert_eq!((receipts.len(), cluster.count(BATCH)), (10, 1));
    let stored = cluster.messages("t");
    for (number, (receipt, stored)) in receipts.iter().zip(&stored).enumerate() {
        assert_eq!(stored.body, format!("{number}"));
        assert_eq!(stored.message_id(), *receipt.message_id());
        assert_eq!(Some(&stored.offset_message_id()), receipt.offset_message_id());
        assert_eq!(stored.queue_offset, receipt.queue_offset());
        assert_eq!((stored.queue_id, receipt.queue().queue_id), (2, 2), "the queue of Java");
        assert_eq!(stored.tag(), Some("T"));
    }
    assert_eq!(producer.stats().stored, 10);
}

#[tokio::test]
async fn a_large_batch_is_split_and_stays_in_order() {
    let cluster = cluster().await;
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let queue = MessageQueue::new("t", "broker-a", 3);
    let batch = producer.send_batch(numbered(100)).to_queue(queue.clone()).max_bytes(1_000);
    let receipts = batch.await.unwrap();
    assert!(cluster.count(BATCH) >= 10);
    let requests = cluster.requests();
    let sizes =
        requests.iter().filter(|sent| sent.code == BATCH).map(|sent| sent.command.body.len());
    assert!(sizes.max() <= Some(1_000));
    let offsets: Vec<i64> = receipts.iter().map(|receipt| receipt.queue_offset()).collect();
    assert_eq!(offsets, (0..100).collect::<Vec<i64>>());
    assert!(receipts.iter().all(|receipt| *receipt.queue() == queue));
    let one = producer.send_batch([Message::new("t", vec![1; 5_000])]).max_bytes(1_000);
    assert_eq!(one.await.unwrap().len(), 1, "what is larger than a request goes alone");
}

#[tokio::test]
async fn what_is_stored_of_a_failed_batch_is_told() {
    let cluster = cluster().await;
    let producer = client_of(&cluster).await.producer("p").retries(0).start().await.unwrap();
    let all = numbered(30).collect::<Vec<_>>();
    cluster.inject(BATCH, Fault::Delay(Duration::ZERO), 1);
    cluster.inject(BATCH, Fault::Refuse(ResponseCode::SYSTEM_BUSY), 1);
    let error = producer.send_batch(all).max_bytes(1_000).await.unwrap_err();
    let stored = error.stored().len();
    assert_eq!(stored, cluster.messages("t").len());
    assert_eq!(error.error().response_code(), Some(ResponseCode::SYSTEM_BUSY));
    assert_eq!(error.to_string(), format!("{stored} of 30 messages are stored"));
    let unsent = error.into_unsent();
    assert_eq!(unsent.len(), 30 - stored);
    producer.send_batch(unsent).await.unwrap();
    let mut bodies: Vec<usize> = cluster
        .messages("t")
        .iter()
        .map(|message| String::from_utf8_lossy(&message.body).parse().unwrap())
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_batch_would_lose_is_refused() {
    let cluster = cluster().await;
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let refused: [Vec<Message>; 6] = [
        vec![],
        vec![Message::new("t", "x"), Message::new("other", "x")],
        vec![Message::new("t", "x"), Message::new("t", "x").wait_stored(false)],
        vec![Message::new("t", "x").delay_level(1)],
        vec![Message::new("t", "x").deliver_after(Duration::from_secs(1))],
        vec![Message::new("%RETRY%g", "x")],
    ];
    for messages in refused {
        let error: Error = producer.send_batch(messages).await.unwrap_err().into();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
    assert_eq!(cluster.count(BATCH), 0);
}

#[tokio::test]
async fn sends_that_come_close_together_travel_as_one() {
    let cluster = cluster().await;
    let builder = client_of(&cluster).await.producer("p");
    let mut batching = Batching::default();
    batching.linger = PATIENCE;
    batching.max_messages = 50;
    let producer = builder.batching(batching).start().await.unwrap();
    let mut pending = Vec::new();
    for message in numbered(100) {
        pending.push(producer.send(message).enqueue().await.unwrap());
    }
    let mut ids = Vec::new();
    for receipt in pending {
        ids.push(*receipt.await.unwrap().message_id());
    }
    assert_eq!(cluster.count(BATCH), 2, "full batches do not wait");
    assert_eq!(cluster.count(RequestCode::SEND_MESSAGE_V2), 0);
    let mut stored: Vec<_> =
        cluster.messages("t").iter().map(|stored| stored.message_id()).collect();
    stored.sort_unstable();
    ids.sort_unstable();
    assert_eq!(stored, ids);
    assert_eq!((producer.stats().stored, producer.stats().in_flight), (100, 0));
}

#[tokio::test]
async fn a_lone_message_waits_no_longer_than_it_should() {
    let cluster = cluster().await;
    let mut batching = Batching::default();
    batching.linger = Duration::from_millis(5);
    let builder = client_of(&cluster).await.producer("p").batching(batching);
    let producer = builder.start().await.unwrap();
    producer.send(Message::new("t", "alone")).await.unwrap();
    assert_eq!(cluster.count(BATCH), 1);
    for (count, send) in [
        producer.send(Message::new("t", "x")).timeout(PATIENCE),
        producer.send(Message::new("t", "x")).to_queue_for("k"),
        producer.send(Message::new("t", "x").delay_level(1)),
    ]
    .into_iter()
    .enumerate()
    {
        send.await.unwrap();
        assert_eq!(cluster.count(RequestCode::SEND_MESSAGE_V2), count + 1, "they go alone");
    }
}

#[tokio::test]
async fn every_message_of_a_failed_batch_fails() {
    let cluster = cluster().await;
    let builder = client_of(&cluster).await.producer("p").retries(0);
    let producer = builder.batching(Batching::default()).start().await.unwrap();
    cluster.inject(BATCH, Fault::Refuse(ResponseCode::SYSTEM_BUSY), 1);
    let mut pending = Vec::new();
    for message in numbered(3) {
        pending.push(producer.send(message).enqueue().await.unwrap());
    }
    for receipt in pending {
        let error = receipt.await.unwrap_err();
        assert_eq!(error.response_code(), Some(ResponseCode::SYSTEM_BUSY));
    }
    assert_eq!((producer.stats().failed, producer.stats().in_flight), (3, 0));
    let invalid = producer.send(Message::new("t", "")).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn bodies_are_compressed_if_that_makes_them_smaller() {
    use rocketmq_client::Compression;
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let (text, noise) =
        ("text ".repeat(2_000), (0..8_192).map(|_| fastrand_byte()).collect::<Vec<u8>>());
    for compression in [Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        let builder = client.producer("p").compression(compression);
        let producer = builder.start().await.unwrap();
        let receipt = producer.send(Message::new("t", text.clone())).await.unwrap();
        producer.send(Message::new("t", noise.clone())).await.unwrap();
        producer.send(Message::new("t", "short")).await.unwrap();
        let stored = cluster.messages("t");
        let packed = stored.iter().find(|m| m.message_id() == *receipt.message_id()).unwrap();
        assert!(packed.body.len() < text.len() / 10, "{compression:?}");
        assert_eq!(packed.plain_body(&Default::default()).unwrap(), text);
        assert!(stored.iter().any(|m| m.body == noise), "never larger");
    }
    eventually("all are stored", || async { cluster.messages("t").len() == 9 }).await;
    let stored = cluster.messages("t");
    assert_eq!(stored.iter().filter(|m| m.sys_flag.0 & 1 == 1).count(), 3);
    assert!(stored.iter().all(|m| m.properties.get(property::UNIQ_KEY).is_some()));
}

/// Bytes without a pattern, from a generator of the test's own.
fn fastrand_byte() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8) as u8
}
