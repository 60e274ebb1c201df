//! Push consumers whose queues brokers assign, to be popped or to be pulled.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{
    Client, Delivery, ErrorKind, Message, Outcome, PushConsumer, ResponseCode, StartFrom,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::time::Instant;

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory};

/// How often each body was seen, with the count of its redeliveries that was highest.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, (usize, i32)>>>);

impl Seen {
    fn note(&self, delivery: &Delivery) -> usize {
        let body = String::from_utf8(delivery.body().to_vec()).unwrap();
        let mut seen = self.0.lock().unwrap();
        let (times, redeliveries) = seen.entry(body).or_default();
        *times += 1;
        *redeliveries = (*redeliveries).max(delivery.reconsume_times());
        *times
    }

    fn distinct(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn repeated(&self) -> usize {
        self.0.lock().unwrap().values().map(|(times, _)| times - 1).sum()
    }
}

async fn send(client: &Client, numbers: std::ops::Range<usize>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(Message::new("t", format!("{number}"))).await.unwrap();
    }
}

async fn consume(
    client: &Client,
    seen: &Seen,
    outcome: impl Fn(usize) -> Outcome + Clone + Send + Sync + 'static,
) -> PushConsumer {
    let seen = seen.clone();
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    consumer
        .pop()
        .start(move |delivery: Delivery| {
            let outcome = outcome(seen.note(&delivery));
            async move { outcome }
        })
        .await
        .unwrap()
}

async fn cluster_of_pops(brokers: usize) -> (MockCluster, Client) {
    let cluster = MockCluster::builder().brokers(brokers).topic("t", 4).start().await.unwrap();
    cluster.set_pop_mode("t", "g", true);
    let client = client_of(&cluster).await;
    (cluster, client)
}

fn out(cluster: &MockCluster) -> usize {
    ["broker-a", "broker-b"].iter().map(|broker| cluster.popped(broker, "g")).sum()
}

#[tokio::test]
async fn everything_is_popped_consumed_and_acknowledged() {
    let (cluster, client) = cluster_of_pops(2).await;
    send(&client, 0..200).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Ack).await;
    eventually("200 are seen", || async { seen.distinct() == 200 }).await;
    send(&client, 200..220).await;
    eventually("220 are seen", || async { seen.distinct() == 220 }).await;
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.undelivered, report.unsettled), (0, 0));
    assert_eq!((out(&cluster), seen.repeated()), (0, 0));
    let pulled_topic = cluster.requests().into_iter().any(|request| {
        request.code == RequestCode::PULL_MESSAGE
            && request.command.ext_fields.get("topic").as_deref() == Some("t")
    });
    assert!(!pulled_topic, "only the retry topic is pulled");
    assert!(cluster.count(RequestCode::BATCH_ACK_MESSAGE) > 0);
}

#[tokio::test(start_paused = true)]
async fn pops_that_are_given_up_do_not_keep_others_waiting() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 4)).await;
    cluster.set_pop_mode("t", "g", true);
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    send(&client, 0..20).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Ack).await;
    eventually("20 are seen, and acknowledged", || async {
        seen.distinct() == 20 && cluster.popped("broker-a", "g") == 0
    })
    .await;
    let began = Instant::now();
    consumer.shutdown(PATIENCE).await;
    // Brokers answer at once. Whoever does not notice waits for its own timers, of 3 s or more.
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn members_pop_beside_each_other_from_the_same_queues() {
    let (cluster, client) = cluster_of_pops(1).await;
    let other = client_of(&cluster).await;
    let (one, two) = (Seen::default(), Seen::default());
    let first = consume(&client, &one, |_| Outcome::Ack).await;
    let second = consume(&other, &two, |_| Outcome::Ack).await;
    eventually("both pop", || async {
        let pops = |consumer: rocketmq_client::Snapshot| {
            consumer.queues.iter().any(|queue| queue.unacknowledged.is_some())
        };
        pops(first.snapshot().await.unwrap()) && pops(second.snapshot().await.unwrap())
    })
    .await;
    send(&client, 0..100).await;
    eventually("100 are seen", || async { one.distinct() + two.distinct() == 100 }).await;
    first.shutdown(PATIENCE).await;
    send(&client, 100..120).await;
    eventually("120 are seen", || async { one.distinct() + two.distinct() == 120 }).await;
    second.shutdown(PATIENCE).await;
    assert_eq!(out(&cluster), 0);
}

#[tokio::test]
async fn a_failure_is_given_another_time_and_a_dead_letter_is_buried() {
    let (cluster, client) = cluster_of_pops(1).await;
    send(&client, 0..1).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Retry).await;
    eventually("it has failed", || async { seen.distinct() == 1 }).await;
    eventually("the broker was asked", || async {
        cluster.count(RequestCode::CHANGE_MESSAGE_INVISIBLETIME) == 1
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(cluster.popped("broker-a", "g"), 1, "it comes again in 10 s");
    let asked = cluster
        .requests()
        .into_iter()
        .find(|request| request.code == RequestCode::CHANGE_MESSAGE_INVISIBLETIME);
    let asked = asked.unwrap().command.ext_fields.get("invisibleTime").unwrap().to_string();
    assert_eq!(asked, "10000");

    send(&client, 1..2).await;
    let consumer = consume(&client, &seen, |_| Outcome::DeadLetter).await;
    eventually("it is buried", || async { cluster.messages("%DLQ%g").len() == 1 }).await;
    eventually("and acknowledged", || async { cluster.popped("broker-a", "g") == 1 }).await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_topic_that_nobody_has_set_to_pop_is_pulled() {
    let (cluster, client) = cluster_of_pops(1).await;
    cluster.set_pop_mode("t", "g", false);
    send(&client, 0..50).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Ack).await;
    eventually("50 are seen", || async { seen.distinct() == 50 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!((cluster.count(RequestCode::POP_MESSAGE), seen.repeated()), (0, 0));
}

#[tokio::test]
async fn brokers_that_assign_nothing_leave_it_to_the_members() {
    let (cluster, client) = cluster_of_pops(1).await;
    let old = Fault::Refuse(ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    cluster.inject(RequestCode::QUERY_ASSIGNMENT, old, usize::MAX);
    send(&client, 0..50).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Ack).await;
    eventually("50 are seen", || async { seen.distinct() == 50 }).await;
    consumer.shutdown(PATIENCE).await;
    assert!(cluster.count(RequestCode::GET_CONSUMER_LIST_BY_GROUP) > 0);
}

#[tokio::test]
async fn lost_answers_to_acknowledgements_are_asked_for_again() {
    let (cluster, client) = cluster_of_pops(1).await;
    cluster.inject(RequestCode::ACK_MESSAGE, Fault::HangUp, 1);
    send(&client, 0..20).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen, |_| Outcome::Ack).await;
    eventually("all are acknowledged", || async { seen.distinct() == 20 && out(&cluster) == 0 })
        .await;
    consumer.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn popping_goes_with_neither_order_nor_broadcasting() {
    let (_cluster, client) = cluster_of_pops(1).await;
    let builder = || client.push_consumer("g").subscribe("t", "*").pop();
    let refused = builder().broadcasting().start(|_| async {}).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let refused = builder().ordered().start(|_| async {}).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
