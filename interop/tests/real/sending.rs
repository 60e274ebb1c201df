//! Every way of sending, to real brokers and to the Java client.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use rocketmq_client::{
    Client, Compression, Delivery, HalfMessage, Message, PushConsumer, Resolution, StartFrom,
    Tracing,
};
use rocketmq_interop::{Cluster, Signal};
use tokio::task::{JoinSet, spawn_blocking};

use crate::{PATIENCE, client_of, distribution, eventually, java, only_since_5};

/// One master that takes traces, allows recalls, and asks about transactions after a second.
fn cluster() -> &'static Cluster {
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
        Cluster::builder()
            .broker_option("traceTopicEnable=true")
            .broker_option("recallMessageEnable=true")
            .broker_option("transactionTimeOut=1000")
            .broker_option("transactionCheckInterval=1000")
            .start(&distribution())
            .unwrap()
    });
    &CLUSTER
}

/// What a consumer has received: bodies, and when each came.
type Received = Arc<Mutex<BTreeMap<String, Instant>>>;

async fn receive(client: &Client, topic: &str, group: &str) -> (PushConsumer, Received) {
    let received = Received::default();
    let seen = Arc::clone(&received);
    let consumer = client.push_consumer(group).subscribe(topic, "*").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |delivery: Delivery| {
            let body = String::from_utf8_lossy(delivery.body()).into_owned();
            seen.lock().unwrap().entry(body).or_insert_with(Instant::now);
            async {}
        })
        .await
        .unwrap();
    (consumer, received)
}

fn came(received: &Received, body: &str) -> bool {
    received.lock().unwrap().contains_key(body)
}

#[tokio::test]
async fn java_reads_every_compression_and_batches() {
    let (cluster, topic) = (cluster(), "compressed-by-rust");
    cluster.create_topic(topic, 4).unwrap();
    let client = client_of(cluster).await;
    let mut sent = Vec::new();
    // Consumers before 4.9.4 read zlib only; those of 4.9.7 read all.
    for compression in [Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        let producer = client.producer("p").compression(compression).start().await.unwrap();
        let text = format!("{compression:?} …").repeat(2_000);
        producer.send(Message::new(topic, text.clone())).await.unwrap();
        sent.push(text);
    }
    let producer = client.producer("p").start().await.unwrap();
    let batch: Vec<String> = (0..100).map(|number| format!("batched {number}")).collect();
    let messages = batch.iter().map(|text| Message::new(topic, text.clone()).key("k").tag("T"));
    let receipts = producer.send_batch(messages).max_bytes(5_000).await.unwrap();
    assert_eq!(receipts.len(), 100);
    for receipt in &receipts {
        let id = receipt.offset_message_id().unwrap();
        let stored = producer.message(topic, id).await.unwrap();
        assert_eq!(stored.message_id(), *receipt.message_id());
        assert_eq!(stored.queue_offset, receipt.queue_offset());
    }
    sent.extend(batch);
    let (address, count) = (cluster.name_server_address().to_owned(), sent.len());
    let received =
        spawn_blocking(move || java().consume(&address, topic, "java-reads", count)).await.unwrap();
    let mut received: Vec<String> = received.unwrap().into_iter().map(|one| one.body).collect();
    let hex = |text: &String| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut expected: Vec<String> = sent.iter().map(hex).collect();
    expected.sort();
    received.sort();
    assert!(received == expected, "{} of {count} messages", received.len());
}

