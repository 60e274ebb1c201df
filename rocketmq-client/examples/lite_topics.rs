//! Lite topics: a small topic for each session, received in order.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR` (5.5 or later, with a topic of type LITE and the
//! group bound to it).

use std::{error::Error, time::Duration};

use rocketmq_client::{Client, LiteStart, LiteTopicConsumer, Message};
use rocketmq_mock::MockCluster;

const TOPIC: &str = "lite-topics-example";
const GROUP: &str = "lite-topics-group";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mock = MockCluster::builder().lite_topic(TOPIC, &[GROUP]).start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    let consumer = client.lite_topic_consumer(GROUP, TOPIC).subscribe("alice").start().await?;
    let producer = client.producer("lite-topics-producer").start().await?;
    for (session, text) in [("alice", "hello"), ("bob", "hi"), ("alice", "bye")] {
        producer.send(Message::new(TOPIC, text).lite_topic(session)).await?;
    }
    answer(&consumer, 2).await?;

    // Bob comes later, and has waited.
    consumer.subscribe_from("bob", LiteStart::First).await?;
    answer(&consumer, 1).await?;
    consumer.unsubscribe("alice").await?;
    println!("reading {:?}", consumer.subscriptions());

    consumer.shutdown().await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn answer(consumer: &LiteTopicConsumer, mut expected: usize) -> Result<(), Box<dyn Error>> {
    while expected > 0 {
        for received in consumer.receive(16, Duration::from_secs(30)).await? {
            let text = String::from_utf8_lossy(received.body()).into_owned();
            println!("{} says {text}", received.lite_topic().unwrap_or("nobody"));
            // Until then nothing else of this session comes, to whichever member.
            consumer.ack(&received).await?;
            expected = expected.saturating_sub(1);
        }
    }
    Ok(())
}
