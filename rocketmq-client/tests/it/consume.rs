//! Push consumers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{Client, Delivery, ErrorKind, Message, Outcome, PushConsumer, StartFrom};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory};

/// What consumers have seen: how often each body.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, usize>>>);

impl Seen {
    fn note(&self, delivery: &Delivery) {
        let body = String::from_utf8(delivery.body().to_vec()).unwrap();
        *self.0.lock().unwrap().entry(body).or_default() += 1;
    }

    fn distinct(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn repeated(&self) -> usize {
        self.0.lock().unwrap().values().map(|times| times - 1).sum()
    }
}

async fn send(client: &Client, numbers: std::ops::Range<usize>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(Message::new("t", format!("{number}"))).await.unwrap();
    }
}

async fn consume(client: &Client, seen: &Seen) -> PushConsumer {
    let seen = seen.clone();
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    consumer
        .start(move |delivery: Delivery| {
            seen.note(&delivery);
            async {}
        })
        .await
        .unwrap()
}

fn committed(cluster: &MockCluster, queues: i32) -> i64 {
    (0..queues).filter_map(|queue| cluster.stored_offset("broker-a", "g", "t", queue)).sum()
}

#[tokio::test]
async fn a21_everything_is_consumed_once_and_committed_at_the_end() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..200).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen).await;
    eventually("200 are seen", || async { seen.distinct() == 200 }).await;
    send(&client, 200..300).await;
    eventually("300 are seen", || async { seen.distinct() == 300 }).await;
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.undelivered, report.unsettled, report.uncommitted), (0, 0, 0));
    assert_eq!(committed(&cluster, 4), 300);
    assert!(cluster.members("broker-a", "g").is_empty(), "the broker knows that it has left");
    assert_eq!(seen.repeated(), 0);
}

#[tokio::test]
async fn the_next_member_goes_on_where_the_last_has_stopped() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    let seen = Seen::default();
    for round in 0..3 {
        send(&client, round * 50..(round + 1) * 50).await;
        let consumer = consume(&client, &seen).await;
        eventually("the round is seen", || async { seen.distinct() == (round + 1) * 50 }).await;
        consumer.shutdown(PATIENCE).await;
    }
    assert_eq!(seen.repeated(), 0);
}

async fn held(consumer: &PushConsumer) -> usize {
    let snapshot = consumer.snapshot().await.unwrap();
    snapshot.queues.iter().filter(|queue| &*queue.queue.topic == "t").count()
}

#[tokio::test(start_paused = true)]
async fn f10_no_queue_is_left_behind_when_its_broker_comes_back() {
    const QUEUES: usize = 16;
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", QUEUES as u16)).await;
    let client = Client::builder(cluster.name_server_list()).connector(pipes);
    let client = client.connect().await.unwrap();
    let seen = Seen::default();
    let consumer = consume(&client, &seen).await;
    for round in 0..4 {
        // One to each queue: a queue that nobody reads any more shows.
        send(&client, round * QUEUES..(round + 1) * QUEUES).await;
        let began = tokio::time::Instant::now();
        let all = || async { seen.distinct() == (round + 1) * QUEUES };
        eventually("every queue is read", all).await;
        assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
        cluster.stop_broker("broker-a").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        cluster.start_broker("broker-a").await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a7_two_members_share_the_queues_and_a_leaver_hands_over() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let (one, two) = (client_of(&cluster).await, client_of(&cluster).await);
    let seen = Seen::default();
    let first = consume(&one, &seen).await;
    let second = consume(&two, &seen).await;
    eventually("both hold two queues", || async {
        held(&first).await == 2 && held(&second).await == 2
    })
    .await;
    send(&one, 0..100).await;
    eventually("100 are seen", || async { seen.distinct() == 100 }).await;
    first.shutdown(PATIENCE).await;
    eventually("the second holds all queues", || async { held(&second).await == 4 }).await;
    send(&one, 100..150).await;
    eventually("150 are seen", || async { seen.distinct() == 150 }).await;
    second.shutdown(PATIENCE).await;
    assert_eq!(seen.repeated(), 0);
    assert_eq!(committed(&cluster, 4), 150);
}

#[tokio::test]
async fn f70_tags_are_compared_by_text_and_not_by_hash() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    // "AaAa" and "BBBB" have the same hash, so that the broker lets both through.
    for tag in ["AaAa", "BBBB", "other", "AaAa"] {
        producer.send(Message::new("t", tag).tag(tag)).await.unwrap();
    }
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer =
        client.push_consumer("g").subscribe("t", "AaAa || nothing").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |delivery: Delivery| {
            noted.note(&delivery);
            async {}
        })
        .await
        .unwrap();
    eventually("the offset is past all four", || async {
        consumer.lag().await.is_ok_and(|lag| lag == 0)
            && seen.distinct() == 1
            && seen.repeated() == 1
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster, 1), 4);
}

