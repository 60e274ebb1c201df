//! Gives a message up, finds it among the dead letters, and sends it again.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::{error::Error, time::Duration};

use rocketmq_client::{Client, Delivery, Message, Outcome, StartFrom};
use rocketmq_mock::MockCluster;

const TOPIC: &str = "dead-letters-example";
const GROUP: &str = "dead-letters-group";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    let producer = client.producer("dead-letters-producer").start().await?;
    producer.send(Message::new(TOPIC, "cannot be billed").key("order-42")).await?;

    let consumer = client
        .push_consumer(GROUP)
        .subscribe(TOPIC, "*")
        .start_from(StartFrom::First)
        .start(|delivery: Delivery| async move {
            println!("given up: {}", String::from_utf8_lossy(delivery.body()));
            Outcome::DeadLetter
        })
        .await?;

    let letters = client.dead_letters(GROUP).await?;
    let letter = loop {
        match letters.read(1).await?.pop() {
            Some(letter) => break letter,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    consumer.shutdown(Duration::from_secs(5)).await;
    let keys: Vec<_> = letter.message().keys().collect();
    println!("found: {} of {:?}", keys.join(" "), letter.topic());
    if let Some(message) = letter.to_message() {
        println!("sent again to {}", producer.send(message).await?.queue().topic);
        letters.done(&letter).await?;
    }

    letters.shutdown().await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
