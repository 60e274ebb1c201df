//! Sends messages that are delivered later, and takes one back.
//!
//! Timers need brokers from 5.0 on, and recalls a broker that allows them (`recallMessageEnable=true`).
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::time::{Duration, Instant, SystemTime};

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use rocketmq_mock::MockCluster;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::builder().recall(true).start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;
    let producer = client.producer("later-producer").start().await?;
    let began = Instant::now();

    let reminder = Message::new("reminders", "in two seconds");
    producer.send(reminder.deliver_after(Duration::from_secs(2))).await?;
    let meeting = Message::new("reminders", "at a time");
    producer.send(meeting.deliver_at(SystemTime::now() + Duration::from_secs(3))).await?;
    producer.send(Message::new("reminders", "after a level").delay_level(1)).await?;

    let mistake = Message::new("reminders", "a mistake");
    let receipt = producer.send(mistake.deliver_after(Duration::from_secs(2))).await?;
    let handle = receipt.recall_handle().ok_or("the broker gives no handles")?;
    let recalled = producer.recall("reminders", handle).await?;
    println!("recalled: {}", recalled == *receipt.message_id());

    let (seen, mut received) = mpsc::unbounded_channel();
    let consumer = client
        .push_consumer("later-consumer")
        .subscribe("reminders", "*")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let seen = seen.clone();
            async move { seen.send(delivery).map_err(|_| "nobody waits any more") }
        })
        .await?;
    let mut bodies = Vec::new();
    while bodies.len() < 3 {
        let delivery = received.recv().await.ok_or("the consumer ended")?;
        bodies.push(String::from_utf8_lossy(delivery.body()).into_owned());
    }
    println!("received: {}", bodies.join(", "));
    println!("after a while: {}", began.elapsed() > Duration::from_secs(1));

    consumer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
