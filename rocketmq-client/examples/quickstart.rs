//! Sends ten messages and consumes them.
//!
//! `cargo run --example quickstart` needs nothing but Rust: it runs against a name server and a broker inside this process. Set
//! `NAMESRV_ADDR` to run the same program against a real cluster.

use std::{error::Error, time::Duration};

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use rocketmq_mock::MockCluster;
use tokio::sync::mpsc;

const TOPIC: &str = "quickstart";
const COUNT: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A cluster of one's own, unless the environment names a real one. It lives as long as this variable.
    let mock;
    let (name_servers, place) = match std::env::var("NAMESRV_ADDR") {
        Ok(address) => (address, "the cluster of NAMESRV_ADDR"),
        Err(_) => {
            mock = MockCluster::start().await?;
            (mock.name_server_address().to_string(), "a cluster inside this process")
        }
    };
    println!("connecting to {name_servers}, {place}");
    let client = Client::connect(name_servers).await?;

    // A producer sends to a topic. The topic is created by the first message.
    let producer = client.producer("quickstart-producer").start().await?;
    for number in 1..=COUNT {
        let message = Message::new(TOPIC, format!("hello {number}")).tag("greeting").key(number);
        let receipt = producer.send(message).await?;
        println!(
            "sent     hello {number} to queue {} at offset {}",
            receipt.queue(),
            receipt.queue_offset()
        );
    }

    // A consumer belongs to a group; every message goes to one member of it. This group is new each time the program runs, and
    // reads from the beginning.
    let group = format!("quickstart-{}", std::process::id());
    let (seen, mut received) = mpsc::unbounded_channel();
    let consumer = client
        .push_consumer(group)
        .subscribe(TOPIC, "greeting")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let seen = seen.clone();
            // What the handler returns decides: `()` and `Ok` acknowledge, `Err` has the message delivered again later.
            async move { seen.send(delivery).map_err(|_| "nobody waits for messages any more") }
        })
        .await?;
    for _ in 0..COUNT {
        let next = tokio::time::timeout(Duration::from_secs(60), received.recv()).await?;
        let delivery = next.ok_or("the consumer ended")?;
        println!(
            "received {} from queue {}",
            String::from_utf8_lossy(delivery.body()),
            delivery.queue()
        );
    }

    // Handlers finish, offsets are stored, the group is told.
    let left = consumer.shutdown(Duration::from_secs(10)).await;
    producer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    println!("done: {COUNT} sent, {COUNT} received, {} left unfinished", left.unsettled);
    Ok(())
}
