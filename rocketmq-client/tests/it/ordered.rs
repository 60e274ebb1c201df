//! Ordered push consumers: one message of a queue after the other, by one member at a time.

use std::time::Duration;

use rocketmq_client::{Client, Delivery, OrderedOutcome};
use rocketmq_protocol::code::RequestCode;

use crate::{
    PATIENCE, client_of, eventually,
    push::{Log, cluster_with, committed, reader, send},
};

#[tokio::test]
async fn ordered_queues_are_leased_consumed_in_order_and_given_back() {
    let (cluster, client) = cluster_with(4).await;
    send(&client, 0..400).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).ordered().start(move |delivery: Delivery| {
        noted.note(&delivery);
        async { tokio::task::yield_now().await }
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 400 }).await;
    assert!(log.is_in_order());
    assert_eq!(cluster.lease_owner("broker-a", "g", "t", 0).as_deref(), Some(client.id()));
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    assert_eq!(committed(&cluster, 4), 400);
    assert_eq!(cluster.lease_owner("broker-a", "g", "t", 0), None, "given back");
}

#[tokio::test]
async fn ordered_members_hand_over_without_a_repetition() {
    let (cluster, one) = cluster_with(4).await;
    let two = client_of(&cluster).await;
    let log = Log::default();
    let start = |client: &Client| {
        let noted = log.clone();
        reader(client).ordered().start(move |delivery: Delivery| {
            noted.note(&delivery);
            async {}
        })
    };
    let first = start(&one).await.unwrap();
    send(&one, 0..100).await;
    eventually("100 are seen", || async { log.len() == 100 }).await;
    let second = start(&two).await.unwrap();
    send(&one, 100..200).await;
    eventually("the second has a lease", || async {
        (0..4).any(|queue| {
            cluster.lease_owner("broker-a", "g", "t", queue).as_deref() == Some(two.id())
        })
    })
    .await;
    send(&one, 200..300).await;
    eventually("300 are seen", || async { log.len() == 300 }).await;
    first.shutdown(PATIENCE).await;
    send(&one, 300..400).await;
    eventually("400 are seen", || async { log.len() == 400 }).await;
    second.shutdown(PATIENCE).await;
    assert!(log.is_in_order());
    assert_eq!(committed(&cluster, 4), 400);
}

#[tokio::test]
async fn a_failure_comes_again_before_what_is_behind_it() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["1", "bad", "3", "dead", "5"]).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).ordered().suspend_time(Duration::from_millis(10));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            match (&delivery.body()[..], delivery.reconsume_times()) {
                (b"bad", 0) => Err("an error suspends"),
                (b"bad", 1) => Ok(OrderedOutcome::Suspend(Duration::from_millis(20))),
                (b"dead", _) => Ok(OrderedOutcome::DeadLetter),
                _ => Ok(OrderedOutcome::Ack),
            }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("the last is seen", || async { log.bodies().last().is_some_and(|it| it == "5") })
        .await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies(), ["1", "bad", "bad", "bad", "3", "dead", "5"]);
    assert_eq!(cluster.messages("%DLQ%g").len(), 1);
    assert_eq!(committed(&cluster, 1), 5);
}

#[tokio::test]
async fn a16_f98_after_the_last_attempt_an_ordered_message_is_buried() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["bad", "good"]).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).ordered().max_redeliveries(3);
    let consumer = consumer.suspend_time(Duration::from_millis(10));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            match (&delivery.body()[..], delivery.reconsume_times()) {
                (b"bad", 1) => panic!("on purpose: no result at all suspends like a failure"),
                (b"bad", _) => Err("never"),
                _ => Ok(()),
            }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("the queue goes on", || async {
        log.bodies().last().is_some_and(|it| it == "good")
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies(), ["bad", "bad", "bad", "bad", "good"]);
    assert_eq!(cluster.messages("%DLQ%g").len(), 1);
}

#[tokio::test]
async fn what_is_acknowledged_by_hand_is_final_with_the_commit() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["1", "2", "back", "4", "commit"]).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).ordered().auto_commit(false);
    let consumer = consumer.suspend_time(Duration::from_millis(10));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            match (&delivery.body()[..], delivery.reconsume_times()) {
                (b"back", 0) => OrderedOutcome::Rollback,
                (b"commit", _) => OrderedOutcome::Commit,
                _ => OrderedOutcome::Ack,
            }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 8 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies(), ["1", "2", "back", "1", "2", "back", "4", "commit"]);
    assert_eq!(committed(&cluster, 1), 5);
}

#[tokio::test]
async fn a_queue_that_another_member_has_leased_is_waited_for() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, 0..2).await;
    cluster.steal_lease("broker-a", "g", "t", 0, "other@1");
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).ordered().start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("leases were asked for twice", || async {
        cluster.count(RequestCode::LOCK_BATCH_MQ) >= 2
    })
    .await;
    let snapshot = consumer.snapshot().await.unwrap();
    let queue = snapshot.queues.iter().find(|queue| &*queue.queue.topic == "t").unwrap();
    assert_eq!(queue.activity, rocketmq_client::Activity::Locking);
    assert_eq!(log.len(), 0);
    // The other one gives it back.
    cluster.steal_lease("broker-a", "g", "t", 0, client.id());
    eventually("both are seen", || async { log.len() == 2 }).await;
    consumer.shutdown(PATIENCE).await;
}
