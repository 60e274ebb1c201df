//! A consumer in a process of its own, to be killed: `consume <name servers> <topic> <group>` prints the first eight bytes
//! of each body as a number, and the queue it came from.

use std::{io::Write, time::Duration};

use rocketmq_client::{Client, Delivery, Error, StartFrom};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (name_servers, topic, group) = (next(), next(), next());
    let client = Client::connect(name_servers).await?;
    let consumer = client
        .push_consumer(group)
        .subscribe(&topic, "*")
        .start_from(StartFrom::First)
        .start(|delivery: Delivery| async move {
            let number =
                delivery.body().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            let mut out = std::io::stdout().lock();
            writeln!(out, "{number} {}", delivery.queue())?;
            out.flush()
        })
        .await?;
    // Until whoever started this closes standard input.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    consumer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