#[tokio::test]
async fn messages_come_when_they_are_due() {
    let (cluster, topic) = (cluster(), "later");
    cluster.create_topic(topic, 1).unwrap();
    let client = client_of(cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    let (consumer, received) = receive(&client, topic, "later-group").await;
    let sent = Instant::now();
    producer.send(Message::new(topic, "level").delay_level(5)).await.unwrap();
    if !only_since_5("timer messages") {
        let after = Message::new(topic, "after").deliver_after(Duration::from_secs(3));
        let after = producer.send(after).await.unwrap();
        let at = SystemTime::now() + Duration::from_secs(6);
        producer.send(Message::new(topic, "at").deliver_at(at)).await.unwrap();
        let recalled = Message::new(topic, "recalled").deliver_after(Duration::from_secs(4));
        let recalled = producer.send(recalled).await.unwrap();
        let handle = recalled.recall_handle().unwrap();
        assert_eq!(producer.recall(topic, handle).await.unwrap(), *recalled.message_id());
        assert!(after.recall_handle().is_some());
        eventually("timers are out", || async {
            came(&received, "after") && came(&received, "at")
        })
        .await;
        let after = received.lock().unwrap()["after"].duration_since(sent);
        // Brokers round down to whole seconds.
        assert!(after > Duration::from_millis(1_900), "{after:?}");
    }
    eventually("the level is over", || async { came(&received, "level") }).await;
    let level = received.lock().unwrap()["level"].duration_since(sent);
    // These brokers are configured for it to last 2 s.
    assert!(level > Duration::from_millis(1_500), "{level:?}");
    assert!(!came(&received, "recalled"), "it was due two seconds before the last");
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a19_transactions_end_as_they_were_decided() {
    let (cluster, topic) = (cluster(), "transactions");
    cluster.create_topic(topic, 1).unwrap();
    let client = client_of(cluster).await;
    let (consumer, received) = receive(&client, topic, "transactions-group").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let checks = Arc::clone(&asked);
    let check = move |half: HalfMessage| {
        let first = checks.fetch_add(1, Ordering::Relaxed) == 0;
        let inflated = half.body().starts_with(b"asked about");
        async move {
            match (inflated, first) {
                (true, true) => Resolution::Unknown,
                (true, false) => Resolution::Commit,
                (false, _) => Resolution::Rollback,
            }
        }
    };
    let producer = client.producer("transactions").transactional(check).start().await.unwrap();
    producer.begin(Message::new(topic, "committed")).await.unwrap().commit().await.unwrap();
    producer.begin(Message::new(topic, "rolled back")).await.unwrap().rollback().await.unwrap();
    eventually("the committed one", || async { came(&received, "committed") }).await;
    // Large enough to be compressed: brokers have been seen to mix up flag and body in checks.
    let text = format!("asked about{}", " again".repeat(2_000));
    drop(producer.begin(Message::new(topic, text.clone())).await.unwrap());
    eventually("the check commits", || async { came(&received, &text) }).await;
    assert!(asked.load(Ordering::Relaxed) >= 2, "unknown is asked about again");
    assert!(!came(&received, "rolled back"));
    producer.shutdown(PATIENCE).await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn keys_go_to_the_queues_that_java_chooses() {
    let (cluster, topic, count) = (cluster(), "keys", 1_000);
    cluster.create_topic(topic, 7).unwrap();
    let address = cluster.name_server_address().to_owned();
    let theirs = spawn_blocking(move || java().send_by_key(&address, topic, count)).await;
    let theirs: BTreeMap<String, String> =
        theirs.unwrap().unwrap().into_iter().map(|one| (one.keys, one.property)).collect();
    assert_eq!(theirs.len(), count);
    let producer = client_of(cluster).await.producer("p").start().await.unwrap();
    for (key, queue) in theirs {
        let receipt = producer.send(Message::new(topic, "x")).to_queue_for(&key).await.unwrap();
        assert_eq!(receipt.queue().queue_id.to_string(), queue, "{key}");
    }
}

#[tokio::test]
async fn static_topics_are_sent_to_by_their_own_numbers() {
    if only_since_5("static topics") {
        return;
    }
    let (cluster, topic) = (cluster(), "static");
    let servers = cluster.name_server_address();
    let create =
        ["updateStaticTopic", "-n", servers, "-c", "DefaultCluster", "-t", topic, "-qn", "5"];
    cluster.mqadmin(&create).unwrap();
    let client = client_of(cluster).await;
    let producer = client.producer("p").create_topics(false).start().await.unwrap();
    eventually("the topic is known", || async { producer.ready(topic).await.is_ok() }).await;
    let queues = producer.queues(topic).await.unwrap();
    assert_eq!(queues.len(), 5);
    for queue in queues {
        assert_eq!(&*queue.broker_name, "__syslo____global__");
        let message = Message::new(topic, format!("{}", queue.queue_id));
        let receipt = producer.send(message).to_queue(queue.clone()).await.unwrap();
        assert_eq!((receipt.queue(), receipt.queue_offset()), (&queue, 0));
        // Brokers put a message into its queue a moment after they have stored it.
        eventually("it is in its queue", || async {
            producer.max_offset(&queue).await.unwrap() == 1
        })
        .await;
    }
}

#[tokio::test]
async fn traces_of_sending_and_consuming_are_read_by_mqadmin() {
    let (cluster, topic) = (cluster(), "traced");
    cluster.create_topic(topic, 1).unwrap();
    let client = client_of(cluster).await;
    let builder = client.producer("traced-producer").tracing(Tracing::default());
    let producer = builder.start().await.unwrap();
    let receipt = producer.send(Message::new(topic, "x").tag("T").key("k")).await.unwrap();
    producer.shutdown(PATIENCE).await;
    let consumer = client.push_consumer("traced-consumer").subscribe(topic, "*");
    let consumer = consumer.start_from(StartFrom::First).tracing(Tracing::default());
    let handled = Arc::new(AtomicBool::new(false));
    let handles = Arc::clone(&handled);
    let consumer = consumer.start(move |_: Delivery| {
        handles.store(true, Ordering::Relaxed);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("it is handled", || async { handled.load(Ordering::Relaxed) }).await;
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);

    let id = receipt.message_id().to_string();
    let shown = || async {
        let id = id.clone();
        spawn_blocking(move || cluster.mqadmin(&["queryMsgTraceById", "-i", &id])).await.unwrap()
    };
    let of_both = |text: &str| {
        let of =
            |group: &str| text.lines().any(|line| line.contains(group) && line.contains("success"));
        of("traced-producer") && of("traced-consumer")
    };
    eventually("the tool tells of both", || async { of_both(&shown().await.unwrap()) }).await;
    let looked_up = client.producer("p").start().await.unwrap();
    let found = looked_up.message_by_id(topic, receipt.message_id()).await.unwrap();
    assert_eq!(found.map(|message| message.message_id()), Some(*receipt.message_id()));
}

#[tokio::test]
async fn a3_a_killed_master_fails_no_send() {
    let mut cluster = Cluster::builder().brokers(2).start(&distribution()).unwrap();
    cluster.create_topic("two-masters", 4).unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let (producer, stop, sent) = (producer.clone(), Arc::clone(&stop), Arc::clone(&sent));
        senders.spawn(async move {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match producer.send(Message::new("two-masters", vec![b'.'; 1024])).await {
                    Ok(_) => sent.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        failed.push(error);
                        0
                    }
                };
            }
            failed
        });
    }
    let passed = |count: usize| {
        let sent = Arc::clone(&sent);
        async move { sent.load(Ordering::Relaxed) >= count }
    };
    eventually("the load is on", || passed(1_000)).await;
    let cluster = spawn_blocking(move || {
        cluster.stop_broker("broker-a", Signal::Kill);
        cluster
    })
    .await
    .unwrap();
    let before = sent.load(Ordering::Relaxed);
    eventually("the load goes on", || passed(before + 2_000)).await;
    stop.store(true, Ordering::Relaxed);
    let failed: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
    println!(
        "master killed under load: {} sent, {} failed",
        sent.load(Ordering::Relaxed),
        failed.len()
    );
    assert!(failed.is_empty(), "{failed:?}");
    drop(cluster);
}
