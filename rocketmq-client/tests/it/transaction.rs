//! Transactions.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use rocketmq_client::{
    BoxError, Client, ErrorKind, HalfMessage, Message, Resolution, ResponseCode,
    TransactionProducer,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::{
    Command,
    code::RequestCode,
    header::{CheckTransactionStateRequestHeader, EndTransactionRequestHeader},
    message::{MessageExt, MessageId, Properties, encode_message, property},
};

use crate::{PATIENCE, client_of, eventually};

const END: RequestCode = RequestCode::END_TRANSACTION;

async fn cluster() -> MockCluster {
    MockCluster::builder().topic("t", 1).start().await.unwrap()
}

/// A producer whose check gives these answers one after another, and from then on the last.
async fn producer(client: &Client, group: &str, answers: &[Resolution]) -> TransactionProducer {
    let (answers, asked) = (answers.to_vec(), AtomicUsize::new(0));
    let check = move |_half: HalfMessage| {
        let answer = answers[asked.fetch_add(1, Relaxed).min(answers.len() - 1)];
        async move { answer }
    };
    client.producer(group).transactional(check).start().await.unwrap()
}

/// What brokers were told about half messages: the resolution, and whether they had asked.
fn ends(cluster: &MockCluster) -> Vec<(i32, bool)> {
    let requests = cluster.requests().into_iter().filter(|request| request.code == END);
    let headers = requests.map(|request| request.command.header::<EndTransactionRequestHeader>());
    headers
        .map(|header| header.unwrap())
        .map(|header| (header.commit_or_rollback, header.from_transaction_check.unwrap()))
        .collect()
}

#[tokio::test]
async fn what_commits_is_delivered_and_what_rolls_back_is_not() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let producer = producer(&client, "g", &[Resolution::Unknown]).await;
    let half = producer.begin(Message::new("t", "committed").tag("T").key("k")).await.unwrap();
    assert!(cluster.messages("t").is_empty(), "nobody sees it yet");
    let id: MessageId = *half.message_id();
    half.commit().await.unwrap();
    let [stored] = &cluster.messages("t")[..] else { panic!("one message") };
    assert_eq!((&stored.body[..], stored.message_id()), (&b"committed"[..], id));
    assert_eq!(stored.properties.get(property::PRODUCER_GROUP), Some("g"));

    producer.begin(Message::new("t", "rolled back")).await.unwrap().rollback().await.unwrap();
    assert_eq!(cluster.messages("t").len(), 1);
    assert_eq!(ends(&cluster), [(8, false), (12, false)]);
}

#[tokio::test]
async fn a19_a_transaction_that_nobody_decided_is_asked_about() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let producer = producer(&client, "g", &[Resolution::Unknown, Resolution::Commit]).await;
    drop(producer.begin(Message::new("t", "later")).await.unwrap());
    eventually("the check commits", || async { cluster.messages("t").len() == 1 }).await;
    let ends = ends(&cluster);
    assert_eq!(ends.first(), Some(&(0, false)), "undecided is unknown, not rolled back");
    assert_eq!(ends.last(), Some(&(8, true)));

    let other = client_of(&cluster).await;
    let never = self::producer(&other, "never", &[Resolution::Rollback]).await;
    drop(never.begin(Message::new("t", "never")).await.unwrap());
    eventually("the check rolls back", || async { self::ends(&cluster).contains(&(12, true)) })
        .await;
    assert_eq!(cluster.messages("t").len(), 1);
}

#[tokio::test]
async fn a_check_sees_the_message_as_it_was_sent() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let seen = Arc::new(Mutex::new(None));
    let check = {
        let seen = Arc::clone(&seen);
        move |half: HalfMessage| {
            let keys: Vec<String> = half.keys().map(str::to_owned).collect();
            let facts = (half.topic().to_owned(), half.body().clone(), keys, half.message_id());
            *seen.lock().unwrap() = Some((facts, half.check_times()));
            async { Err::<Resolution, BoxError>("cannot tell".into()) }
        }
    };
    let producer = client.producer("g").transactional(check).start().await.unwrap();
    let body = "compressible ".repeat(1_000);
    let half = producer.begin(Message::new("t", body.clone()).key("k")).await.unwrap();
    let id = *half.message_id();
    drop(half);
    eventually("it is asked", || async { seen.lock().unwrap().is_some() }).await;
    let ((topic, seen_body, keys, seen_id), times) = seen.lock().unwrap().take().unwrap();
    assert_eq!((topic.as_str(), keys, seen_id), ("t", vec!["k".to_owned()], id));
    assert_eq!(seen_body, body, "inflated");
    assert!(times >= 1);
    eventually("an error is unknown", || async { ends(&cluster).contains(&(0, true)) }).await;
}

#[tokio::test]
async fn f53_while_the_local_transaction_runs_the_answer_is_unknown() {
    let cluster = MockCluster::builder()
        .topic("t", 1)
        .transaction_check(Duration::from_millis(10))
        .start()
        .await
        .unwrap();
    let client = client_of(&cluster).await;
    let producer = producer(&client, "g", &[Resolution::Rollback]).await;
    let half = producer.begin(Message::new("t", "x").tag("slow")).await.unwrap();
    eventually("brokers ask", || async { ends(&cluster).len() >= 3 }).await;
    assert!(ends(&cluster).iter().all(|end| *end == (0, true)), "the check was not called");
    drop(half);
    eventually("the check decides then", || async { ends(&cluster).contains(&(12, true)) }).await;
}

