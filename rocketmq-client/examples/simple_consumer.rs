//! Receives messages on demand, acknowledges some, and has one come again.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR` (5.0 or later).

use std::{error::Error, time::Duration};

use rocketmq_client::{Client, Message, StartFrom};
use rocketmq_mock::MockCluster;

const TOPIC: &str = "simple-consumer-example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mock = MockCluster::builder().topic(TOPIC, 1).start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    let producer = client.producer("simple-producer").start().await?;
    for job in ["paint", "break", "polish"] {
        producer.send(Message::new(TOPIC, job)).await?;
    }

    let consumer = client
        .simple_consumer("simple-group")
        .subscribe(TOPIC, "*")
        .start_from(StartFrom::First)
        .await_duration(Duration::from_secs(10))
        .start()
        .await?;
    let mut done = 0;
    while done < 3 {
        // For a minute nobody else gets them. What is not acknowledged by then comes again.
        for mut received in consumer.receive(16, Duration::from_secs(60)).await? {
            let job = String::from_utf8_lossy(received.body()).into_owned();
            if job == "break" && received.reconsume_times() == 0 {
                println!("failed {job}, again in a second");
                consumer.change_invisible(&mut received, Duration::from_secs(1)).await?;
            } else {
                println!("done {job} after {} failures", received.reconsume_times());
                consumer.ack(&received).await?;
                done += 1;
            }
        }
    }

    consumer.shutdown().await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
