//! [`Traffic`]: sending without end, and consumers that several tests need.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{Client, Delivery, PushConsumer, StartFrom};
use rocketmq_interop::Ledger;
use tokio::task::JoinSet;

use crate::{eventually, number_of, numbered};

/// Producers that send until told to stop, and write down what became of each message.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    producing: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn start(
        client: &Client,
        topic: &'static str,
        producers: usize,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut producing = JoinSet::new();
        for _ in 0..producers {
            let (ledger, stop, next) = (Arc::clone(ledger), Arc::clone(&stop), Arc::clone(&next));
            producing.spawn(produce(client.clone(), topic, ledger, stop, next));
        }
        Self { stop, producing }
    }

    /// Stops sending, and waits until everything that was acknowledged has been seen.
    pub(crate) async fn drain(self, ledger: &Ledger) {
        self.stop.store(true, Ordering::SeqCst);
        self.producing.join_all().await;
        eventually("every acknowledged message is seen", || async {
            ledger.verdict().lost.is_empty()
        })
        .await;
        assert!(ledger.verdict().invented.is_empty());
    }
}

async fn produce(
    client: Client,
    topic: &'static str,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
) {
    let producer = client.producer("traffic").start().await.unwrap();
    while !stop.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        match producer.send(numbered(topic, number)).await {
            Ok(_) => ledger.acknowledged(number),
            Err(_) => {
                ledger.unknown(number);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// A consumer that writes what it sees into the ledger, under this name.
pub(crate) async fn consume(
    client: &Client,
    group: &str,
    topic: &str,
    name: &'static str,
    ledger: &Arc<Ledger>,
) -> PushConsumer {
    let ledger = Arc::clone(ledger);
    let consumer = client.push_consumer(group).subscribe(topic, "*").start_from(StartFrom::First);
    consumer
        .start(move |delivery: Delivery| {
            ledger.seen(number_of(&delivery), name, &delivery.queue().to_string());
            async {}
        })
        .await
        .unwrap()
}

/// The queues of a topic that a consumer holds.
pub(crate) async fn queues_of(consumer: &PushConsumer, topic: &str) -> BTreeSet<String> {
    let snapshot = consumer.snapshot().await.unwrap();
    let held = snapshot.queues.iter().filter(|held| &*held.queue.topic == topic);
    held.map(|held| held.queue.to_string()).collect()
}

/// Answers requests with what they say, in capitals.
pub(crate) async fn replier(client: &Client, topic: &str) -> PushConsumer {
    let producer = client.producer("rust-repliers").start().await.unwrap();
    client
        .push_consumer("rust-answers")
        .subscribe(topic, "*")
        .start_from(StartFrom::First)
        .start(move |delivery: Delivery| {
            let producer = producer.clone();
            async move {
                let answer = String::from_utf8_lossy(delivery.body()).to_uppercase();
                producer.reply(&delivery, answer).await.map(drop)
            }
        })
        .await
        .unwrap()
}
