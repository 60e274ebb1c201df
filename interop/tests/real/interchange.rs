//! Messages that cross between this client and the Java client.

use std::sync::{Arc, Mutex};

use rocketmq_client::{Delivery, Message, StartFrom};
use rocketmq_interop::{Crossing, JavaClient};

use crate::{PATIENCE, client_of, distribution, eventually, shared};

const COUNT: usize = 20;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn java_and_rust_understand_each_other() {
    let distribution = distribution();
    let java = JavaClient::new(&distribution).unwrap();
    let cluster = shared();
    let client = client_of(cluster).await;

    // Java sends, compressed and plain; we receive.
    let sent = java.produce(cluster.name_server_address(), "from-java", COUNT).unwrap();
    assert_eq!(sent.len(), COUNT);
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let consumer = client
        .push_consumer("rust-group")
        .subscribe("from-java", "täg")
        .start_from(StartFrom::First);
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
    eventually("all of Java's messages are here", || async {
        received.lock().unwrap().len() >= COUNT
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert_same(sent, received.lock().unwrap().clone());

    // We send; Java receives.
    let producer = client.producer("rust-producer").start().await.unwrap();
    let mut sent = Vec::new();
    for number in 0..COUNT {
        let text = format!("ünïcode 中 {number}");
        let message = Message::new("from-rust", text.clone())
            .tag("täg")
            .key(format_args!("key-{number}"))
            .key(format_args!("schlüssel-{number}"))
            .property("größe", format!("✓ {number}"));
        producer.send(message).await.unwrap();
        sent.push(Crossing {
            body: hex(text.as_bytes()),
            keys: format!("key-{number} schlüssel-{number}"),
            tag: "täg".into(),
            property: format!("✓ {number}"),
        });
    }
    let received =
        java.consume(cluster.name_server_address(), "from-rust", "java-group", COUNT).unwrap();
    assert_same(sent, received);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

fn assert_same(mut sent: Vec<Crossing>, mut received: Vec<Crossing>) {
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
}
