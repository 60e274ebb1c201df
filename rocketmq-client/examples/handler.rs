//! Calls a handler with each message, many at a time. What it returns decides what becomes of the message.

mod cluster;

use std::time::Duration;

use rocketmq_client::{Client, Delivery, Message, Outcome, StartFrom};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("handler-producer").start().await?;
    for order in ["paid", "unknown", "refunded", "late"] {
        producer.send(Message::new("handler-orders", order).tag("order")).await?;
    }

    let (done, mut seen) = mpsc::unbounded_channel();
    let consumer = client
        .push_consumer("handler-billing")
        .subscribe("handler-orders", "order || return")
        .start_from(StartFrom::First)
        .concurrency(8)
        .max_redeliveries(3)
        .start(move |delivery: Delivery| {
            let done = done.clone();
            async move {
                let outcome = bill(&delivery)?;
                let body = String::from_utf8_lossy(delivery.body()).into_owned();
                done.send(format!("{body}: {outcome:?}")).map_err(|_| "nobody listens")?;
                // An `Err`, as from `?`, and a panic have the message delivered again later.
                Ok::<_, &str>(outcome)
            }
        })
        .await?;

    let mut lines = Vec::new();
    for _ in 0..4 {
        let line = tokio::time::timeout(Duration::from_secs(60), seen.recv()).await?;
        lines.push(line.ok_or("the consumer ended")?);
    }
    lines.sort();
    println!("{}", lines.join("\n"));
    consumer.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

fn bill(delivery: &Delivery) -> Result<Outcome, &'static str> {
    match &delivery.body()[..] {
        b"late" if delivery.reconsume_times() == 0 => Err("not yet"),
        b"unknown" => Ok(Outcome::DeadLetter),
        _ => Ok(Outcome::Ack),
    }
}
