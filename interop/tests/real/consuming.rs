//! Push consumers in order, broadcasting, and under the eyes of an operator.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rocketmq_client::{
    Client, Delivery, FileOffsets, PushConsumer, PushConsumerBuilder, StartFrom,
};

use crate::{PATIENCE, client_of, distribution, eventually, number_of, numbered, shared};

const COUNT: u64 = 200;

async fn send(client: &Client, topic: &str, numbers: std::ops::Range<u64>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(numbered(topic, number)).await.unwrap();
    }
}

/// The numbers that handlers have seen, queue by queue.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, Vec<u64>>>>);

impl Seen {
    fn note(&self, delivery: &Delivery) {
        let queue = delivery.queue().to_string();
        self.0.lock().unwrap().entry(queue).or_default().push(number_of(delivery));
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().values().map(Vec::len).sum()
    }

    /// Nothing came twice, and nothing out of order.
    fn is_in_order(&self) -> bool {
        let seen = self.0.lock().unwrap();
        seen.values().all(|numbers| numbers.is_sorted_by(|a, b| a < b))
    }
}

fn reader(client: &Client, group: &str, topic: &str) -> PushConsumerBuilder {
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
async fn a_broadcasting_consumer_goes_on_where_its_file_says() {
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

/// What the administration tool prints, while the consumer goes on.
async fn admin(arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let asked = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        shared().mqadmin(&arguments).unwrap()
    });
    asked.await.unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn an_operator_sees_and_moves_a_running_consumer() {
    let (topic, group) = ("operated", "operated");
    shared().create_topic(topic, 2).unwrap();
    let client = client_of(shared()).await;
    let begun = now().to_string();
    let (seen, sum) = (Seen::default(), Arc::new(AtomicU64::new(0)));
    let (noted, summed) = (seen.clone(), Arc::clone(&sum));
    let consumer = reader(&client, group, topic).start(move |delivery: Delivery| {
        noted.note(&delivery);
        summed.fetch_add(number_of(&delivery), Ordering::SeqCst);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, topic, 0..COUNT).await;
    eventually("all are seen", || async { seen.count() as u64 == COUNT }).await;
    let connection = admin(&["consumerConnection", "-g", group]).await;
    for fact in [client.id(), "CONSUME_PASSIVELY", "CLUSTERING", "CONSUME_FROM_FIRST_OFFSET", topic]
    {
        assert!(connection.contains(fact), "no {fact} in\n{connection}");
    }
    eventually("progress is told", || async {
        let progress = admin(&["consumerProgress", "-g", group]).await;
        progress.contains(topic) && progress.contains("Diff Total: 0")
    })
    .await;
    let status = admin(&["consumerStatus", "-g", group, "-i", client.id()]).await;
    for fact in ["PROP_CONSUMER_START_TIMESTAMP", "consumeThreadMin", "#Consumer MQ Detail#", topic]
    {
        assert!(status.contains(fact), "no {fact} in\n{status}");
    }
    assert!(!status.contains("null"), "{status}");

    // Back to the beginning, and consumed once more.
    admin(&["resetOffsetByTime", "-g", group, "-t", topic, "-s", &begun]).await;
    eventually("all are seen again", || async { seen.count() as u64 >= 2 * COUNT }).await;
    assert_eq!(sum.load(Ordering::SeqCst), COUNT * (COUNT - 1));
    // Forward over what nobody has read: the consumer is paused meanwhile, so that there is something to pass over.
    consumer.pause();
    eventually("it is paused", || async { consumer.snapshot().await.unwrap().paused }).await;
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    send(&client, topic, COUNT..COUNT + 20).await;
    admin(&["resetOffsetByTime", "-g", group, "-t", topic, "-s", "now"]).await;
    let noted = seen.clone();
    let consumer = reader(&client, group, topic).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, topic, COUNT + 20..COUNT + 30).await;
    eventually("what came later is seen", || async { seen.count() as u64 >= 2 * COUNT + 10 }).await;
    assert_eq!(seen.count() as u64, 2 * COUNT + 10, "what was passed over is not");
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn an_operator_has_a_message_consumed() {
    let (topic, group) = ("on-demand", "on-demand");
    shared().create_topic(topic, 1).unwrap();
    let client = client_of(shared()).await;
    let producer = client.producer("p").start().await.unwrap();
    let receipt = producer.send(numbered(topic, 7)).await.unwrap();
    let id = receipt.offset_message_id().unwrap().to_string();
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = reader(&client, group, topic).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("it is seen", || async { seen.count() == 1 }).await;
    let mut question = vec!["queryMsgById", "-i", &id, "-g", group, "-d", client.id()];
    if distribution().is_5() {
        question.extend(["-t", topic]);
    }
    let said = admin(&question).await;
    assert!(said.contains("CR_SUCCESS"), "{said}");
    eventually("it is seen once more", || async { seen.count() == 2 }).await;
    consumer.shutdown(PATIENCE).await;
}
