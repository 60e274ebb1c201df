//! Attempts, retries and back-pressure: what goes wrong with sends, and what becomes of them.

use std::time::Duration;

use rocketmq_client::{
    Client, Error, ErrorKind, LatencyFaults, Message, Producer, ProducerBuilder, ResponseCode,
    SendStatus,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn cluster(brokers: usize) -> MockCluster {
    MockCluster::builder().brokers(brokers).topic("t", 1).start().await.unwrap()
}

async fn producer(cluster: &MockCluster) -> Producer {
    builder(cluster).await.start().await.unwrap()
}

async fn builder(cluster: &MockCluster) -> ProducerBuilder {
    client_of(cluster).await.producer("p")
}

fn message() -> Message {
    Message::new("t", "x")
}

/// How many messages each broker was sent.
fn sent_to(cluster: &MockCluster, server: &str) -> usize {
    cluster.requests().iter().filter(|sent| sent.code == SEND && sent.server == server).count()
}

#[tokio::test]
async fn a1_a_busy_broker_is_left_for_another() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    cluster.inject(SEND, Fault::Refuse(ResponseCode::SYSTEM_BUSY), 1);
    let receipt = producer.send(message()).await.unwrap();
    assert_eq!(receipt.attempts(), 2);
    assert_eq!((sent_to(&cluster, "broker-a"), sent_to(&cluster, "broker-b")), (1, 1));
    assert_eq!(producer.stats().retries, 1);
}

#[tokio::test]
async fn a2_a_topic_that_brokers_deny_is_given_up_in_time() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    cluster.inject(SEND, Fault::Refuse(ResponseCode::TOPIC_NOT_EXIST), 100);
    let error = producer.send(message()).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::TOPIC_NOT_EXIST));
    assert!(!error.outcome_unknown());
    assert_eq!(cluster.count(SEND), 3, "two more attempts, as in Java");
    let strict = builder(&cluster).await.create_topics(false).start().await.unwrap();
    let error = strict.send(Message::new("misspelt", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TopicNotFound);
    assert_eq!(cluster.count(SEND), 3, "nothing is sent");
}

#[tokio::test]
async fn a3_a_dead_master_costs_one_attempt() {
    let cluster = cluster(2).await;
    let producer =
        builder(&cluster).await.avoid_slow_brokers(LatencyFaults::default()).start().await.unwrap();
    for _ in 0..4 {
        producer.send(message()).await.unwrap();
    }
    cluster.stop_broker("broker-a").await;
    let mut attempts = 0;
    for _ in 0..10 {
        let receipt = producer.send(message()).await.unwrap();
        assert!(receipt.attempts() <= 2);
        assert_eq!(&*receipt.queue().broker_name, "broker-b");
        attempts += receipt.attempts();
    }
    assert!(attempts <= 11, "the dead broker is avoided once it is known: {attempts} attempts");
}

#[tokio::test]
async fn a5_a_full_producer_makes_callers_wait_until_their_deadline() {
    let cluster = cluster(1).await;
    let producer = builder(&cluster).await.max_in_flight(1).start().await.unwrap();
    cluster.inject(SEND, Fault::Ignore, 1);
    let first = producer.send(message()).enqueue().await.unwrap();
    let error = producer.send(message()).try_enqueue().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.is_retryable());
    let waited = producer.send(message()).timeout(Duration::from_millis(50)).enqueue().await;
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(cluster.count(SEND), 1, "what was not admitted was not sent");
    assert_eq!(producer.stats().in_flight, 1);
    assert!(first.await.unwrap_err().outcome_unknown());
    producer.send(message()).try_enqueue().unwrap().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f40_a_silent_broker_leaves_time_for_another() {
    let (cluster, pipes) = in_memory(MockCluster::builder().brokers(2).topic("t", 1)).await;
    let client = Client::builder(cluster.name_server_list()).connector(pipes);
    let producer = client.connect().await.unwrap().producer("p").start().await.unwrap();
    cluster.inject_at("broker-a", SEND, Fault::Ignore, 100);
    for _ in 0..2 {
        let began = tokio::time::Instant::now();
        let send = producer.send(message()).timeout(Duration::from_millis(600));
        assert_eq!(&*send.await.unwrap().queue().broker_name, "broker-b");
        assert!(began.elapsed() < Duration::from_millis(400), "half of the time was left");
    }
    assert!(sent_to(&cluster, "broker-a") >= 1, "it had its turn");
}

