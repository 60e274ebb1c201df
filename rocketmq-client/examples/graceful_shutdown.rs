//! Stops a consumer in order: handlers finish, offsets are stored, the group is told. Nothing comes twice on its account.

mod cluster;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("shutdown-producer").start().await?;
    for number in 0..100 {
        producer.send(Message::new("shutdown-jobs", format!("job {number}"))).await?;
    }

    let (handled, ten) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    for round in ["first", "second"] {
        let (count, reached) = (Arc::clone(&handled), Arc::clone(&ten));
        let consumer = client
            .push_consumer("shutdown-workers")
            .subscribe("shutdown-jobs", "*")
            .start_from(StartFrom::First)
            .start(move |_: Delivery| {
                let (count, reached) = (Arc::clone(&count), Arc::clone(&reached));
                async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let so_far = count.fetch_add(1, Ordering::SeqCst) + 1;
                    if so_far == 10 || so_far == 100 {
                        reached.notify_one();
                    }
                }
            })
            .await?;
        // Or `tokio::signal::ctrl_c()`.
        ten.notified().await;
        let left = consumer.shutdown(Duration::from_secs(30)).await;
        println!("{round} consumer: {} cut off, {} uncommitted", left.unsettled, left.uncommitted);
    }
    println!("{} handled, each once", handled.load(Ordering::SeqCst));
    Ok(())
}
