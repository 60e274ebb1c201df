//! Consumers of static topics, whose queues are called by the name of a broker that does not exist.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

const HOLDERS: [&str; 4] = ["broker-a", "broker-a", "broker-b", "broker-b"];

/// Two brokers that hold two queues each of topic `t`, with ten messages in each queue.
async fn held_by_two() -> (MockCluster, Client) {
    let cluster = MockCluster::builder().brokers(2).topic("t", 4).start().await.unwrap();
    cluster.set_static("t", &HOLDERS);
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..40 {
        producer.send(Message::new("t", number.to_string())).await.unwrap();
    }
    (cluster, client)
}

/// How often each message was seen.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<Vec<u8>, usize>>>);

impl Seen {
    fn note(&self, delivery: &Delivery) {
        let is_logical = delivery.queue().broker_name.starts_with("__syslo__");
        assert!(is_logical || delivery.reconsume_times() > 0);
        *self.0.lock().unwrap().entry(delivery.body().to_vec()).or_default() += 1;
    }

    fn counts(&self) -> (usize, usize) {
        let seen = self.0.lock().unwrap();
        (seen.len(), seen.values().sum())
    }
}

fn committed(cluster: &MockCluster) -> i64 {
    let stored = (0..).zip(HOLDERS).map(|(queue, at)| cluster.stored_offset(at, "g", "t", queue));
    stored.map(Option::unwrap_or_default).sum()
}

#[tokio::test]
async fn queues_are_read_leased_and_committed_where_they_lie() {
    let (cluster, client) = held_by_two().await;
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.ordered().start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { seen.counts().0 == 40 }).await;
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    assert_eq!((seen.counts(), committed(&cluster)), ((40, 40), 40));
    let asked = |server: &str, code| {
        cluster.requests().iter().any(|it| it.server == server && it.code == code)
    };
    for broker in ["broker-a", "broker-b"] {
        for code in [RequestCode::LOCK_BATCH_MQ, RequestCode::UNLOCK_BATCH_MQ] {
            assert!(asked(broker, code), "{code:?} at {broker}");
        }
    }
}

#[tokio::test]
async fn what_fails_comes_again_by_way_of_the_retry_topic() {
    let (cluster, client) = held_by_two().await;
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        let again = delivery.reconsume_times() > 0;
        async move { if again || !delivery.body().ends_with(b"7") { Ok(()) } else { Err("once") } }
    });
    let consumer = consumer.await.unwrap();
    eventually("four come again", || async { seen.counts() == (40, 44) }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster), 40);
    assert_eq!(cluster.count(RequestCode::CONSUMER_SEND_MSG_BACK), 0, "no broker has such a name");
}

#[tokio::test]
async fn lite_pull_and_classic_pull_find_the_holder() {
    let (cluster, client) = held_by_two().await;
    let consumer = client.lite_pull_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.start().await.unwrap();
    let mut polled = 0;
    while polled < 40 {
        polled += consumer.poll(PATIENCE).await.unwrap().len();
    }
    consumer.shutdown(PATIENCE).await;
    assert_eq!((polled, committed(&cluster)), (40, 40));

    let puller = client.pull_consumer("h").start().await.unwrap();
    let mut pulled = 0;
    for queue in puller.queues("t").await.unwrap() {
        assert_eq!(puller.max_offset(&queue).await.unwrap(), 10);
        pulled += puller.pull(&queue, 0).await.unwrap().messages.len();
    }
    assert_eq!(pulled, 40);
    puller.shutdown().await;
}
