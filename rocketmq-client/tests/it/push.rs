//! What push consumers can do beside calling a handler: batches, streams, controls, listeners.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{
    Batch, BatchOutcome, Client, ConsumeHook, Consumed, Delivery, ErrorKind, Message, Outcome,
    PushConsumerBuilder, StartFrom,
};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually};

/// What handlers have seen, in order: body and queue.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(String, i32)>>>);

impl Log {
    pub(crate) fn note(&self, delivery: &Delivery) {
        let body = String::from_utf8(delivery.body().to_vec()).unwrap();
        self.0.lock().unwrap().push((body, delivery.queue().queue_id));
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(body, _)| body.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The bodies of each queue rise: nothing came twice, nothing out of order.
    pub(crate) fn is_in_order(&self) -> bool {
        let seen = self.0.lock().unwrap();
        let of = |queue| seen.iter().filter(move |(_, of)| *of == queue).map(number);
        (0..8).all(|queue| of(queue).is_sorted_by(|a, b| a < b))
    }
}

fn number((body, _): &(String, i32)) -> usize {
    body.parse().unwrap()
}

pub(crate) async fn send(client: &Client, bodies: impl IntoIterator<Item = impl ToString>) {
    let producer = client.producer("p").start().await.unwrap();
    for body in bodies {
        producer.send(Message::new("t", body.to_string())).await.unwrap();
    }
}

pub(crate) fn reader(client: &Client) -> PushConsumerBuilder {
    client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First)
}

pub(crate) fn committed(cluster: &MockCluster, queues: i32) -> i64 {
    (0..queues).filter_map(|queue| cluster.stored_offset("broker-a", "g", "t", queue)).sum()
}

pub(crate) async fn cluster_with(queues: u16) -> (MockCluster, Client) {
    let cluster = MockCluster::builder().topic("t", queues).start().await.unwrap();
    let client = client_of(&cluster).await;
    (cluster, client)
}

#[tokio::test]
async fn f95_every_message_of_a_batch_has_its_own_outcome() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, 0..6).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer =
        reader(&client).concurrency(1).start_batch(6, move |batch: Batch| {
            for item in batch.iter() {
                noted.note(&item);
            }
            let first = batch.iter().all(|item| item.reconsume_times() == 0) && batch.len() > 2;
            if first && let Some(item) = batch.iter().nth(4) {
                item.ack();
            }
            async move {
                if first { BatchOutcome::AckFirst(3) } else { BatchOutcome::All(Outcome::Ack) }
            }
        });
    let consumer = consumer.await.unwrap();
    eventually("two came again", || async { log.len() == 8 }).await;
    consumer.shutdown(PATIENCE).await;
    let mut again = log.bodies().split_off(6);
    again.sort();
    assert_eq!(again, ["3", "5"]);
    assert_eq!(committed(&cluster, 1), 6);
}

#[tokio::test]
async fn batches_are_of_one_queue_and_no_larger_than_asked_for() {
    let (_cluster, client) = cluster_with(2).await;
    send(&client, 0..50).await;
    let (log, most) = (Log::default(), Arc::new(AtomicUsize::new(0)));
    let (noted, largest) = (log.clone(), Arc::clone(&most));
    let consumer = reader(&client).ordered().start_batch(4, move |batch: Batch| {
        largest.fetch_max(batch.len(), Ordering::SeqCst);
        let queues: Vec<_> = batch.iter().map(|item| item.queue().queue_id).collect();
        assert!(queues.windows(2).all(|pair| pair[0] == pair[1]));
        batch.iter().for_each(|item| noted.note(&item));
        async {}
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 50 }).await;
    consumer.shutdown(PATIENCE).await;
    assert!(log.is_in_order());
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_stream_yields_what_is_then_settled() {
    let (cluster, client) = cluster_with(2).await;
    send(&client, 0..20).await;
    let mut deliveries = reader(&client).concurrency(3).stream().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(deliveries.next().await.unwrap().unwrap());
    }
    let fourth = tokio::time::timeout(Duration::from_millis(20), deliveries.next()).await;
    assert!(fourth.is_err(), "three may be unsettled");
    // One is dropped without a word, and comes again.
    let dropped = held.pop().unwrap();
    let body = dropped.body().clone();
    drop(dropped);
    held.into_iter().for_each(rocketmq_client::Unsettled::ack);
    let mut seen = 2;
    let mut again = 0;
    while seen < 20 {
        let delivery = deliveries.next().await.unwrap().unwrap();
        again += usize::from(delivery.body() == &body && delivery.reconsume_times() == 1);
        delivery.settle(Outcome::Ack);
        seen += 1;
    }
    assert_eq!(again, 1);
    let report = deliveries.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    assert_eq!(committed(&cluster, 2), 20);
}

