//! Handles the messages of a queue one after the other, on one member of the group at a time.

mod cluster;

use std::time::Duration;

use rocketmq_client::{Client, Delivery, Message, OrderedOutcome, StartFrom};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("ordered-producer").start().await?;
    // Messages with the same key go to the same queue.
    for step in ["created", "paid", "shipped", "delivered"] {
        producer.send(Message::new("ordered-steps", step)).to_queue_for("order-42").await?;
    }

    let (done, mut seen) = mpsc::unbounded_channel();
    let consumer = client
        .push_consumer("ordered-warehouse")
        .subscribe("ordered-steps", "*")
        .start_from(StartFrom::First)
        .ordered()
        .max_redeliveries(16)
        .start(move |delivery: Delivery| {
            let step = String::from_utf8_lossy(delivery.body()).into_owned();
            let fails = step == "paid" && delivery.reconsume_times() == 0;
            let _ = done.send(if fails { format!("{step} (fails)") } else { step });
            // Nothing behind it is handled before it has succeeded.
            async move {
                if fails {
                    OrderedOutcome::Suspend(Duration::from_millis(50))
                } else {
                    OrderedOutcome::Ack
                }
            }
        })
        .await?;
    for _ in 0..5 {
        let step = tokio::time::timeout(Duration::from_secs(60), seen.recv()).await?;
        println!("{}", step.ok_or("the consumer ended")?);
    }
    consumer.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
