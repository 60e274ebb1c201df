//! Asks a question by a message, and waits for the message that answers it.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::time::Duration;

use rocketmq_client::{Client, Delivery, ErrorKind, Message, StartFrom};
use rocketmq_mock::MockCluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());

    // One side answers: a consumer with a producer. Java answers with `MessageUtil.createReplyMessage`.
    let service = Client::connect(name_servers.clone()).await?;
    let replies = service.producer("greeting-replies").start().await?;
    let consumer = service
        .push_consumer("greeting-service")
        .subscribe("greetings", "*")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let replies = replies.clone();
            async move {
                let name = String::from_utf8_lossy(delivery.body());
                replies.reply(&delivery, format!("hello, {name}")).await.map(drop)
            }
        })
        .await?;

    // The other asks.
    let client = Client::connect(name_servers).await?;
    let producer = client.producer("greeting-client").start().await?;
    for name in ["Ada", "Grace"] {
        let request = producer.request(Message::new("greetings", name));
        let reply = request.timeout(Duration::from_secs(30)).await?;
        println!("{}", String::from_utf8_lossy(reply.body()));
    }

    // Nobody answers on this topic: the deadline does.
    let request = producer.request(Message::new("monologues", "anybody?"));
    match request.timeout(Duration::from_millis(200)).await {
        Ok(reply) => println!("an answer from nowhere: {reply:?}"),
        Err(error) => println!("in time: {}", error.kind() == ErrorKind::Timeout),
    }

    consumer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    service.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
