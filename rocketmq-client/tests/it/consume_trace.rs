//! What consumers report in a trace topic.

use std::time::Duration;

use rocketmq_client::{
    BatchOutcome, Client, Delivery, Message, Outcome, PushConsumerBuilder, StartFrom, Tracing,
};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::trace::{self, SubAfterTrace, SubBeforeTrace, TraceRecord};

use crate::{PATIENCE, client_of, eventually};

const TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";

/// All records in one message, at the end.
fn tracing() -> Tracing {
    let mut tracing = Tracing::default();
    (tracing.linger, tracing.batch) = (PATIENCE, 1_000);
    tracing
}

fn reader(client: &Client) -> PushConsumerBuilder {
    let builder = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    builder.tracing(tracing())
}

async fn cluster() -> (MockCluster, Client) {
    let cluster = MockCluster::builder().topic(TOPIC, 1).topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for body in ["good", "bad", "worse"] {
        producer.send(Message::new("t", body).key(body)).await.unwrap();
    }
    (cluster, client)
}

type Pairs = Vec<(SubBeforeTrace<'static>, SubAfterTrace<'static>)>;

/// Both records of each message, in the order of their beginnings.
fn reported(cluster: &MockCluster) -> Pairs {
    let texts = cluster.messages(TOPIC);
    let texts = texts.iter().map(|carrier| String::from_utf8(carrier.body.to_vec()).unwrap());
    let text: &'static str = Box::leak(texts.collect::<String>().into_boxed_str());
    let records: Vec<_> = trace::decode(text).map(Result::unwrap).collect();
    let afters = records.iter().filter_map(|record| match record {
        TraceRecord::SubAfter(after) => Some(after.clone()),
        _ => None,
    });
    let afters: Vec<_> = afters.collect();
    let befores = records.into_iter().filter_map(|record| match record {
        TraceRecord::SubBefore(before) => Some(before),
        _ => None,
    });
    let pairs = befores.map(|before| {
        let of_it = |after: &&SubAfterTrace<'_>| {
            (&after.request_id, &after.message_id) == (&before.request_id, &before.message_id)
        };
        let after = afters.iter().find(of_it).unwrap().clone();
        (before, after)
    });
    pairs.collect()
}

#[tokio::test]
async fn every_message_is_reported_before_and_after_it_is_consumed() {
    let (cluster, client) = cluster().await;
    let consumer = reader(&client).concurrency(1).max_redeliveries(1);
    let consumer = consumer
        .start(|delivery: Delivery| async move {
            match &delivery.body()[..] {
                b"bad" if delivery.reconsume_times() == 0 => Ok(Outcome::Retry),
                b"worse" => Err("cannot be read"),
                _ => Ok(Outcome::Ack),
            }
        })
        .await
        .unwrap();
    eventually("the last is dead", || async { cluster.messages("%DLQ%g").len() == 1 }).await;
    eventually("all are consumed", || async { consumer.lag().await.unwrap() == 0 }).await;
    consumer.shutdown(PATIENCE).await;

    let pairs = reported(&cluster);
    let mut seen: Vec<_> = pairs
        .iter()
        .map(|(before, after)| {
            assert_eq!((&*before.group, &*before.region_id), ("g", "DefaultRegion"));
            assert_eq!(before.keys, after.keys);
            let (at, group) = after.at.as_ref().unwrap();
            assert!(*at >= before.timestamp && group == "g");
            let keys = before.keys.as_deref().unwrap();
            (keys, before.retry_times, after.success, after.context_code)
        })
        .collect();
    seen.sort_unstable();
    let expected = [
        ("bad", 0, false, 4),
        ("bad", 1, true, 0),
        ("good", 0, true, 0),
        ("worse", 0, false, 2),
        ("worse", 1, false, 2),
    ];
    assert_eq!(seen, expected);
    let carriers = cluster.messages(TOPIC);
    assert!(carriers.iter().all(|carrier| carrier.keys().any(|key| key == "good")));
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn messages_of_a_batch_share_a_request_and_streams_report_what_was_settled() {
    let (cluster, client) = cluster().await;
    let consumer = reader(&client).start_batch(8, |batch: rocketmq_client::Batch| async move {
        BatchOutcome::<Outcome>::AckFirst(batch.len().saturating_sub(1))
    });
    let consumer = consumer.await.unwrap();
    eventually("one has failed", || async {
        !cluster.messages("%RETRY%g").is_empty() && consumer.lag().await.unwrap() == 0
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    let pairs = reported(&cluster);
    let first = &pairs[0].0.request_id;
    let together = pairs.iter().filter(|(before, _)| before.request_id == *first);
    let outcomes: Vec<_> = together.map(|(_, after)| after.success).collect();
    assert!(!outcomes.is_empty() && !outcomes[outcomes.len() - 1], "{outcomes:?}");
    assert!(outcomes[..outcomes.len() - 1].iter().all(|success| *success));

    let before = pairs.len();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "streamed").key("streamed")).await.unwrap();
    let mut stream = reader(&client).stream().await.unwrap();
    loop {
        let delivery = stream.next().await.unwrap().unwrap();
        let last = &delivery.body()[..] == b"streamed";
        delivery.ack();
        if last {
            break;
        }
    }
    stream.shutdown(PATIENCE).await;
    let pairs = reported(&cluster);
    let streamed = pairs[before..].iter().find(|(it, _)| it.keys.as_deref() == Some("streamed"));
    assert!(streamed.unwrap().1.success);
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_trace_that_cannot_be_sent_holds_nothing_up() {
    let cluster = MockCluster::builder().topic("t", 1).auto_create_topics(false);
    let cluster = cluster.start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for _ in 0..200 {
        producer.send(Message::new("t", "x")).await.unwrap();
    }
    let mut options = tracing();
    (options.backlog, options.linger) = (10, Duration::ZERO);
    let consumer = reader(&client).tracing(options).start(|_delivery| async {}).await.unwrap();
    eventually("all are consumed", || async {
        cluster.stored_offset("broker-a", "g", "t", 0) == Some(200)
    })
    .await;
    eventually("traces are dropped", || async { consumer.traces_dropped() > 0 }).await;
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}
