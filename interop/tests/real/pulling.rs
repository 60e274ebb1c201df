//! Queues that are read one pull at a time, or polled.

use std::{collections::BTreeSet, time::Duration};

use rocketmq_client::{Client, LitePullConsumer, PullConsumer, PullStatus, StartFrom};
use rocketmq_protocol::message::MessageExt;

use crate::{PATIENCE, client_of, eventually, number_of, numbered, shared};

const COUNT: u64 = 200;

async fn send(client: &Client, topic: &str, numbers: std::ops::Range<u64>) {
    let producer = client.producer("p").start().await.unwrap();
    for number in numbers {
        producer.send(numbered(topic, number)).await.unwrap();
    }
}

fn number(message: &MessageExt) -> u64 {
    u64::from_be_bytes(*message.body.first_chunk().unwrap())
}

/// Reads every queue from where the group stands to its end, and commits.
async fn read_on(consumer: &PullConsumer, topic: &str, from_first: bool) -> Vec<u64> {
    let mut seen = Vec::new();
    for queue in consumer.queues(topic).await.unwrap() {
        let stored = consumer.committed(&queue).await.unwrap().filter(|_| !from_first);
        let mut offset = stored.unwrap_or(0);
        loop {
            let pulled = consumer.pull(&queue, offset).filter("load").await.unwrap();
            assert!(pulled.damaged.is_empty());
            seen.extend(pulled.messages.iter().map(number));
            offset = pulled.next_offset;
            if pulled.status == PullStatus::NoNewMessage {
                break;
            }
        }
        assert_eq!(offset, consumer.max_offset(&queue).await.unwrap());
        consumer.commit(&queue, offset).await.unwrap();
    }
    seen
}

#[tokio::test]
async fn queues_are_pulled_to_their_end_and_on_from_the_committed_offset() {
    let client = client_of(shared()).await;
    send(&client, "pulled", 0..COUNT).await;
    let consumer = client.pull_consumer("pull-classic").start().await.unwrap();
    let seen = read_on(&consumer, "pulled", true).await;
    assert_eq!(seen.len() as u64, COUNT);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..COUNT).collect());
    send(&client, "pulled", COUNT..COUNT + 20).await;
    let seen = read_on(&consumer, "pulled", false).await;
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (COUNT..COUNT + 20).collect());
    let progress = shared().mqadmin(&["consumerProgress", "-g", "pull-classic"]).unwrap();
    assert!(progress.contains("Diff Total: 0"), "{progress}");
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn offsets_are_corrected_searched_and_waited_behind() {
    let client = client_of(shared()).await;
    send(&client, "sought", 0..20).await;
    let consumer = client.pull_consumer("pull-offsets").start().await.unwrap();
    let queues = consumer.queues("sought").await.unwrap();
    let mut most = (0, queues[0].clone());
    for queue in queues {
        most = most.max((consumer.max_offset(&queue).await.unwrap(), queue));
    }
    let (end, queue) = most;
    let beyond = consumer.pull(&queue, end + 10).await.unwrap();
    assert_eq!((beyond.status, beyond.next_offset), (PullStatus::OffsetIllegal, end));
    let first = consumer.pull(&queue, 0).max(1).await.unwrap();
    let found = consumer.offset_for_time(&queue, first.messages[0].store_timestamp).await.unwrap();
    assert_eq!(found, 0);
    assert_eq!(consumer.min_offset(&queue).await.unwrap(), 0);
    let producer = client.producer("p").start().await.unwrap();
    let (waited, sent) = tokio::join!(consumer.pull(&queue, end).wait(PATIENCE / 8), async {
        // The broker has read the pull before a question that it has answered meanwhile.
        eventually("the pull waits", || async {
            let waits = client.stats().outstanding > 0;
            let end_is_known = consumer.max_offset(&queue).await.unwrap() == end;
            waits && end_is_known && client.stats().outstanding > 0
        })
        .await;
        producer.send(numbered("sought", 99)).to_queue(queue.clone()).await
    });
    sent.unwrap();
    assert_eq!(waited.unwrap().messages.iter().map(number).collect::<Vec<_>>(), [99]);
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

/// Polls until so many have come.
async fn poll(consumer: &LitePullConsumer, count: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    let polling = async {
        while seen.len() < count {
            seen.extend(consumer.poll(PATIENCE).await.unwrap().iter().map(number_of));
        }
    };
    assert!(tokio::time::timeout(PATIENCE, polling).await.is_ok(), "only {} came", seen.len());
    seen
}

#[tokio::test]
async fn a29_members_poll_what_is_theirs_and_the_next_goes_on_behind_it() {
    let (one, two) = (client_of(shared()).await, client_of(shared()).await);
    send(&one, "polled", 0..COUNT).await;
    let member = |client: &Client| {
        let consumer = client.lite_pull_consumer("lite-shared").subscribe("polled", "load");
        consumer.start_from(StartFrom::First).start()
    };
    let first = member(&one).await.unwrap();
    let mut seen = poll(&first, 60).await;
    // Queues that move away would be read again from what was polled last, for nobody has vouched for it yet.
    first.commit().await.unwrap();
    let second = member(&two).await.unwrap();
    eventually("the queues are shared", || async {
        let (a, b) = (first.assignment().await.unwrap(), second.assignment().await.unwrap());
        a.len() == b.len() && !a.is_empty() && a.iter().all(|queue| !b.contains(queue))
    })
    .await;
    first.shutdown(PATIENCE).await;
    seen.extend(poll(&second, COUNT as usize - seen.len()).await);
    assert!(second.poll(Duration::from_secs(3)).await.unwrap().is_empty());
    assert_eq!(seen.len() as u64, COUNT, "nothing came twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..COUNT).collect());
    let report = second.shutdown(PATIENCE).await;
    assert_eq!(report.uncommitted, 0);
    let progress = shared().mqadmin(&["consumerProgress", "-g", "lite-shared"]).unwrap();
    assert!(progress.contains("Diff Total: 0"), "{progress}");
    assert!(one.shutdown(PATIENCE).await.is_clean() && two.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn assigned_queues_are_sought_committed_and_resumed() {
    let client = client_of(shared()).await;
    let producer = client.producer("p").start().await.unwrap();
    let queue = producer.send(numbered("polled-by-hand", 0)).await.unwrap().queue().clone();
    for number in 1..50 {
        producer.send(numbered("polled-by-hand", number)).to_queue(queue.clone()).await.unwrap();
    }
    let reader = || {
        let consumer = client.lite_pull_consumer("lite-by-hand").assign([queue.clone()]);
        consumer.auto_commit(false).poll_batch(10).start()
    };
    let consumer = reader().await.unwrap();
    consumer.seek_to_begin(&queue).await.unwrap();
    assert_eq!(poll(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    consumer.commit().await.unwrap();
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(10));
    assert_eq!(poll(&consumer, 10).await, (10..20).collect::<Vec<_>>());
    consumer.shutdown(PATIENCE).await;
    // What was not committed is read again.
    let consumer = reader().await.unwrap();
    assert_eq!(poll(&consumer, 10).await, (10..20).collect::<Vec<_>>());
    consumer.seek(&queue, 40).await.unwrap();
    assert_eq!(poll(&consumer, 10).await, (40..50).collect::<Vec<_>>());
    consumer.seek_to_time(&queue, 0).await.unwrap();
    assert_eq!(poll(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    consumer.seek_to_end(&queue).await.unwrap();
    producer.send(numbered("polled-by-hand", 50)).to_queue(queue.clone()).await.unwrap();
    assert_eq!(poll(&consumer, 1).await, [50]);
    consumer.shutdown(PATIENCE).await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