#[tokio::test]
async fn a_stream_ends_with_its_client() {
    let (_cluster, client) = cluster_with(1).await;
    let mut deliveries = reader(&client).ordered().stream().await.unwrap();
    let other = client.clone();
    let (next, ()) = tokio::join!(deliveries.next(), async {
        other.shutdown(PATIENCE).await;
    });
    assert_eq!(next.unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_blocking_handler_keeps_nobody_waiting() {
    let (_cluster, client) = cluster_with(1).await;
    send(&client, 0..3).await;
    let (log, gate) = (Log::default(), Arc::new(std::sync::Barrier::new(3)));
    let noted = log.clone();
    // All three have to run at once on a runtime of one thread.
    let consumer = reader(&client).start_blocking(move |delivery: Delivery| {
        gate.wait();
        noted.note(&delivery);
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 3 }).await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a22_a_paused_consumer_pulls_no_more_and_keeps_its_queues() {
    let (cluster, client) = cluster_with(1).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, 0..1).await;
    eventually("it is seen", || async { log.len() == 1 }).await;
    consumer.pause();
    eventually("it is paused", || async { consumer.snapshot().await.unwrap().paused }).await;
    // The pull that waits brings one more answer.
    send(&client, 1..2).await;
    eventually("the second is seen", || async { log.len() == 2 }).await;
    let (pulls, rounds) = (
        cluster.count(RequestCode::PULL_MESSAGE),
        cluster.count(RequestCode::GET_CONSUMER_LIST_BY_GROUP),
    );
    send(&client, 2..3).await;
    assert_eq!(cluster.count(RequestCode::PULL_MESSAGE), pulls);
    assert!(cluster.count(RequestCode::GET_CONSUMER_LIST_BY_GROUP) <= rounds + 1, "no spinning");
    assert_eq!(log.len(), 2);
    consumer.resume();
    eventually("the third is seen", || async { log.len() == 3 }).await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn concurrency_can_be_changed() {
    let (_cluster, client) = cluster_with(1).await;
    send(&client, 0..40).await;
    let (running, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let (now, opens) = (Arc::clone(&running), Arc::clone(&gate));
    let consumer = reader(&client).concurrency(2).start(move |_: Delivery| {
        let (now, opens) = (Arc::clone(&now), Arc::clone(&opens));
        async move {
            now.fetch_add(1, Ordering::SeqCst);
            opens.acquire().await.unwrap().forget();
            now.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let consumer = consumer.await.unwrap();
    let reach = |count| {
        let running = &running;
        async move {
            eventually(&format!("{count} run"), || async {
                running.load(Ordering::SeqCst) == count
            })
            .await;
        }
    };
    reach(2).await;
    consumer.set_concurrency(5);
    reach(5).await;
    consumer.set_concurrency(1);
    gate.add_permits(4);
    reach(1).await;
    gate.add_permits(100);
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a23_what_is_read_can_change_while_it_runs() {
    let (cluster, client) = cluster_with(1).await;
    cluster.create_topic("other", 1);
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    consumer.subscribe("other", "*").unwrap();
    assert!(consumer.subscribe("a topic", "*").is_err());
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("other", "1")).await.unwrap();
    eventually("the other topic is read", || async { log.len() == 1 }).await;
    consumer.unsubscribe("other");
    eventually("its offset is committed", || async {
        cluster.stored_offset("broker-a", "g", "other", 0) == Some(1)
    })
    .await;
    consumer.shutdown(PATIENCE).await;
}

#[derive(Clone, Default)]
struct Spy(Arc<Mutex<Vec<String>>>);

impl ConsumeHook for Spy {
    fn before(&self, deliveries: &[Delivery]) -> Option<Box<dyn std::any::Any + Send>> {
        Some(Box::new(deliveries.len()))
    }

    fn after(
        &self,
        _: &[Delivery],
        kept: Option<Box<dyn std::any::Any + Send>>,
        consumed: &Consumed<'_>,
    ) {
        let count = *kept.unwrap().downcast::<usize>().unwrap();
        let error = consumed.error.map(ToString::to_string).unwrap_or_default();
        self.0.lock().unwrap().push(format!("{count} {error}"));
        panic!("a hook may panic");
    }
}

#[tokio::test]
async fn hooks_look_on_and_filters_pass_over() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, ["good", "unwanted", "bad"]).await;
    let (log, spy) = (Log::default(), Spy::default());
    let noted = log.clone();
    let consumer = reader(&client).concurrency(1).hook(spy.clone());
    let consumer = consumer.only(|message| &message.body[..] != b"unwanted");
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async move {
            if &delivery.body()[..] == b"bad" && delivery.reconsume_times() == 0 {
                return Err("no");
            }
            Ok(())
        }
    });
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 3 }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(log.bodies(), ["good", "bad", "bad"]);
    assert_eq!(*spy.0.lock().unwrap(), ["1 ", "1 no", "1 "]);
    assert_eq!(committed(&cluster, 1), 3);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (_cluster, client) = cluster_with(1).await;
    send(&client, 0..12).await;
    let log = Log::default();
    let noted = log.clone();
    let consumer = reader(&client).rate_limit(10.0).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let begun = std::time::Instant::now();
    let consumer = consumer.await.unwrap();
    eventually("all are seen", || async { log.len() == 12 }).await;
    // Ten at once, the other two a tenth of a second each.
    assert!(begun.elapsed() >= Duration::from_millis(200));
    consumer.shutdown(PATIENCE).await;
    assert!(reader(&client).rate_limit(0.0).stream().await.is_err());
}

#[tokio::test]
async fn a_handler_is_tested_without_a_broker() {
    async fn bill(delivery: Delivery) -> Result<(), &'static str> {
        match (delivery.property("amount"), delivery.reconsume_times()) {
            (Some(_), _) => Ok(()),
            (None, 0) => Err("no amount"),
            (None, _) => Err("still none"),
        }
    }
    let good = Message::new("orders", "1").property("amount", "10").tag("paid").key(7);
    let delivery = Delivery::for_test(good);
    assert_eq!((delivery.topic(), delivery.tag()), ("orders", Some("paid")));
    assert_eq!(delivery.keys().collect::<Vec<_>>(), ["7"]);
    assert!(!delivery.is_stale() && delivery.damage().is_none());
    assert_eq!(bill(delivery).await, Ok(()));
    let bad = Delivery::for_test(Message::new("orders", "1"));
    assert_eq!(bill(bad.clone()).await, Err("no amount"));
    assert_eq!(bill(bad.after_attempts(2)).await, Err("still none"));
}

#[tokio::test]
async fn a_condition_is_checked_at_the_start_and_judged_by_the_broker() {
    let (cluster, client) = cluster_with(1).await;
    let producer = client.producer("p").start().await.unwrap();
    for amount in [5, 15, 25] {
        let message = Message::new("t", amount.to_string()).property("amount", amount.to_string());
        producer.send(message).await.unwrap();
    }
    let wanting = |condition: &str| {
        let filter = rocketmq_client::Filter::sql(condition);
        client.push_consumer("g").subscribe("t", filter).start_from(StartFrom::First)
    };
    let refused = wanting("amount >").stream().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused:?}");
    let mut deliveries = wanting("amount BETWEEN 10 AND 20").stream().await.unwrap();
    let delivery = deliveries.next().await.unwrap().unwrap();
    assert_eq!(&delivery.body()[..], b"15");
    delivery.ack();
    deliveries.shutdown(PATIENCE).await;
    eventually("all three are passed", || async { committed(&cluster, 1) == 3 }).await;
}

