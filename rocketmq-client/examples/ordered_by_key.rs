//! Keeps the messages of each order in order: a key chooses the queue, the same as in the Java client.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::{collections::BTreeMap, time::Duration};

use rocketmq_client::{Client, Message};
use rocketmq_mock::MockCluster;

const STEPS: [&str; 3] = ["created", "paid", "shipped"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;
    let producer = client.producer("ordered-producer").start().await?;

    // The topic should exist, with all its queues, before order matters.
    let topic = "order-steps";
    producer.create_topic(topic, 4).await?;
    while producer.queues(topic).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let mut offsets: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
    for step in STEPS {
        for order in ["order-1", "order-2", "order-3"] {
            let message = Message::new(topic, format!("{order} {step}")).key(order);
            let receipt = producer.send(message).to_queue_for(order).await?;
            let place = (receipt.queue().queue_id, receipt.queue_offset());
            offsets.entry(order).or_default().push(place);
        }
    }
    for (order, places) in offsets {
        let one_queue = places.iter().all(|(queue, _)| *queue == places[0].0);
        println!("{order}: one queue {one_queue}, in order {}", places.is_sorted());
    }

    producer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
