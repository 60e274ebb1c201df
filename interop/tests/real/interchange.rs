//! Messages that cross between this client and another.

use std::sync::{Arc, Mutex};

use rocketmq_client::{Compression, Delivery, Message, StartFrom};
use rocketmq_interop::{Crossing, Peer};
use tokio::task::spawn_blocking;

use crate::{PATIENCE, client_of, eventually, java, shared, traffic::replier};

const COUNT: usize = 40;

fn hex(text: impl AsRef<[u8]>) -> String {
    text.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn java_and_rust_understand_each_other() {
    with(java(), "java").await;
}

#[tokio::test]
async fn java_and_rust_answer_each_other() {
    requests_with(java(), "java").await;
}

/// What a peer sends in all its ways is received here, and what is sent here in as many ways is received there.
pub(crate) async fn with(peer: Peer, name: &'static str) {
    let address = shared().name_server_address();
    for topic in [format!("from-{name}"), format!("to-{name}")] {
        shared().create_topic(&topic, 4).unwrap();
    }
    let (theirs, topic) = (peer.clone(), format!("from-{name}"));
    let sent = spawn_blocking(move || theirs.produce(address, &topic, COUNT)).await.unwrap();
    let sent = sent.unwrap();
    assert_eq!(sent.len(), COUNT);
    assert_same(sent, received_here(&format!("from-{name}")).await);

    let topic = format!("to-{name}");
    let sent = sent_from_here(&topic).await;
    let there = move || peer.consume(address, &topic, "there", COUNT);
    assert_same(sent, spawn_blocking(there).await.unwrap().unwrap());
}

async fn received_here(topic: &str) -> Vec<Crossing> {
    let client = client_of(shared()).await;
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let consumer = client.push_consumer(topic).subscribe(topic, "täg").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |delivery: Delivery| {
            seen.lock().unwrap().push(Crossing {
                body: hex(delivery.body()),
                keys: delivery.keys().collect::<Vec<_>>().join(" "),
                tag: delivery.tag().unwrap_or_default().to_owned(),
                property: delivery.property("größe").unwrap_or_default().to_owned(),
            });
            async {}
        })
        .await
        .unwrap();
    eventually("all of the peer's messages are here", || async {
        received.lock().unwrap().len() >= COUNT
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
    received.lock().unwrap().clone()
}

/// Every other body is long enough to be compressed. A quarter travels as one batch, the last comes a delay level later.
async fn sent_from_here(topic: &str) -> Vec<Crossing> {
    let client = client_of(shared()).await;
    let producer = client.producer("here").compression(Compression::Zlib).start().await.unwrap();
    let (mut sent, mut batch) = (Vec::new(), Vec::new());
    for number in 0..COUNT {
        let text = format!("ünïcode 中 {number}{}", " …".repeat(number % 2 * 3_000));
        let message = Message::new(topic, text.clone())
            .tag("täg")
            .key(format_args!("key-{number}"))
            .key(format_args!("schlüssel-{number}"))
            .property("größe", format!("✓ {number}"));
        sent.push(Crossing {
            body: hex(text),
            keys: format!("key-{number} schlüssel-{number}"),
            tag: "täg".into(),
            property: format!("✓ {number}"),
        });
        if number == COUNT - 1 {
            producer.send(message.delay_level(1)).await.unwrap();
        } else if number > COUNT * 3 / 4 {
            batch.push(message);
        } else {
            producer.send(message).await.unwrap();
        }
    }
    producer.send_batch(batch).await.unwrap();
    assert!(client.shutdown(PATIENCE).await.is_clean());
    sent
}

fn assert_same(mut sent: Vec<Crossing>, mut received: Vec<Crossing>) {
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
}

/// Questions are answered in every direction: among us, by us, by the peer.
pub(crate) async fn requests_with(peer: Peer, name: &'static str) {
    let address = shared().name_server_address();
    let (here, there) = (format!("questions-of-{name}"), format!("questions-to-{name}"));
    for topic in [&here, &there] {
        shared().create_topic(topic, 1).unwrap();
    }
    let (one, two) = (client_of(shared()).await, client_of(shared()).await);
    let asker = one.producer("askers").start().await.unwrap();

    let consumer = replier(&two, &here).await;
    let request = asker.request(Message::new(here.as_str(), "rust to rust")).timeout(PATIENCE);
    assert_eq!(request.await.unwrap().body(), "RUST TO RUST");
    let theirs = peer.clone();
    let replies = spawn_blocking(move || theirs.request(address, &here, 3)).await.unwrap();
    let replies: Vec<String> = replies.unwrap().into_iter().map(|one| one.body).collect();
    assert_eq!(replies, ["QUESTION 0", "QUESTION 1", "QUESTION 2"].map(hex));
    consumer.shutdown(PATIENCE).await;

    let topic = there.clone();
    let answering = spawn_blocking(move || peer.reply(address, &topic, "answers", 3));
    for number in 0..3 {
        let question = Message::new(there.as_str(), format!("rust {number}"));
        let reply = asker.request(question).timeout(PATIENCE).await.unwrap();
        assert_eq!(reply.body(), &format!("RUST {number}"));
    }
    assert_eq!(answering.await.unwrap().unwrap().len(), 3);
}
