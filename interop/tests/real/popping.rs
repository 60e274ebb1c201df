//! Messages that are popped: received, acknowledged, or out of time.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{Client, Delivery, Outcome, Received, SimpleConsumer, StartFrom};

use crate::{PATIENCE, client_of, eventually, number_of, numbered, only_since_5, shared};

const COUNT: u64 = 200;

async fn send(client: &Client, topic: &str, count: u64) {
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..count {
        producer.send(numbered(topic, number)).await.unwrap();
    }
}

fn number(received: &Received) -> u64 {
    u64::from_be_bytes(*received.body().first_chunk().unwrap())
}

fn numbers(received: &[Received]) -> BTreeSet<u64> {
    received.iter().map(number).collect()
}

async fn consumer_of(client: &Client, group: &str, topic: &str) -> SimpleConsumer {
    let consumer = client.simple_consumer(group).subscribe(topic, "*");
    consumer
        .start_from(StartFrom::First)
        .await_duration(Duration::from_secs(2))
        .start()
        .await
        .unwrap()
}

/// Receives until there are so many.
async fn receive(consumer: &SimpleConsumer, count: usize, invisible: Duration) -> Vec<Received> {
    let mut all = Vec::new();
    let receiving = async {
        while all.len() < count {
            all.extend(consumer.receive(32, invisible).await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, receiving).await.unwrap();
    all
}

#[tokio::test]
async fn a25_everything_is_received_acknowledged_and_not_seen_again() {
    if only_since_5("POP") {
        return;
    }
    let client = client_of(shared()).await;
    send(&client, "popped", COUNT).await;
    let consumer = consumer_of(&client, "pop-all", "popped").await;
    let invisible = Duration::from_secs(10);
    let received = receive(&consumer, COUNT as usize, invisible).await;
    assert_eq!((received.len() as u64, numbers(&received)), (COUNT, (0..COUNT).collect()));
    let (one_by_one, together) = received.split_at(20);
    for received in one_by_one {
        consumer.ack(received).await.unwrap();
    }
    consumer.ack_all(together).await.unwrap();
    // They would come again when their time is over, and the broker has looked.
    let mut quiet = Duration::ZERO;
    while quiet < invisible + Duration::from_secs(6) {
        let again = consumer.receive(32, invisible).await.unwrap();
        assert!(again.is_empty(), "{again:?}");
        quiet += Duration::from_secs(2);
    }
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_can_be_acknowledged_then() {
    if only_since_5("POP") {
        return;
    }
    let client = client_of(shared()).await;
    send(&client, "popped-late", 10).await;
    let consumer = consumer_of(&client, "pop-late", "popped-late").await;
    let mut first = receive(&consumer, 10, Duration::from_secs(5)).await;
    // One is given more time, and acknowledged after the others are out of theirs; one is wanted sooner.
    first.sort_by_key(number);
    consumer.change_invisible(&mut first[0], Duration::from_secs(60)).await.unwrap();
    consumer.change_invisible(&mut first[1], Duration::from_secs(1)).await.unwrap();
    let again = receive(&consumer, 9, Duration::from_secs(60)).await;
    assert_eq!(numbers(&again), (1..10).collect());
    assert_eq!(number(&again[0]), 1, "the one that was wanted sooner is the first");
    for received in &again {
        assert_eq!((received.reconsume_times(), received.topic()), (1, "popped-late"));
    }
    consumer.ack_all(&again).await.unwrap();
    consumer.ack(&first[0]).await.unwrap();
    assert!(consumer.receive(32, Duration::from_secs(60)).await.unwrap().is_empty());
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn an_orderly_queue_gives_what_it_has_in_order_and_one_batch_at_a_time() {
    if only_since_5("POP") {
        return;
    }
    let client = client_of(shared()).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..8 {
        producer.send(numbered("popped-in-order", number)).to_queue_for("one key").await.unwrap();
    }
    let consumer = client.simple_consumer("pop-order").subscribe("popped-in-order", "*");
    let consumer = consumer.start_from(StartFrom::First).ordered();
    let consumer = consumer.await_duration(Duration::from_secs(1)).start().await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 8 {
        let batch = receive(&consumer, 1, Duration::from_secs(60)).await;
        let blocked = consumer.receive(32, Duration::from_secs(60)).await.unwrap();
        seen.extend(batch.iter().map(number));
        assert!(seen.len() == 8 || blocked.is_empty(), "{blocked:?} beside {batch:?}");
        consumer.ack_all(&batch).await.unwrap();
    }
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn members_pop_what_brokers_assign_and_acknowledge_it() {
    if only_since_5("POP") {
        return;
    }
    let (topic, group) = ("popped-by-push", "pop-push");
    let cluster = shared();
    let (one, two) = (client_of(cluster).await, client_of(cluster).await);
    send(&one, topic, 20).await;
    let how = ["setConsumeMode", "-c", "DefaultCluster", "-t", topic, "-g", group, "-m", "POP"];
    cluster.mqadmin(&how).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let member = |client: &Client| {
        let seen = Arc::clone(&seen);
        let consumer = client.push_consumer(group).subscribe(topic, "load").pop();
        consumer.start_from(StartFrom::First).start(move |delivery: Delivery| {
            seen.lock().unwrap().push((number_of(&delivery), delivery.reconsume_times()));
            // One fails once.
            let fails = number_of(&delivery) == 7 && delivery.reconsume_times() == 0;
            async move { if fails { Outcome::Retry } else { Outcome::Ack } }
        })
    };
    let (first, second) = (member(&one).await.unwrap(), member(&two).await.unwrap());
    eventually("both pop", || async {
        let pops = |snapshot: rocketmq_client::Snapshot| {
            snapshot.queues.iter().any(|queue| queue.unacknowledged.is_some())
        };
        pops(first.snapshot().await.unwrap()) && pops(second.snapshot().await.unwrap())
    })
    .await;
    let producer = one.producer("p").start().await.unwrap();
    for number in 20..COUNT {
        producer.send(numbered(topic, number)).await.unwrap();
    }
    eventually("everything is seen, and the failed one again", || async {
        let seen = seen.lock().unwrap();
        let numbers: BTreeSet<_> = seen.iter().map(|(number, _)| *number).collect();
        numbers.len() as u64 == COUNT && seen.contains(&(7, 1))
    })
    .await;
    for consumer in [first, second] {
        let report = consumer.shutdown(PATIENCE).await;
        assert_eq!((report.undelivered, report.unsettled), (0, 0));
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen.len() as u64, COUNT + 1, "nothing but the failed one came twice");
    assert!(one.shutdown(PATIENCE).await.is_clean() && two.shutdown(PATIENCE).await.is_clean());
}