#[tokio::test]
async fn f41_system_busy_is_tried_again_everywhere() {
    let cluster = cluster(1).await;
    let producer = producer(&cluster).await;
    cluster.inject(SEND, Fault::Refuse(ResponseCode::SYSTEM_BUSY), 2);
    let pending = producer.send(message()).enqueue().await.unwrap();
    assert_eq!(pending.await.unwrap().attempts(), 3, "the one policy holds for enqueued sends too");
}

#[tokio::test]
async fn f42_a_broker_that_dies_in_mid_send_is_noticed_at_once() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    cluster.inject(SEND, Fault::Reset, 1);
    let began = tokio::time::Instant::now();
    let receipt = producer.send(message()).timeout(PATIENCE).await.unwrap();
    assert_eq!(receipt.attempts(), 2);
    assert!(began.elapsed() < PATIENCE / 2, "the caller did not wait for the deadline");
}

#[tokio::test]
async fn f43_a_broker_that_recovers_gets_its_share_again() {
    let cluster = cluster(2).await;
    let mut faults = LatencyFaults::default();
    faults.probe_interval = Some(Duration::from_millis(20));
    let client = Client::builder(cluster.name_server_address().to_string())
        .route_refresh_interval(Duration::from_millis(20))
        .connect()
        .await
        .unwrap();
    let producer = client.producer("p").avoid_slow_brokers(faults).start().await.unwrap();
    cluster.stop_broker("broker-a").await;
    for _ in 0..4 {
        producer.send(message()).await.unwrap();
    }
    cluster.start_broker("broker-a").await.unwrap();
    eventually("broker-a is sent to again", || async {
        let receipt = producer.send(message()).await.unwrap();
        &*receipt.queue().broker_name == "broker-a"
    })
    .await;
    let mut there = 0;
    for _ in 0..100 {
        let receipt = producer.send(message()).await.unwrap();
        there += usize::from(&*receipt.queue().broker_name == "broker-a");
    }
    assert_eq!(there, 50, "one in two");
}

#[tokio::test]
async fn f44_queues_are_chosen_evenly() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 4).start().await.unwrap();
    let producer = producer(&cluster).await;
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..80 {
        let receipt = producer.send(message()).await.unwrap();
        *counts.entry(receipt.queue().clone()).or_insert(0) += 1;
    }
    assert!(counts.len() == 8 && counts.values().all(|count| *count == 10), "{counts:?}");
}

#[tokio::test]
async fn f46_an_enqueued_send_ends_with_an_error_if_the_broker_is_down() {
    let cluster = cluster(1).await;
    let producer = producer(&cluster).await;
    producer.send(message()).await.unwrap();
    cluster.stop_broker("broker-a").await;
    let pending = producer.send(message()).timeout(Duration::from_millis(500)).enqueue().await;
    let error = pending.unwrap().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout), "{error:?}");
}

/// The first attempt of an enqueued send is made by nobody's task; the others are as of every send.
#[tokio::test]
async fn enqueued_sends_have_all_their_attempts() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    for _ in 0..2 {
        producer.send(message()).await.unwrap(); // both brokers are connected
    }
    let asked = cluster.count(SEND);
    for (fault, attempts) in [
        (Fault::Refuse(ResponseCode::SYSTEM_BUSY), 2),
        (Fault::Refuse(ResponseCode::GO_AWAY), 1),
        (Fault::HangUp, 2),
    ] {
        cluster.inject(SEND, fault, 1);
        let pending = producer.send(message()).enqueue().await.unwrap();
        let receipt = pending.await.unwrap();
        assert_eq!(receipt.attempts(), attempts);
    }
    assert_eq!(cluster.count(SEND), asked + 6);
    let stats = producer.stats();
    assert_eq!((stats.stored, stats.retries, stats.in_flight), (5, 2, 0));

    cluster.inject(SEND, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 1);
    let refused = producer.send(message()).enqueue().await.unwrap().await.unwrap_err();
    assert_eq!(refused.response_code(), Some(ResponseCode::MESSAGE_ILLEGAL));
    assert_eq!(producer.stats().failed, 1);
}

