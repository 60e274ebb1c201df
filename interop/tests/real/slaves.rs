//! A master that is away while its slave is read.

use std::sync::Arc;

use rocketmq_client::{Delivery, StartFrom};
use rocketmq_interop::{Cluster, Ledger, Signal};
use tokio::{sync::Semaphore, task::spawn_blocking, time::Instant};

use crate::{PATIENCE, client_of, distribution, eventually, number_of, numbered};

const QUEUES: u16 = 2;
const COUNT: u64 = 400;

#[tokio::test]
async fn a_slave_is_read_while_its_master_is_away_and_offsets_return_to_it() {
    let mut cluster = Cluster::builder().with_slaves().start(&distribution()).unwrap();
    let (topic, group) = ("mirrored", "mirrored");
    cluster.create_topic(topic, QUEUES).unwrap();
    let client = client_of(&cluster).await;
    let ledger = Arc::new(Ledger::default());
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..COUNT {
        producer.send(numbered(topic, number)).await.unwrap();
        ledger.acknowledged(number);
    }
    // Messages reach a slave at once. Topics it asks for from time to time only, and before it serves nobody who reads them.
    eventually("the slave has everything", || async {
        cluster.has_topic("broker-a-slave", topic)
            && cluster.stored("broker-a-slave", topic, QUEUES) == COUNT as i64
    })
    .await;

    let gate = Arc::new(Semaphore::new(100));
    let (noted, entered) = (Arc::clone(&ledger), Arc::clone(&gate));
    let consumer = client.push_consumer(group).subscribe(topic, "*").start_from(StartFrom::First);
    // Few are held here, so that most of them have to come from the slave.
    let consumer =
        consumer.max_cached_messages(16).pull_batch(8).start(move |delivery: Delivery| {
            let (ledger, gate) = (Arc::clone(&noted), Arc::clone(&entered));
            async move {
                gate.acquire().await.unwrap().forget();
                ledger.seen(number_of(&delivery), "c", &delivery.queue().to_string());
            }
        });
    let consumer = consumer.await.unwrap();
    eventually("some are seen", || async { ledger.distinct() == 100 }).await;

    let cluster = spawn_blocking(move || {
        cluster.stop_broker("broker-a", Signal::Kill);
        cluster
    });
    let mut cluster = cluster.await.unwrap();
    let killed = Instant::now();
    gate.add_permits(COUNT as usize * 2);
    eventually("the slave gives all the others", || async { ledger.distinct() as u64 == COUNT })
        .await;
    let read = killed.elapsed();

    let cluster = spawn_blocking(move || {
        cluster.start_broker("broker-a").unwrap();
        cluster
    });
    let cluster = cluster.await.unwrap();
    let back = Instant::now();
    let verdict = ledger.verdict();
    let mut offsets = 0;
    eventually("offsets are with the master", || {
        offsets = cluster.committed("broker-a", topic, group, QUEUES);
        async move { offsets == COUNT as i64 }
    })
    .await;
    println!(
        "master killed: {verdict}; all was read after {read:.1?}, offsets returned {:.1?} after the master",
        back.elapsed()
    );
    assert!(verdict.lost.is_empty());
    // While it comes back its topic may be unknown, and a send goes by the queues of a new one, of which it refuses those it has not.
    eventually("it takes a message", || async {
        producer.send(numbered(topic, COUNT)).timeout(PATIENCE).await.is_ok()
    })
    .await;
    eventually("it goes on with the master", || async { ledger.distinct() as u64 == COUNT + 1 })
        .await;
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
