//! Members of a group that do not get on: one id for two of them, subscriptions that differ, queues that nobody reads.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{Client, ClientEvent, Delivery, Message, StartFrom};
use rocketmq_mock::{LoggedRequest, MockCluster};
use rocketmq_protocol::code::RequestCode;

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory, within};

/// Of virtual time.
const AN_HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn f57_clients_of_one_address_have_ids_of_their_own() {
    let cluster = MockCluster::start().await.unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        // As in containers: the same address, and the same process id.
        let client = Client::builder(cluster.name_server_list()).client_ip([172, 17, 0, 1].into());
        let client = client.connect().await.unwrap();
        assert!(client.id().starts_with(&format!("172.17.0.1@{}#", std::process::id())));
        ids.insert(client.id().to_owned());
    }
    assert_eq!(ids.len(), 3);
}

/// Two clients that go by one id, because somebody has given both the same name.
async fn twins(cluster: &Arc<MockCluster>, pipes: &crate::name_servers::InMemory) -> [Client; 2] {
    let connect = async || {
        let client = Client::builder(cluster.name_server_list()).connector(pipes.clone());
        let client = client.client_ip([172, 17, 0, 1].into()).instance_name("1");
        client.connect().await.unwrap()
    };
    [connect().await, connect().await]
}

#[tokio::test(start_paused = true)]
async fn f57_an_id_that_two_processes_share_is_told_of() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 4)).await;
    let twins = twins(&cluster, &pipes).await;
    assert_eq!(twins[0].id(), twins[1].id());
    let mut events = twins[0].events();
    let mut consumers = Vec::new();
    for twin in &twins {
        let consumer = twin.push_consumer("g").subscribe("t", "*").start(|_: Delivery| async {});
        consumers.push(consumer.await.unwrap());
    }
    let told = async {
        while let Some(event) = events.next().await {
            if matches!(&event, ClientEvent::IdShared { group } if &**group == "g") {
                return;
            }
        }
        panic!("no more events");
    };
    tokio::time::timeout(Duration::from_secs(200), told).await.unwrap();
    for consumer in consumers {
        consumer.shutdown(PATIENCE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f58_what_fails_on_members_of_one_id_is_buried_in_the_end() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let twins = twins(&cluster, &pipes).await;
    let producer = twins[0].producer("p").start().await.unwrap();
    producer.send(Message::new("t", "bad")).await.unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let mut consumers = Vec::new();
    for twin in &twins {
        let counted = Arc::clone(&attempts);
        let consumer = twin.push_consumer("g").subscribe("t", "*").max_redeliveries(2);
        let consumer = consumer.start_from(StartFrom::First).start(move |_: Delivery| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err::<(), _>("never") }
        });
        consumers.push(consumer.await.unwrap());
    }
    // Each round may have twice as many, 2, 4, 8, and none follows the last.
    within(AN_HOUR, "one is buried", || async { !cluster.messages("%DLQ%g").is_empty() }).await;
    let count = || attempts.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after_a_minute = count();
    assert!((3..=2 + 4 + 8).contains(&after_a_minute), "{after_a_minute}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(count(), after_a_minute);
    for consumer in consumers {
        consumer.shutdown(PATIENCE).await;
    }
}

#[tokio::test]
async fn f68_queues_that_are_not_read_any_more_are_finished_and_told_of() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = Client::builder(cluster.name_server_list());
    let client = client.route_refresh_interval(Duration::from_millis(50)).connect().await.unwrap();
    let mut events = client.events();
    let (gate, begun, ended) = (
        Arc::new(tokio::sync::Semaphore::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (opens, first, last) = (Arc::clone(&gate), Arc::clone(&begun), Arc::clone(&ended));
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.revoke_grace(PATIENCE).start(move |_: Delivery| {
        first.fetch_add(1, Ordering::SeqCst);
        let (opens, last) = (Arc::clone(&opens), Arc::clone(&last));
        async move {
            opens.acquire().await.unwrap().forget();
            last.fetch_add(1, Ordering::SeqCst);
        }
    });
    let consumer = consumer.await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..8 {
        producer.send(Message::new("t", number.to_string())).await.unwrap();
    }
    eventually("handlers have all", || async { begun.load(Ordering::SeqCst) == 8 }).await;
    cluster.set_queues("t", 1, 4);
    let unread = async {
        while let Some(event) = events.next().await {
            if let ClientEvent::QueuesUnread { topic, queues, .. } = event
                && &*topic == "t"
            {
                return queues;
            }
        }
        panic!("no more events");
    };
    assert_eq!(tokio::time::timeout(PATIENCE, unread).await.unwrap(), 3);
    gate.add_permits(8);
    eventually("all are finished", || async { ended.load(Ordering::SeqCst) == 8 }).await;
    let committed = || (0..4).filter_map(|q| cluster.stored_offset("broker-a", "g", "t", q)).sum();
    eventually("and committed", || async {
        let committed: i64 = committed();
        committed == 8
    })
    .await;
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn f87_a_broker_that_has_lost_offsets_is_given_them_again() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..10 {
        producer.send(Message::new("t", number.to_string())).await.unwrap();
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.commit_interval(Duration::from_millis(20));
    let consumer = consumer.start(move |_: Delivery| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    let consumer = consumer.await.unwrap();
    let stored = || cluster.stored_offset("broker-a", "g", "t", 0);
    eventually("all are committed", || async { stored() == Some(10) }).await;
    let asked = || {
        let requests = cluster.requests();
        let of_topic = |request: &&LoggedRequest| {
            request.code == RequestCode::QUERY_CONSUMER_OFFSET
                && request.command.ext_fields.get("topic").is_some_and(|topic| topic == "t")
        };
        requests.iter().filter(of_topic).count()
    };
    let before = asked();
    cluster.stop_broker("broker-a").await;
    cluster.roll_back_offset("broker-a", "g", "t", 0, 3);
    cluster.start_broker("broker-a").await.unwrap();
    eventually("it has them again", || async { stored() == Some(10) }).await;
    consumer.shutdown(PATIENCE).await;
    assert_eq!(seen.load(Ordering::SeqCst), 10, "nothing comes again");
    assert_eq!(asked(), before, "memory counts");
}
