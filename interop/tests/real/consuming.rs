//! Push consumers in order, and broadcasting.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rocketmq_client::{
    Client, Delivery, FileOffsets, PushConsumer, PushConsumerBuilder, StartFrom,
};

use crate::{PATIENCE, client_of, eventually, number_of, numbered, shared};

const COUNT: u64 = 200;

pub(crate) async fn send(client: &Client, topic: &str, numbers: std::ops::Range<u64>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(numbered(topic, number)).await.unwrap();
    }
}

/// The numbers that handlers have seen, queue by queue.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeMap<String, Vec<u64>>>>);

impl Seen {
    pub(crate) fn note(&self, delivery: &Delivery) {
        let queue = delivery.queue().to_string();
        self.0.lock().unwrap().entry(queue).or_default().push(number_of(delivery));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().values().map(Vec::len).sum()
    }

    /// All of them, those that came twice twice, sorted.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.0.lock().unwrap().values().flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// Nothing came twice, and nothing out of order.
    fn is_in_order(&self) -> bool {
        let seen = self.0.lock().unwrap();
        seen.values().all(|numbers| numbers.is_sorted_by(|a, b| a < b))
    }
}

pub(crate) fn reader(client: &Client, group: &str, topic: &str) -> PushConsumerBuilder {
    client.push_consumer(group).subscribe(topic, "*").start_from(StartFrom::First)
}

async fn ordered(client: &Client, group: &str, topic: &str, seen: &Seen) -> PushConsumer {
    let seen = seen.clone();
    let consumer = reader(client, group, topic).ordered().start(move |delivery: Delivery| {
        seen.note(&delivery);
        async {}
    });
    consumer.await.unwrap()
}

async fn queues_of(consumer: &PushConsumer, topic: &str) -> usize {
    let snapshot = consumer.snapshot().await.unwrap();
    let read = snapshot.queues.iter().filter(|queue| queue.commit_offset.is_some());
    read.filter(|queue| &*queue.queue.topic == topic).count()
}

#[tokio::test]
async fn order_is_kept_across_a_join_and_a_kill() {
    let (topic, group) = ("ordered-joins", "ordered-joins");
    shared().create_topic(topic, 4).unwrap();
    let (one, two) = (client_of(shared()).await, client_of(shared()).await);
    let seen = Seen::default();
    let first = ordered(&one, group, topic, &seen).await;
    send(&one, topic, 0..COUNT).await;
    eventually("the first has all", || async { seen.count() as u64 == COUNT }).await;
    let second = ordered(&two, group, topic, &seen).await;
    eventually("each has two queues", || async {
        queues_of(&first, topic).await == 2 && queues_of(&second, topic).await == 2
    })
    .await;
    send(&one, topic, COUNT..2 * COUNT).await;
    eventually("both have all", || async { seen.count() as u64 == 2 * COUNT }).await;
    assert!(seen.is_in_order());
    eventually("all is committed", || async { second.lag().await.unwrap() == 0 }).await;
    // It dies without a word: its leases end by themselves, 60 s after it last asked for them.
    drop(second);
    drop(two);
    send(&one, topic, 2 * COUNT..3 * COUNT).await;
    eventually("the first has all queues", || async { queues_of(&first, topic).await == 4 }).await;
    eventually("the last message is seen", || async {
        let seen = seen.0.lock().unwrap();
        seen.values().flatten().filter(|number| **number >= 2 * COUNT).count() as u64 >= COUNT
    })
    .await;
    // What the dead one had handled and not committed may come again; nothing else is out of order.
    let since_the_kill = Seen::default();
    for (queue, numbers) in seen.0.lock().unwrap().iter() {
        let later = numbers.iter().copied().filter(|number| *number >= 2 * COUNT).collect();
        since_the_kill.0.lock().unwrap().insert(queue.clone(), later);
    }
    assert!(since_the_kill.is_in_order());
    assert_eq!(first.shutdown(PATIENCE).await.uncommitted, 0);
}

#[tokio::test]
async fn a17_a_broadcasting_consumer_goes_on_where_its_file_says() {
    let topic = "broadcast";
    shared().create_topic(topic, 2).unwrap();
    let client = client_of(shared()).await;
    let path = shared().home().join("broadcasting/positions.json");
    let seen = Seen::default();
    for round in 0..2 {
        send(&client, topic, round * COUNT..(round + 1) * COUNT).await;
        let noted = seen.clone();
        let consumer = reader(&client, "broadcasting", topic)
            .broadcasting()
            .offset_store(FileOffsets::new(&path))
            .start(move |delivery: Delivery| {
                noted.note(&delivery);
                async {}
            });
        let consumer = consumer.await.unwrap();
        let expected = (round + 1) * COUNT;
        eventually("the round is seen", || async { seen.count() as u64 >= expected }).await;
        consumer.shutdown(PATIENCE).await;
    }
    assert_eq!(seen.count() as u64, 2 * COUNT, "nothing came twice");
}
