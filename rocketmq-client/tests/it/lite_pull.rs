//! Lite pull consumers: polled, sought, paused, committed.

use std::{collections::BTreeSet, time::Duration};

use rocketmq_client::{
    Client, Delivery, ErrorKind, LitePullConsumer, LitePullConsumerBuilder, Message, MessageQueue,
    ResponseCode, StartFrom,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

async fn send(client: &Client, numbers: std::ops::Range<usize>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(Message::new("t", format!("{number}"))).await.unwrap();
    }
}

fn number(delivery: &Delivery) -> usize {
    String::from_utf8(delivery.body().to_vec()).unwrap().parse().unwrap()
}

fn shared(client: &Client) -> LitePullConsumerBuilder {
    client.lite_pull_consumer("g").subscribe("t", "*").start_from(StartFrom::First)
}

/// Polls until so many have come.
async fn poll(consumer: &LitePullConsumer, count: usize) -> Vec<usize> {
    let mut all = Vec::new();
    let polling = async {
        while all.len() < count {
            all.extend(consumer.poll(PATIENCE).await.unwrap().iter().map(number));
        }
    };
    assert!(tokio::time::timeout(PATIENCE, polling).await.is_ok(), "only {all:?} came");
    all
}

async fn nothing_more(consumer: &LitePullConsumer) -> bool {
    consumer.poll(Duration::from_millis(50)).await.unwrap().is_empty()
}

fn committed(cluster: &MockCluster) -> i64 {
    (0..4).filter_map(|queue| cluster.stored_offset("broker-a", "g", "t", queue)).sum()
}

/// A cluster with one queue of these messages, and a consumer by hand that reads it.
async fn by_hand(messages: usize) -> (MockCluster, Client, LitePullConsumer, MessageQueue) {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..messages).await;
    let queue = MessageQueue::new("t", "broker-a", 0);
    let consumer = client.lite_pull_consumer("g").assign([queue.clone()]).auto_commit(false);
    let consumer = consumer.poll_batch(5).start().await.unwrap();
    (cluster, client, consumer, queue)
}

#[tokio::test]
async fn everything_is_polled_once_and_committed_at_the_end() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..200).await;
    let consumer = shared(&client).start().await.unwrap();
    let all = poll(&consumer, 200).await;
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (200, (0..200).collect()));
    assert!(nothing_more(&consumer).await);
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.undelivered, report.uncommitted, committed(&cluster)), (0, 0, 200));
    assert!(cluster.members("broker-a", "g").is_empty(), "the broker knows that it has left");
    assert_eq!(cluster.count(RequestCode::CONSUMER_SEND_MSG_BACK), 0);
}

#[tokio::test]
async fn a29_the_next_one_goes_on_behind_what_was_polled() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    let mut all = Vec::new();
    for round in 0..3 {
        send(&client, round * 50..(round + 1) * 50).await;
        let consumer = shared(&client).poll_batch(7).start().await.unwrap();
        // Not everything: what was pulled and not polled is for the next one.
        all.extend(poll(&consumer, 30).await);
        consumer.shutdown(PATIENCE).await;
    }
    let consumer = shared(&client).start().await.unwrap();
    all.extend(poll(&consumer, 150 - all.len()).await);
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (150, (0..150).collect()));
}

#[tokio::test]
async fn members_share_queues_and_hand_over() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let (one, two) = (client_of(&cluster).await, client_of(&cluster).await);
    let first = shared(&one).start().await.unwrap();
    let second = shared(&two).start().await.unwrap();
    eventually("both have two queues", || async {
        first.assignment().await.unwrap().len() == 2
            && second.assignment().await.unwrap().len() == 2
    })
    .await;
    send(&one, 0..100).await;
    let (a, b) = tokio::join!(poll(&first, 50), poll(&second, 50));
    first.shutdown(PATIENCE).await;
    eventually("the second has all", || async { second.assignment().await.unwrap().len() == 4 })
        .await;
    send(&one, 100..120).await;
    let c = poll(&second, 20).await;
    let all: BTreeSet<_> = a.iter().chain(&b).chain(&c).copied().collect();
    assert_eq!((a.len() + b.len() + c.len(), all), (120, (0..120).collect()));
}