#[tokio::test]
async fn f47_sends_without_answers_are_bounded_by_their_bytes() {
    let cluster = cluster(1).await;
    let producer = builder(&cluster)
        .await
        .max_in_flight_bytes(1_000)
        .compress_from(usize::MAX)
        .start()
        .await
        .unwrap();
    cluster.inject(SEND, Fault::Ignore, 100);
    let large = || Message::new("t", vec![1; 400]);
    let _first = producer.send(large()).try_enqueue().unwrap();
    let _second = producer.send(large()).try_enqueue().unwrap();
    assert_eq!(producer.send(large()).try_enqueue().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(producer.stats().bytes_in_flight, 800);
    let alone = producer.send(Message::new("t", vec![1; 4_000])).timeout(Duration::from_millis(20));
    assert_eq!(alone.enqueue().await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn f48_time_spent_waiting_for_room_counts() {
    let cluster = cluster(1).await;
    let producer = builder(&cluster).await.max_in_flight(1).start().await.unwrap();
    cluster.inject(SEND, Fault::Delay(Duration::from_millis(100)), 1);
    let _first = producer.send(message()).enqueue().await.unwrap();
    let send = producer.send(message()).timeout(Duration::from_secs(5)).enqueue().await.unwrap();
    send.await.unwrap();
}

#[tokio::test]
async fn f49_a_receipt_means_stored() {
    let cluster = cluster(1).await;
    let producer = producer(&cluster).await;
    for number in 1..=20 {
        producer.send(message()).await.unwrap();
        assert_eq!(cluster.messages("t").len(), number);
    }
    assert_eq!(producer.stats().stored, 20);
}

#[tokio::test]
async fn f50_what_is_wrong_with_the_message_is_asked_once() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    for code in [ResponseCode::MESSAGE_ILLEGAL, ResponseCode::INVALID_PARAMETER] {
        let before = cluster.count(SEND);
        cluster.inject(SEND, Fault::Refuse(code), 1);
        let error = producer.send(message()).await.unwrap_err();
        assert_eq!(error.response_code(), Some(code));
        assert_eq!(cluster.count(SEND), before + 1);
    }
    cluster.inject(SEND, Fault::Refuse(ResponseCode::NO_PERMISSION), 1);
    let before = cluster.count(SEND);
    let error = producer.send(message()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(cluster.count(SEND), before + 1, "who is denied once is denied everywhere");
    let patient = builder(&cluster).await.also_retry(ResponseCode::MESSAGE_ILLEGAL);
    let patient = patient.start().await.unwrap();
    cluster.inject(SEND, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 1);
    assert_eq!(patient.send(message()).await.unwrap().attempts(), 2);
}

#[tokio::test]
async fn what_is_stored_unsafely_can_be_sent_to_another() {
    let cluster = cluster(2).await;
    let unsafely = Fault::AnswerAs(ResponseCode::FLUSH_SLAVE_TIMEOUT);
    cluster.inject(SEND, unsafely.clone(), 1);
    let receipt = producer(&cluster).await.send(message()).await.unwrap();
    assert_eq!((receipt.status(), receipt.attempts()), (SendStatus::SlaveTimeout, 1));

    let careful = builder(&cluster).await.retry_unless_safe(true).start().await.unwrap();
    cluster.inject(SEND, unsafely.clone(), 1);
    let receipt = careful.send(message()).await.unwrap();
    assert_eq!((receipt.status(), receipt.attempts()), (SendStatus::Stored, 2));

    cluster.inject(SEND, unsafely, 1);
    cluster.inject(SEND, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 100);
    let receipt = careful.send(message()).await.unwrap();
    assert_eq!(receipt.status(), SendStatus::SlaveTimeout, "what is stored stays stored");
}

#[tokio::test]
async fn an_unknown_attempt_makes_the_whole_unknown() {
    let cluster = cluster(2).await;
    let producer = producer(&cluster).await;
    cluster.inject(SEND, Fault::HangUp, 1);
    cluster.inject(SEND, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 1);
    let error: Error = producer.send(message()).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::MESSAGE_ILLEGAL));
    assert!(error.outcome_unknown(), "the first attempt may have stored it");
    assert_eq!(producer.stats().unknown, 1);
}
