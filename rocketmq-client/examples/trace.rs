//! Reports what it sends in the trace topic, where `mqadmin queryMsgTraceById` and the dashboard find it.
//!
//! A real broker takes traces with `traceTopicEnable=true`.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::time::Duration;

use rocketmq_client::{Client, Message, Tracing};
use rocketmq_mock::MockCluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::builder().topic("RMQ_SYS_TRACE_TOPIC", 1).start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    // Records wait for others, 5 s at most, and never delay what they are about: those that find no room are dropped and counted.
    let tracing = Tracing::default();
    let producer = client.producer("traced-producer").tracing(tracing).start().await?;
    let receipt = producer.send(Message::new("traced", "hello").tag("T").key("k")).await?;
    println!("dropped: {}", producer.stats().traces_dropped);

    // Shutting down sends what waits.
    producer.shutdown(Duration::from_secs(10)).await;

    // What was reported is a message like others, to be found by the id of the message it is about.
    let reader = client.producer("reader").start().await?;
    let always = std::time::UNIX_EPOCH..std::time::SystemTime::now() + Duration::from_secs(3_600);
    let id = receipt.message_id().as_str();
    let found = reader.messages_by_key("RMQ_SYS_TRACE_TOPIC", id, 10, always).await?;
    for trace in found {
        let text = String::from_utf8_lossy(&trace.body).into_owned();
        let fields: Vec<&str> = text.split('\u{1}').collect();
        println!("{} of {} to {}", fields[0], fields[3], fields[4]);
    }

    client.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
