//! Has every member of a group get every message. Each remembers by itself how far it has read.

mod cluster;

use std::time::Duration;

use rocketmq_client::{Client, FileOffsets, Message, StartFrom};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("broadcasting-producer").start().await?;
    let directory = std::env::temp_dir().join(format!("broadcasting-{}", std::process::id()));

    for day in ["monday", "tuesday"] {
        producer.send(Message::new("broadcasting-rates", format!("rates of {day}"))).await?;
        // Two members in this process are two clients. Without `offset_store` the file would lie below the home directory.
        for member in ["one", "two"] {
            let client = Client::connect(&cluster.name_servers).await?;
            let mut deliveries = client
                .push_consumer("broadcasting-shops")
                .subscribe("broadcasting-rates", "*")
                .start_from(StartFrom::First)
                .broadcasting()
                .offset_store(FileOffsets::new(directory.join(member).join("offsets.json")))
                .stream()
                .await?;
            let delivery = deliveries.next().await.ok_or("the consumer ended")??;
            println!("{member}: {}", String::from_utf8_lossy(delivery.body()));
            delivery.ack();
            // Its file is written now; the member of tomorrow goes on from there.
            deliveries.shutdown(Duration::from_secs(10)).await;
            client.shutdown(Duration::from_secs(10)).await;
        }
    }
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
