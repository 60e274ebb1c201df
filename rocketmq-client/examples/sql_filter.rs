//! Has brokers select messages by a condition over their properties.

mod cluster;

use std::time::Duration;

use rocketmq_client::{Client, Filter, Message, StartFrom};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster::start().await?;
    let client = Client::connect(&cluster.name_servers).await?;
    let producer = client.producer("sql-producer").start().await?;
    for (amount, currency) in [(5, "EUR"), (25, "EUR"), (30, "USD"), (40, "EUR")] {
        let payment = Message::new("sql-payments", format!("{amount} {currency}"));
        let payment = payment.property("amount", amount.to_string()).property("currency", currency);
        producer.send(payment).await?;
    }
    let reader = |condition: &str| {
        let filter = Filter::sql(condition);
        let group = client.push_consumer("sql-audit").subscribe("sql-payments", filter);
        group.start_from(StartFrom::First)
    };

    // A broker is asked before anything starts. A real one has to be configured with `enablePropertyFilter`.
    if let Err(error) = reader("amount >").stream().await {
        println!("refused: {error}");
    }
    let mut deliveries = reader("amount > 10 AND currency = 'EUR'").stream().await?;
    let mut payments = Vec::new();
    for _ in 0..2 {
        let delivery = deliveries.next().await.ok_or("the consumer ended")??;
        payments.push(String::from_utf8_lossy(delivery.body()).into_owned());
        delivery.ack();
    }
    payments.sort();
    println!("{}", payments.join(", "));
    deliveries.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
