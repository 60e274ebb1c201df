//! Takes messages from a stream, and settles each when it is done with.

mod cluster;

use std::time::Duration;

use rocketmq_client::{Client, Message, Outcome, StartFrom};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("stream-producer").start().await?;
    for number in 1..=3 {
        producer.send(Message::new("stream-events", format!("event {number}"))).await?;
    }

    let mut deliveries = client
        .push_consumer("stream-audit")
        .subscribe("stream-events", "*")
        .start_from(StartFrom::First)
        // So many may be unsettled at a time.
        .concurrency(1)
        .stream()
        .await?;
    let mut seen = 0;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let times = delivery.reconsume_times();
        println!("attempt {}: {}", times + 1, if times == 0 { "an event" } else { "once more" });
        seen += 1;
        match seen {
            // Dropped without a word, it would count as failed as well, and be logged.
            1 => delivery.settle(Outcome::Retry),
            4 => {
                delivery.ack();
                break;
            }
            _ => delivery.ack(),
        }
    }
    let left = deliveries.shutdown(Duration::from_secs(10)).await;
    println!("{} left unsettled", left.unsettled);
    Ok(())
}