#[tokio::test]
async fn a9_f88_what_a_handler_says_happens() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for body in ["error", "panic", "dead", "good"] {
        producer.send(Message::new("t", body)).await.unwrap();
    }
    let seen = Seen::default();
    let noted = seen.clone();
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |delivery: Delivery| {
            noted.note(&delivery);
            async move {
                assert_eq!(
                    delivery.topic(),
                    "t",
                    "a message that comes again shows where it was sent to"
                );
                match (&delivery.body()[..], delivery.reconsume_times()) {
                    (b"error", 0) => Err("not yet"),
                    (b"panic", 0) => panic!("on purpose"),
                    (b"dead", _) => Ok(Outcome::DeadLetter),
                    _ => Ok(Outcome::Ack),
                }
            }
        })
        .await
        .unwrap();
    eventually("both failures came again", || async { seen.repeated() == 2 }).await;
    consumer.shutdown(PATIENCE).await;
    let dead = cluster.messages("%DLQ%g");
    assert_eq!(dead.iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [b"dead"]);
    assert_eq!(committed(&cluster, 1), 4);
}

#[tokio::test]
async fn no_more_handlers_run_than_were_asked_for() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..60).await;
    let (running, most, done) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (now, peak, ended) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&done));
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First).concurrency(3);
    let consumer = consumer
        .start(move |_: Delivery| {
            let (now, peak, ended) = (Arc::clone(&now), Arc::clone(&peak), Arc::clone(&ended));
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                ended.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await
        .unwrap();
    eventually("all are handled", || async { done.load(Ordering::SeqCst) == 60 }).await;
    assert!(most.load(Ordering::SeqCst) <= 3);
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_broker_that_comes_back_is_consumed_from_again() {
    let cluster = MockCluster::builder().topic("t", 2).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..20).await;
    let seen = Seen::default();
    let consumer = consume(&client, &seen).await;
    eventually("20 are seen", || async { seen.distinct() == 20 }).await;
    assert!(cluster.stop_broker("broker-a").await);
    cluster.start_broker("broker-a").await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    eventually("a send succeeds again", || async {
        producer.send(Message::new("t", "again")).await.is_ok()
    })
    .await;
    eventually("consumption resumes by itself", || async { seen.distinct() == 21 }).await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_hung_handler_does_not_hold_up_shutdown_for_ever() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..1).await;
    let begun = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&begun);
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |_: Delivery| {
            noted.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>()
        })
        .await
        .unwrap();
    eventually("the handler hangs", || async { begun.load(Ordering::SeqCst) == 1 }).await;
    let report = tokio::time::timeout(PATIENCE, consumer.shutdown(Duration::from_millis(100)))
        .await
        .unwrap();
    assert_eq!(report.unsettled, 1);
    assert!(committed(&cluster, 1) < 1, "what was not finished is not committed");
}

#[tokio::test]
async fn f72_an_unanswered_offset_query_is_not_an_offset() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..5).await;
    let seen = Seen::default();
    consume(&client, &seen).await.shutdown(PATIENCE).await;
    eventually("5 are seen or none was begun", || async { seen.distinct() % 5 == 0 }).await;
    cluster.inject(RequestCode::QUERY_CONSUMER_OFFSET, Fault::HangUp, 1);
    let consumer = consume(&client, &seen).await;
    eventually("all 5 are seen", || async { seen.distinct() == 5 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster, 1), 5);
}

#[tokio::test]
async fn wrong_options_are_refused_at_start() {
    let cluster = MockCluster::start().await.unwrap();
    let client = client_of(&cluster).await;
    let check =
        |error: rocketmq_client::Error| assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let handler = |_: Delivery| async {};
    check(client.push_consumer("g").start(handler).await.unwrap_err());
    check(client.push_consumer("").subscribe("t", "*").start(handler).await.unwrap_err());
    check(client.push_consumer("g").subscribe("a b", "*").start(handler).await.unwrap_err());
    check(client.push_consumer("g").subscribe("t", "||").start(handler).await.unwrap_err());
    check(
        client
            .push_consumer("g")
            .subscribe("t", "*")
            .pull_batch(0)
            .start(handler)
            .await
            .unwrap_err(),
    );
    let _first = client.push_consumer("g").subscribe("t", "*").start(handler).await.unwrap();
    check(client.push_consumer("g").subscribe("t", "*").start(handler).await.unwrap_err());
}
