//! Messages that push consumers cannot deal with: sent back, handed round, buried.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{Client, Delivery, Outcome, Poison};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::{RequestCode, ResponseCode};

use crate::{
    PATIENCE, eventually,
    name_servers::in_memory,
    push::{Log, cluster_with, committed, reader, send},
};

#[tokio::test]
async fn a_handler_that_hangs_loses_its_message_to_another() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["hangs"]).await;
    let (log, gate) = (Log::default(), Arc::new(tokio::sync::Notify::new()));
    let (noted, opens) = (log.clone(), Arc::clone(&gate));
    let consumer = reader(&client).consume_timeout(Duration::from_millis(200));
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        let opens = Arc::clone(&opens);
        async move {
            if delivery.reconsume_times() == 0 {
                opens.notified().await;
            }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("it comes again", || async { log.len() == 2 }).await;
    assert_eq!(cluster.count(RequestCode::CONSUMER_SEND_MSG_BACK), 1);
    gate.notify_one();
    eventually("the first one's answer is ignored", || async {
        consumer.snapshot().await.unwrap().counters.late_settlements == 1
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster, 1), 1);
}

#[tokio::test]
async fn f82_what_cannot_be_sent_back_is_sent_to_the_retry_topic() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["bad"]).await;
    cluster.inject(
        RequestCode::CONSUMER_SEND_MSG_BACK,
        Fault::Refuse(ResponseCode::SYSTEM_ERROR),
        usize::MAX,
    );
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            assert_eq!(delivery.topic(), "t");
            if delivery.reconsume_times() < 2 { Err("not yet") } else { Ok(()) }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("it came twice more", || async { log.len() == 3 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(committed(&cluster, 1), 1);
    let retried = cluster.messages("%RETRY%g");
    assert_eq!(retried.iter().map(|it| it.reconsume_times).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn f99_a_delay_survives_the_way_round_a_refusal() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    send(&client, ["bad"]).await;
    let refuse = Fault::Refuse(ResponseCode::NO_PERMISSION);
    cluster.inject(RequestCode::CONSUMER_SEND_MSG_BACK, refuse.clone(), usize::MAX);
    // The way round is closed, too, at first: then it comes again here.
    cluster.inject(RequestCode::SEND_MESSAGE_V2, refuse, 1);
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            match delivery.reconsume_times() {
                0 | 1 => Outcome::RetryAfter(5),
                _ => Outcome::Ack,
            }
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("it came twice more", || async { log.len() == 3 }).await;
    consumer.shutdown(PATIENCE).await;
    let log = cluster.requests();
    let properties = log
        .iter()
        .filter(|request| request.code == RequestCode::SEND_MESSAGE_V2)
        .filter_map(|request| request.command.ext_fields.get("i"))
        .filter(|properties| properties.contains("RETRY_TOPIC"));
    let levels: Vec<_> = properties.map(|it| it.contains("DELAY\u{1}5\u{2}")).collect();
    assert_eq!(levels, [true, true]);
    assert_eq!(cluster.messages("%RETRY%g").len(), 1);
    assert_eq!(committed(&cluster, 1), 1);
}

#[tokio::test]
async fn poison_goes_where_it_was_wanted() {
    for poison in [Poison::SendBack, Poison::HandOver, Poison::Stop] {
        let (cluster, client) = cluster_with(1).await;
        send(&client, 0..2).await;
        cluster.corrupt_body("broker-a", "t", 0, 0);
        let log = Log::default();
        let damage = Arc::new(AtomicUsize::new(0));
        let (noted, damaged) = (log.clone(), Arc::clone(&damage));
        let consumer = reader(&client).ordered().poison(poison).max_redeliveries(0);
        let consumer = consumer.start(move |delivery: Delivery| {
            noted.note(&delivery);
            damaged.fetch_add(usize::from(delivery.damage().is_some()), Ordering::SeqCst);
            async {}
        });
        let consumer = consumer.await.unwrap();
        match poison {
            Poison::Stop => {
                eventually("the queue stands still", || async {
                    let snapshot = consumer.snapshot().await.unwrap();
                    snapshot
                        .queues
                        .iter()
                        .any(|queue| matches!(queue.activity, rocketmq_client::Activity::Halted))
                })
                .await;
                assert_eq!(log.len(), 0);
            }
            Poison::HandOver => {
                eventually("both are seen", || async { log.len() == 2 }).await;
                assert_eq!(damage.load(Ordering::SeqCst), 1);
            }
            _ => {
                eventually("the good one is seen", || async { log.len() == 1 }).await;
                assert_eq!(cluster.messages("%DLQ%g").len(), 1);
            }
        }
        consumer.shutdown(PATIENCE).await;
    }
}

#[tokio::test]
async fn a11_after_the_last_attempt_a_message_is_buried_and_the_offset_passes_it() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["bad", "good"]).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).max_redeliveries(2).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move { if &delivery.body()[..] == b"bad" { Err("never") } else { Ok(()) } }
    });
    let consumer = consumer.await.unwrap();
    eventually("it is buried", || async { cluster.messages("%DLQ%g").len() == 1 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies().iter().filter(|body| *body == "bad").count(), 3);
    assert_eq!(committed(&cluster, 1), 2);
}
