//! Broadcasting consumers, and where they remember how far they have read.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rocketmq_client::{Delivery, ErrorKind, MessageQueue, OffsetStore};
use rocketmq_mock::MockCluster;

use crate::{
    PATIENCE, client_of, eventually,
    push::{Log, cluster_with, committed, reader, send},
};

/// A file of this test alone.
fn scratch_file(name: &str) -> std::path::PathBuf {
    let unique = format!("rocketmq-broadcast-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(unique).join("positions.json");
    let _ = std::fs::remove_dir_all(path.parent().unwrap());
    path
}

#[tokio::test]
async fn a17_a_broadcasting_consumer_goes_on_where_its_file_says() {
    let (cluster, client) = cluster_with(2).await;
    let path = scratch_file("a17");
    let log = Log::default();
    for round in 0..3 {
        send(&client, round * 10..(round + 1) * 10).await;
        let noted = log.clone();
        let consumer =
            reader(&client)
                .broadcasting()
                .offset_store(rocketmq_client::FileOffsets::new(&path))
                .start(move |delivery: Delivery| {
                    noted.note(&delivery);
                    async move {
                        if delivery.body().ends_with(b"3") { Err("passed over") } else { Ok(()) }
                    }
                });
        let consumer = consumer.await.unwrap();
        eventually("the round is seen", || async { log.len() == (round + 1) * 10 }).await;
        let report = consumer.shutdown(PATIENCE).await;
        assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    }
    assert!(log.is_in_order(), "nothing came twice");
    assert_eq!(committed(&cluster, 2), 0, "brokers keep none of its offsets");
    std::fs::write(&path, "{").unwrap();
    let store = rocketmq_client::FileOffsets::new(&path);
    let refused = reader(&client).broadcasting().offset_store(store).stream().await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn every_member_of_a_broadcasting_group_gets_every_message() {
    let (_cluster, one) = cluster_with(2).await;
    let two = client_of(&_cluster).await;
    let logs = [Log::default(), Log::default()];
    let mut consumers = Vec::new();
    for (client, log) in [&one, &two].into_iter().zip(&logs) {
        let (noted, path) = (log.clone(), scratch_file(&client.id().replace([':', '/'], "_")));
        let store = rocketmq_client::FileOffsets::new(path);
        let consumer = reader(client).broadcasting().offset_store(store);
        let consumer = consumer.start(move |delivery: Delivery| {
            noted.note(&delivery);
            async {}
        });
        consumers.push(consumer.await.unwrap());
    }
    send(&one, 0..20).await;
    eventually("both have seen all", || async { logs.iter().all(|log| log.len() == 20) }).await;
    for consumer in consumers {
        consumer.shutdown(PATIENCE).await;
    }
}

#[tokio::test]
async fn f83_offsets_of_a_broker_that_is_away_are_kept() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let refresh = Duration::from_millis(50);
    let client = rocketmq_client::Client::builder(cluster.name_server_list());
    let client = client.route_refresh_interval(refresh).connect().await.unwrap();
    send(&client, 0..10).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).broadcasting().commit_interval(Duration::from_millis(20));
    let consumer = consumer.offset_store(rocketmq_client::FileOffsets::new(scratch_file("f83")));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 10 }).await;
    let held = || async {
        let queues = consumer.snapshot().await.unwrap().queues;
        queues.iter().filter(|queue| queue.commit_offset.is_some_and(|at| at > 0)).count()
    };
    for heard in [false, true] {
        cluster.set_heard("name-server", "broker-b", heard);
        let expected = if heard { 2 } else { 1 };
        eventually("the queue of b has come or gone", || async { held().await == expected }).await;
        let sent = log.len();
        send(&client, sent..sent + 5).await;
        eventually("the next ones are seen", || async { log.len() >= sent + 5 }).await;
        // What is saved of one queue takes nothing from the other.
        eventually("and saved", || async {
            let queues = consumer.snapshot().await.unwrap().queues;
            queues.iter().all(|queue| queue.committed_offset == queue.commit_offset)
        })
        .await;
    }
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.len(), 20, "nothing came twice, nothing was passed over");
}

/// Memory alone: whatever is to be written fails.
struct ReadOnly(AtomicUsize);

impl OffsetStore for &'static ReadOnly {
    fn load(&self) -> io::Result<rocketmq_client::Offsets> {
        Ok([(MessageQueue::new("t", "broker-a", 0), 2)].into())
    }

    fn save(&self, _: &rocketmq_client::Offsets) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[tokio::test]
async fn f85_where_offsets_cannot_be_saved_memory_counts() {
    static STORE: ReadOnly = ReadOnly(AtomicUsize::new(0));
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let refresh = Duration::from_millis(50);
    let client = rocketmq_client::Client::builder(cluster.name_server_list());
    let client = client.route_refresh_interval(refresh).connect().await.unwrap();
    send(&client, 0..5).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).broadcasting().offset_store(&STORE);
    let consumer = consumer.commit_interval(Duration::from_millis(20));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("what lies behind the offset is seen", || async { log.len() == 3 }).await;
    eventually("saving has failed", || async { STORE.0.load(Ordering::SeqCst) > 0 }).await;
    // The queue goes and comes: it is read on, and not from where the store stands.
    for queues in [0, 1] {
        cluster.set_queues("t", queues, 1);
        let held = || async {
            let snapshot = consumer.snapshot().await.unwrap();
            snapshot.queues.iter().any(|queue| &*queue.queue.topic == "t")
        };
        eventually("it has gone or come", || async { held().await == (queues == 1) }).await;
    }
    send(&client, 5..6).await;
    eventually("the next one is seen", || async { log.len() >= 4 }).await;
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies(), ["2", "3", "4", "5"]);
    assert_eq!(report.uncommitted, 1, "and that it is not saved is said");
}
