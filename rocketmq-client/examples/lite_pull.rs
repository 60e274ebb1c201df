//! Polls one queue, seeks, and commits by hand.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::{error::Error, time::Duration};

use rocketmq_client::{Client, LitePullConsumer, Message};
use rocketmq_mock::MockCluster;

const TOPIC: &str = "lite-pull-example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    let producer = client.producer("lite-pull-producer").start().await?;
    let first = producer.send(Message::new(TOPIC, "message 0")).await?;
    for number in 1..6 {
        let message = Message::new(TOPIC, format!("message {number}"));
        producer.send(message).to_queue(first.queue().clone()).await?;
    }

    // This queue and no other, whoever else reads it; nothing is committed that is not asked for.
    let queue = first.queue().clone();
    let consumer = client
        .lite_pull_consumer("lite-pull-group")
        .assign([queue.clone()])
        .auto_commit(false)
        .poll_batch(3)
        .start()
        .await?;
    consumer.seek(&queue, first.queue_offset()).await?;
    poll(&consumer).await?;
    consumer.commit().await?;
    println!(
        "committed {:?}",
        consumer.committed(&queue).await?.map(|at| at - first.queue_offset())
    );

    poll(&consumer).await?;
    consumer.seek(&queue, first.queue_offset() + 1).await?;
    println!("sought 1");
    poll(&consumer).await?;

    consumer.shutdown(Duration::from_secs(5)).await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn poll(consumer: &LitePullConsumer) -> Result<(), rocketmq_client::Error> {
    for delivery in consumer.poll(Duration::from_secs(30)).await? {
        println!("polled {}", String::from_utf8_lossy(delivery.body()));
    }
    Ok(())
}
