//! Sends a thousand messages without waiting for each: the producer admits as many as it has room for, and the sender waits when it is full.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::time::Duration;

use rocketmq_client::{Client, ErrorKind, Message};
use rocketmq_mock::MockCluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;
    let producer = client
        .producer("pipelined-producer")
        .max_in_flight(100)
        .max_in_flight_bytes(1024 * 1024)
        .start()
        .await?;

    // `enqueue` returns as soon as the message is admitted; its receipt comes later.
    let mut receipts = Vec::new();
    for number in 0..1_000 {
        let message = Message::new("pipelined", format!("message {number}")).key(number);
        receipts.push(producer.send(message).enqueue().await?);
    }
    let mut stored = 0;
    for receipt in receipts {
        receipt.await?;
        stored += 1;
    }
    println!("{stored} messages stored");

    // Who must not wait asks whether there is room, and decides what to do without it.
    match producer.send(Message::new("pipelined", "one more")).try_enqueue() {
        Ok(receipt) => println!("admitted, and stored in {}", receipt.await?.queue().topic),
        Err(error) if error.kind() == ErrorKind::Full => println!("shed"),
        Err(error) => return Err(error.into()),
    }

    // What a send's error says decides what to do about it.
    if let Err(error) = producer.send(Message::new("pipelined", "")).await {
        println!("{error}; worth a retry: {}", error.is_retryable());
    }

    let left = producer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    println!("{left} left without a receipt");
    Ok(())
}
