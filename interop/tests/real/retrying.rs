//! Messages that fail, offsets that cannot be, topics that are given up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{Activity, Client, Delivery, QueueSnapshot};
use tokio::task::spawn_blocking;

use crate::{
    PATIENCE, client_of,
    consuming::{Seen, reader, send},
    eventually, number_of, numbered, shared,
    traffic::queues_of,
};

/// How often each number was handled, and whether it fails this time.
#[derive(Clone, Default)]
struct Attempts(Arc<Mutex<BTreeMap<u64, usize>>>);

impl Attempts {
    /// Number 3 always fails, number 5 panics once.
    fn handle(&self, delivery: &Delivery) -> Result<(), &'static str> {
        let number = number_of(delivery);
        let nth = *self.0.lock().unwrap().entry(number).and_modify(|nth| *nth += 1).or_insert(1);
        match number {
            3 => Err("it always fails"),
            5 if nth == 1 => panic!("it panics once: that is part of a test"),
            _ => Ok(()),
        }
    }

    fn are(&self, expected: impl IntoIterator<Item = (u64, usize)>) -> bool {
        *self.0.lock().unwrap() == expected.into_iter().collect()
    }
}

/// What is read back of what a group has given up.
async fn buried(client: &Client, group: &str) -> Vec<u64> {
    let letters = client.dead_letters(group).await.unwrap();
    let read = Mutex::new(Vec::new());
    eventually("a dead letter can be read", || async {
        for letter in letters.read(32).await.unwrap() {
            assert_eq!(letter.topic(), Some(group));
            let body = &letter.message().body;
            read.lock().unwrap().push(u64::from_be_bytes(*body.first_chunk().unwrap()));
            letters.done(&letter).await.unwrap();
        }
        !read.lock().unwrap().is_empty()
    })
    .await;
    letters.shutdown().await;
    read.into_inner().unwrap()
}

#[tokio::test]
async fn a9_a11_what_fails_comes_again_until_it_is_buried_and_the_rest_goes_on() {
    let name = "failing";
    shared().create_topic(name, 1).unwrap();
    let client = client_of(shared()).await;
    let handled = Attempts::default();
    let handling = handled.clone();
    let consumer = reader(&client, name, name).max_redeliveries(2);
    let consumer = consumer.start(move |delivery: Delivery| {
        let outcome = handling.handle(&delivery);
        async move { outcome }
    });
    let consumer = consumer.await.unwrap();
    send(&client, name, 0..8).await;
    let expected = (0..8).map(|number| match number {
        3 => (number, 3),
        5 => (number, 2),
        _ => (number, 1),
    });
    eventually("each has had its attempts", || async { handled.are(expected.clone()) }).await;
    assert_eq!(buried(&client, name).await, [3]);
    eventually("all offsets have passed", || async { consumer.lag().await.unwrap() == 0 }).await;
    assert!(handled.are(expected));
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn a16_an_ordered_queue_goes_on_behind_what_is_buried() {
    let name = "failing-in-order";
    shared().create_topic(name, 1).unwrap();
    let client = client_of(shared()).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = reader(&client, name, name).ordered().max_redeliveries(2);
    let consumer =
        consumer.suspend_time(Duration::from_millis(100)).start(move |delivery: Delivery| {
            handled.note(&delivery);
            let fails = number_of(&delivery) == 3;
            async move { if fails { Err("it always fails") } else { Ok(()) } }
        });
    let consumer = consumer.await.unwrap();
    send(&client, name, 0..8).await;
    eventually("the last is handled", || async { seen.numbers().last() == Some(&7) }).await;
    assert_eq!(seen.numbers(), [0, 1, 2, 3, 3, 3, 4, 5, 6, 7]);
    assert_eq!(buried(&client, name).await, [3]);
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn a12_an_offset_beyond_the_end_is_repaired_by_itself() {
    let name = "beyond-the-end";
    shared().create_topic(name, 1).unwrap();
    let (client, other) = (client_of(shared()).await, client_of(shared()).await);
    send(&client, name, 0..10).await;
    let seen = Seen::default();
    let start = || {
        let noted = seen.clone();
        reader(&client, name, name).start(move |delivery: Delivery| {
            noted.note(&delivery);
            async {}
        })
    };
    let consumer = start().await.unwrap();
    eventually("all are seen", || async { seen.count() == 10 }).await;
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    let offsets = other.pull_consumer(name).start().await.unwrap();
    let queue = offsets.queues(name).await.unwrap().remove(0);
    offsets.commit(&queue, 1_000).await.unwrap();
    offsets.shutdown().await;

    let consumer = start().await.unwrap();
    let committed = || async { shared().committed("broker-a", name, name, 1) };
    eventually("the offset is the end", || async { committed().await == 10 }).await;
    send(&client, name, 10..15).await;
    eventually("what is new is seen", || async { seen.count() == 15 }).await;
    assert_eq!(seen.numbers(), (0..15).collect::<Vec<_>>());
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert_eq!(committed().await, 15);
}

#[tokio::test]
async fn f69_a_topic_that_is_deleted_and_created_again_is_read_from_its_beginning() {
    let name = "created-again";
    shared().create_topic(name, 1).unwrap();
    let client = client_of(shared()).await;
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = reader(&client, name, name).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, name, 0..10).await;
    eventually("all are seen", || async { seen.count() == 10 }).await;
    spawn_blocking(|| shared().mqadmin(&["deleteTopic", "-c", "DefaultCluster", "-t", name]))
        .await
        .unwrap()
        .unwrap();
    eventually("the consumer is told", || async {
        let snapshot = consumer.snapshot().await.unwrap();
        let told = |queue: &QueueSnapshot| matches!(queue.activity, Activity::Resting(_));
        snapshot.queues.iter().any(|queue| &*queue.queue.topic == name && told(queue))
    })
    .await;
    // These are there before anybody looks for them.
    shared().create_topic(name, 1).unwrap();
    send(&client, name, 10..15).await;
    eventually("what is new is seen", || async { seen.count() == 15 }).await;
    assert_eq!(seen.numbers(), (0..15).collect::<Vec<_>>());
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn a23_a_topic_that_is_given_up_leaves_its_offset_and_its_lock() {
    let (kept, left) = ("kept", "given-up");
    for topic in [kept, left] {
        shared().create_topic(topic, 2).unwrap();
    }
    let (one, two) = (client_of(shared()).await, client_of(shared()).await);
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = reader(&one, left, left).subscribe(kept, "*").ordered();
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&one, left, 0..10).await;
    eventually("all are seen", || async { seen.count() == 10 }).await;
    consumer.unsubscribe(left);
    eventually("its queues are given up", || async { queues_of(&consumer, left).await.is_empty() })
        .await;
    let committed = || async { shared().committed("broker-a", left, left, 2) == 10 };
    eventually("its offsets are with the broker", committed).await;
    // Another member gets the lock of its queue at once: a lease that nobody has released lasts a minute.
    let (later, since) = (Seen::default(), tokio::time::Instant::now());
    let noted = later.clone();
    let other = reader(&two, left, left).ordered().start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let other = other.await.unwrap();
    let producer = one.producer("p").start().await.unwrap();
    for queue in producer.queues(left).await.unwrap() {
        producer.send(numbered(left, 10)).to_queue(queue).await.unwrap();
    }
    eventually("the other goes on behind it", || async { later.count() == 1 }).await;
    println!("a given up ordered queue was read on after {:.1?}", since.elapsed());
    assert_eq!((later.numbers(), seen.count()), (vec![10], 10));
    for consumer in [consumer, other] {
        assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    }
}