#[tokio::test]
async fn f54_each_group_of_a_client_answers_for_itself() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let commits = producer(&client, "commits", &[Resolution::Commit]).await;
    let rolls_back = producer(&client, "rolls-back", &[Resolution::Rollback]).await;
    let twice = client.producer("commits").transactional(|_half| async { Resolution::Commit });
    assert_eq!(twice.start().await.unwrap_err().kind(), ErrorKind::Invalid);
    drop(rolls_back.begin(Message::new("t", "b")).await.unwrap());
    drop(commits.begin(Message::new("t", "a")).await.unwrap());
    eventually("both were asked", || async {
        let ends = ends(&cluster);
        ends.contains(&(8, true)) && ends.contains(&(12, true))
    })
    .await;
    let bodies: Vec<_> = cluster.messages("t").into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["a"]);
    // A group that has gone is not asked, and may come again.
    commits.shutdown(PATIENCE).await;
    producer(&client, "commits", &[Resolution::Commit]).await;
}

#[tokio::test]
async fn f55_a_body_that_the_broker_has_inflated_is_read_though_its_flag_says_otherwise() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let seen = Arc::<Mutex<Option<Bytes>>>::default();
    let check = {
        let seen = Arc::clone(&seen);
        move |half: HalfMessage| {
            *seen.lock().unwrap() = Some(half.body().clone());
            async { Resolution::Commit }
        }
    };
    let producer = client.producer("g").transactional(check).start().await.unwrap();
    let body = Bytes::from("compressible ".repeat(1_000));
    let receipt = producer.send(Message::new("t", body.clone())).await.unwrap();
    let stored = cluster.messages("t").remove(0);
    assert!(stored.body.len() < body.len(), "compressed");
    let id = receipt.message_id();
    let properties = format!("PGROUP\u{1}g\u{2}UNIQ_KEY\u{1}{id}\u{2}");
    let properties = Properties::from_bytes(properties.into());
    let half = MessageExt { body: body.clone(), properties, ..stored };
    let mut encoded = BytesMut::new();
    encode_message(&half, &mut encoded);
    let question = Command::request(&CheckTransactionStateRequestHeader::default());
    cluster.send_to_clients("broker-a", &question.with_body(encoded.freeze()).oneway());
    eventually("it is asked", || async { seen.lock().unwrap().is_some() }).await;
    assert_eq!(*seen.lock().unwrap(), Some(body));
    eventually("and answers", || async { ends(&cluster).contains(&(8, true)) }).await;
}

#[tokio::test]
async fn f56_a_lost_commit_is_mended_by_the_check() {
    // Fifteen checks have to last until the client has connected anew.
    let check = Duration::from_millis(500);
    let builder = MockCluster::builder().topic("t", 1).transaction_check(check);
    let cluster = builder.start().await.unwrap();
    // The broker can ask again once it has heard of the group over a new connection.
    let client = Client::builder(cluster.name_server_address().to_string())
        .heartbeat_interval(Duration::from_millis(50))
        .connect()
        .await
        .unwrap();
    let producer = producer(&client, "g", &[Resolution::Commit]).await;
    let half = producer.begin(Message::new("t", "x")).await.unwrap();
    cluster.inject(END, Fault::HangUp, 1);
    let error = half.commit().await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    eventually("the check commits", || async { cluster.messages("t").len() == 1 }).await;
}

#[tokio::test]
async fn what_is_not_stored_safely_is_rolled_back() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let producer = producer(&client, "g", &[Resolution::Unknown]).await;
    let unsafely = Fault::AnswerAs(ResponseCode::FLUSH_DISK_TIMEOUT);
    cluster.inject(RequestCode::SEND_MESSAGE_V2, unsafely, 1);
    let error = producer.begin(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(ends(&cluster), [(12, false)]);
}

#[tokio::test]
async fn checks_beyond_the_backlog_are_dropped_and_counted() {
    let cluster = MockCluster::builder()
        .topic("t", 1)
        .transaction_check(Duration::from_millis(10))
        .start()
        .await
        .unwrap();
    let client = client_of(&cluster).await;
    let never = |_half| std::future::pending::<Resolution>();
    let producer =
        client.producer("g").transactional(never).check_backlog(1).start().await.unwrap();
    for _ in 0..4 {
        drop(producer.begin(Message::new("t", "x")).await.unwrap());
    }
    eventually("checks are dropped", || async { producer.dropped_checks() > 0 }).await;
    producer.send(Message::new("t", "others go on")).await.unwrap();
}

#[tokio::test]
async fn a_half_message_has_no_delay() {
    let cluster = cluster().await;
    let client = client_of(&cluster).await;
    let producer = producer(&client, "g", &[Resolution::Unknown]).await;
    let error = producer.begin(Message::new("t", "x").delay_level(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(cluster.count(RequestCode::SEND_MESSAGE_V2), 0);
}