#[tokio::test]
async fn automatic_commits_cover_what_was_polled_before_the_last_poll() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..10).await;
    let consumer = shared(&client).poll_batch(5).commit_interval(Duration::from_millis(20));
    let consumer = consumer.start().await.unwrap();
    assert_eq!(poll(&consumer, 5).await, [0, 1, 2, 3, 4]);
    assert_eq!(poll(&consumer, 5).await, [5, 6, 7, 8, 9]);
    eventually("five are committed", || async { committed(&cluster) == 5 }).await;
    assert!(nothing_more(&consumer).await);
    eventually("ten are committed", || async { committed(&cluster) == 10 }).await;
}

#[tokio::test]
async fn by_hand_only_what_is_committed_is_committed() {
    let (cluster, client, consumer, queue) = by_hand(20).await;
    poll(&consumer, 5).await;
    poll(&consumer, 5).await;
    consumer.commit().await.unwrap();
    assert_eq!(committed(&cluster), 10);
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(10));
    poll(&consumer, 5).await;
    consumer.commit_offsets([(queue.clone(), 3)]).await.unwrap();
    assert_eq!(committed(&cluster), 3);
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster), 3, "nothing that nobody asked for");
    let next = client.lite_pull_consumer("g").assign([queue]).start().await.unwrap();
    assert_eq!(poll(&next, 1).await[0], 3);
}

#[tokio::test]
async fn a_commit_that_fails_is_an_error_until_it_succeeds() {
    let (cluster, _client, consumer, _queue) = by_hand(5).await;
    poll(&consumer, 5).await;
    let busy = Fault::Refuse(ResponseCode::SYSTEM_BUSY);
    cluster.inject(RequestCode::UPDATE_CONSUMER_OFFSET, busy, 1);
    consumer.commit().await.unwrap();
    assert_eq!(committed(&cluster), 5, "it was tried again");
    assert_eq!(cluster.count(RequestCode::UPDATE_CONSUMER_OFFSET), 2);
}

#[tokio::test]
async fn seeking_drops_what_was_pulled_ahead() {
    let (cluster, client, consumer, queue) = by_hand(20).await;
    assert_eq!(poll(&consumer, 5).await, [0, 1, 2, 3, 4]);
    consumer.seek(&queue, 12).await.unwrap();
    assert_eq!(poll(&consumer, 8).await, (12..20).collect::<Vec<_>>());
    consumer.seek_to_begin(&queue).await.unwrap();
    assert_eq!(poll(&consumer, 5).await, [0, 1, 2, 3, 4]);
    consumer.seek_to_end(&queue).await.unwrap();
    assert!(nothing_more(&consumer).await);
    send(&client, 20..21).await;
    assert_eq!(poll(&consumer, 1).await, [20]);
    let stored = cluster.messages("t")[20].store_timestamp;
    consumer.seek_to_time(&queue, stored).await.unwrap();
    let since = poll(&consumer, 1).await[0];
    assert_eq!(cluster.messages("t")[since].store_timestamp, stored);
}

#[tokio::test]
async fn a_stream_gives_messages_one_by_one_and_none_that_a_seek_has_left_behind() {
    let (_cluster, _client, consumer, queue) = by_hand(20).await;
    let mut stream = consumer.stream();
    for expected in 0..3 {
        assert_eq!(number(&stream.next().await.unwrap()), expected);
    }
    consumer.seek(&queue, 10).await.unwrap();
    eventually("the seek has been done", || async {
        let snapshot = consumer.snapshot().await.unwrap();
        snapshot.queues[0].next_offset >= Some(10)
    })
    .await;
    for expected in 10..20 {
        assert_eq!(number(&stream.next().await.unwrap()), expected);
    }
}

#[tokio::test]
async fn a22_paused_queues_give_nothing_and_the_others_go_on() {
    let cluster = MockCluster::builder().topic("t", 2).start().await.unwrap();
    let client = client_of(&cluster).await;
    send(&client, 0..40).await;
    let queues = [0, 1].map(|id| MessageQueue::new("t", "broker-a", id));
    let consumer = client.lite_pull_consumer("g").assign(queues.clone());
    let consumer = consumer.auto_commit(false).start().await.unwrap();
    consumer.pause([queues[0].clone()]).unwrap();
    let seen = poll(&consumer, 20).await;
    assert!(nothing_more(&consumer).await);
    assert_eq!(seen.len(), 20);
    consumer.resume([queues[0].clone()]).unwrap();
    let rest = poll(&consumer, 20).await;
    let all: BTreeSet<_> = seen.into_iter().chain(rest).collect();
    assert_eq!(all, (0..40).collect());
}