#[tokio::test]
async fn listeners_are_told_of_queues_that_come_and_go() {
    let (cluster, one) = cluster_with(4).await;
    let two = client_of(&cluster).await;
    let told = Arc::new(Mutex::new((0, 0)));
    let (came, went) = (Arc::clone(&told), Arc::clone(&told));
    let of_topic = |queues: &[rocketmq_client::MessageQueue]| {
        queues.iter().filter(|queue| &*queue.topic == "t").count()
    };
    let first = reader(&one)
        .on_assigned(move |queues| {
            came.lock().unwrap().0 += of_topic(&queues);
            async {}
        })
        .on_revoked(move |queues| {
            went.lock().unwrap().1 += of_topic(&queues);
            async {}
        });
    let first = first.start(|_: Delivery| async {}).await.unwrap();
    eventually("all have come", || async { told.lock().unwrap().0 == 4 }).await;
    let second = reader(&two).start(|_: Delivery| async {}).await.unwrap();
    eventually("two have gone", || async { told.lock().unwrap().1 == 2 }).await;
    second.shutdown(PATIENCE).await;
    eventually("and come again", || async { *told.lock().unwrap() == (6, 2) }).await;
    first.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn listeners_are_waited_for_when_queues_come_and_go() {
    let (cluster, client) = cluster_with(1).await;
    send(&client, 0..3).await;
    let (gate, log) = (Arc::new(tokio::sync::Semaphore::new(0)), Log::default());
    let told = Arc::new(AtomicUsize::new(0));
    let hold = || {
        let (gate, told) = (Arc::clone(&gate), Arc::clone(&told));
        move |queues: Vec<rocketmq_client::MessageQueue>| {
            let (gate, told) = (Arc::clone(&gate), Arc::clone(&told));
            async move {
                if queues.iter().any(|queue| &*queue.topic == "t") {
                    told.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                }
            }
        }
    };
    let noted = log.clone();
    let consumer = reader(&client).ordered().on_assigned(hold()).on_revoked(hold());
    let consumer = consumer.start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    let cached = || async {
        let snapshot = consumer.snapshot().await.unwrap();
        snapshot.queues.iter().any(|queue| queue.cached_messages == 3)
    };
    eventually("they are pulled", cached).await;
    eventually("it is told of", || async { told.load(Ordering::SeqCst) == 1 }).await;
    assert_eq!(log.len(), 0, "the listener is not done");
    gate.add_permits(1);
    eventually("they are seen", || async { log.len() == 3 }).await;

    let mut closing = tokio::task::JoinSet::new();
    closing.spawn(consumer.shutdown(PATIENCE));
    eventually("it is told of", || async { told.load(Ordering::SeqCst) == 2 }).await;
    eventually("what is done is committed", || async { committed(&cluster, 1) == 3 }).await;
    assert!(cluster.lease_owner("broker-a", "g", "t", 0).is_some(), "nobody else may begin");
    gate.add_permits(1);
    closing.join_next().await.unwrap().unwrap();
    assert_eq!(cluster.lease_owner("broker-a", "g", "t", 0), None);
}
