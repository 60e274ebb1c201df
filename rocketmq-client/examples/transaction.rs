//! Sends messages that are delivered if, and only if, a local transaction commits.
//!
//! Runs against a broker inside this process, or against the cluster of `NAMESRV_ADDR`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use rocketmq_client::{Client, HalfMessage, Message, Resolution};
use rocketmq_mock::MockCluster;
use tokio::sync::Mutex;

/// The database of this example: the orders that have committed.
type Orders = Arc<Mutex<HashSet<String>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock = MockCluster::start().await?;
    let name_servers =
        std::env::var("NAMESRV_ADDR").unwrap_or_else(|_| mock.name_server_address().to_string());
    let client = Client::connect(name_servers).await?;

    // Brokers ask about transactions that nobody has decided, in this process or in one that has died. What the database says counts.
    let orders = Orders::default();
    let asked = Arc::clone(&orders);
    let producer = client
        .producer("order-producer")
        .transactional(move |half: HalfMessage| {
            let (order, asked) = (half.keys().next().map(str::to_owned), Arc::clone(&asked));
            async move {
                let committed = asked.lock().await.contains(&order.unwrap_or_default());
                if committed { Resolution::Commit } else { Resolution::Rollback }
            }
        })
        .start()
        .await?;

    // The half message first, then the local transaction, then what became of it.
    for (order, paid) in [("order-1", true), ("order-2", false)] {
        let half = producer.begin(Message::new("orders", "placed").key(order)).await?;
        if paid {
            orders.lock().await.insert(order.to_owned());
            half.commit().await?;
            println!("{order} committed");
        } else {
            half.rollback().await?;
            println!("{order} rolled back");
        }
    }

    // A handle that is dropped undecided, by `?` or a crash, answers nothing but *unknown*: the check decides.
    let half = producer.begin(Message::new("orders", "placed").key("order-3")).await?;
    orders.lock().await.insert("order-3".to_owned());
    drop(half);
    println!("order-3 is left to the check");

    producer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
