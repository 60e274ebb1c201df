//! Sends many small messages in few requests: as a batch that is split by size, and one by one through an accumulator.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::time::Duration;

use rocketmq_client::{Batching, Client, Message};
use rocketmq_mock::MockCluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    // A batch is of one topic and has one receipt a message. `max_bytes` bounds each request.
    let producer = client.producer("batch-producer").start().await?;
    let readings =
        (0..500).map(|number| Message::new("readings", format!("reading {number}")).key(number));
    let receipts = producer.send_batch(readings).to_queue_for("sensor-7").max_bytes(8_192).await?;
    let (first, last) = (&receipts[0], &receipts[receipts.len() - 1]);
    println!("{} messages stored in one queue", receipts.len());
    println!("in order: {}", last.queue_offset() - first.queue_offset() == 499);

    // What a batch would lose is refused before anything is sent.
    let delayed = [Message::new("readings", "late").deliver_after(Duration::from_secs(60))];
    if let Err(refused) = producer.send_batch(delayed).await {
        println!("refused: {}", refused.error());
    }

    // With batching, messages that are sent one by one wait a moment for others.
    let mut batching = Batching::default();
    batching.linger = Duration::from_millis(5);
    let producer = client.producer("batch-producer").batching(batching).start().await?;
    let mut pending = Vec::new();
    for number in 0..100 {
        let message = Message::new("readings", format!("later reading {number}"));
        pending.push(producer.send(message).enqueue().await?);
    }
    for receipt in pending {
        receipt.await?;
    }
    println!("{} messages stored through the accumulator", producer.stats().stored);

    producer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
