//! Queues that are read one pull at a time.

use std::collections::BTreeSet;

use rocketmq_client::{Client, PullConsumer, PullStatus};
use rocketmq_protocol::message::MessageExt;

use crate::{PATIENCE, client_of, numbered, shared};

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
    assert!(client.shutdown(PATIENCE).await);
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
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        producer.send(numbered("sought", 99)).to_queue(queue.clone()).await
    });
    sent.unwrap();
    assert_eq!(waited.unwrap().messages.iter().map(number).collect::<Vec<_>>(), [99]);
    consumer.shutdown().await;
    assert!(client.shutdown(PATIENCE).await);
}