#[tokio::test]
async fn assigned_queues_are_read_whoever_else_does() {
    let (cluster, client, consumer, queue) = by_hand(10).await;
    let other = client_of(&cluster).await;
    let beside = other.lite_pull_consumer("g").assign([queue.clone()]).start().await.unwrap();
    assert_eq!((poll(&consumer, 10).await.len(), poll(&beside, 10).await.len()), (10, 10));
    assert_eq!(consumer.assignment().await.unwrap(), std::slice::from_ref(&queue));
    consumer.assign([]).await.unwrap();
    eventually("nothing is assigned", || async { consumer.assignment().await.unwrap().is_empty() })
        .await;
    send(&client, 10..11).await;
    assert!(nothing_more(&consumer).await);
    consumer.assign([queue]).await.unwrap();
    assert!(!poll(&consumer, 1).await.is_empty());
}

#[tokio::test]
async fn a_poll_that_is_given_up_loses_nothing() {
    let (_cluster, client, consumer, _queue) = by_hand(0).await;
    let polling = async {
        let mut seen = Vec::new();
        let mut micros = 0;
        while seen.len() < 100 {
            // It may have been answered in the moment in which it is given up.
            micros = (micros + 7) % 300;
            let polled = consumer.poll(PATIENCE);
            let polled = tokio::time::timeout(Duration::from_micros(micros), polled).await;
            seen.extend(polled.into_iter().flatten().flatten().map(|delivery| number(&delivery)));
        }
        seen
    };
    let polling = tokio::time::timeout(PATIENCE, polling);
    let (seen, ()) = tokio::join!(polling, send(&client, 0..100));
    assert_eq!(seen.unwrap().into_iter().collect::<BTreeSet<_>>().len(), 100);
}

#[tokio::test]
async fn an_offset_beyond_the_end_is_repaired_and_reading_goes_on() {
    let (cluster, client, consumer, queue) = by_hand(3).await;
    consumer.commit_offsets([(queue.clone(), 50)]).await.unwrap();
    consumer.shutdown(PATIENCE).await;
    let consumer = client.lite_pull_consumer("g").assign([queue]).start().await.unwrap();
    eventually("the broker has corrected it", || async { committed(&cluster) == 3 }).await;
    send(&client, 3..4).await;
    assert_eq!(poll(&consumer, 1).await, [3]);
}

#[tokio::test]
async fn queue_changes_are_told() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let builder = Client::builder(cluster.name_server_address().to_string());
    let client = builder.route_refresh_interval(Duration::from_millis(20)).connect().await.unwrap();
    let consumer = shared(&client).start().await.unwrap();
    assert_eq!(consumer.queues("t").await.unwrap().len(), 1);
    let mut changes = consumer.watch_queues("t");
    cluster.create_topic("t", 3);
    let changed = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap();
    assert_eq!(changed.unwrap().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let (_cluster, client, consumer, queue) = by_hand(3).await;
    let check = |error: rocketmq_client::Error, kind| assert_eq!(error.kind(), kind, "{error}");
    let elsewhere = MessageQueue::new("t", "broker-a", 7);
    check(consumer.seek(&queue, 4).await.unwrap_err(), ErrorKind::Invalid);
    check(consumer.seek_to_begin(&elsewhere).await.unwrap_err(), ErrorKind::Invalid);
    check(consumer.commit_offsets([(elsewhere.clone(), 1)]).await.unwrap_err(), ErrorKind::Invalid);
    check(consumer.subscribe("t", "*").unwrap_err(), ErrorKind::Invalid);
    let nowhere = MessageQueue::new("nowhere", "broker-a", 0);
    check(consumer.assign([nowhere]).await.unwrap_err(), ErrorKind::TopicNotFound);
    let both = shared(&client).assign([elsewhere.clone()]).start().await.unwrap_err();
    check(both, ErrorKind::Invalid);
    consumer.shutdown(PATIENCE).await;
    let consumer = shared(&client).start().await.unwrap();
    check(consumer.assign([elsewhere]).await.unwrap_err(), ErrorKind::Invalid);
}
