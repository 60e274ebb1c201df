//! Masters that are away, and slaves that can be read.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{Client, Delivery, Message, StartFrom};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::code::RequestCode;
use tokio::time::Instant;

use crate::{PATIENCE, name_servers::in_memory, within};

const AN_HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn f74_while_the_master_is_away_its_slave_is_read_and_nothing_is_committed_there() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 2)).await;
    cluster.start_slave("broker-a").await.unwrap();
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..400 {
        producer.send(Message::new("t", number.to_string())).await.unwrap();
    }
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let consumer = client
        .push_consumer("g")
        .subscribe("t", "*")
        .start_from(StartFrom::First)
        .max_cached_messages(20)
        .pull_batch(4)
        .start(move |delivery: Delivery| {
            noted.lock().unwrap().insert(delivery.body().to_vec());
            tokio::time::sleep(Duration::from_secs(1))
        })
        .await
        .unwrap();
    let seen_so_far = || seen.lock().unwrap().len();
    within(AN_HOUR, "some are seen", || async { seen_so_far() > 20 }).await;
    assert!(seen_so_far() < 200, "most are still to come");

    let asked = cluster.count(RequestCode::QUERY_CONSUMER_OFFSET);
    cluster.stop_broker("broker-a").await;
    let (before, stopped) = (seen_so_far(), Instant::now());
    let of_slave = |code| {
        let requests = cluster.requests();
        requests.iter().filter(|it| it.server == "broker-a-slave" && it.code == code).count()
    };
    within(AN_HOUR, "the slave is read", || async {
        of_slave(RequestCode::PULL_MESSAGE) > 0 && seen_so_far() > before
    })
    .await;
    // Not as late as the next refresh of the route: a pull that fails rests for 3 s.
    assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());
    within(AN_HOUR, "all are seen", || async { seen_so_far() == 400 }).await;
    assert_eq!(of_slave(RequestCode::UPDATE_CONSUMER_OFFSET), 0);

    cluster.start_broker("broker-a").await.unwrap();
    let committed = || (0..2).filter_map(|q| cluster.stored_offset("broker-a", "g", "t", q)).sum();
    within(AN_HOUR, "the master has the offsets", || async {
        let committed: i64 = committed();
        committed == 400
    })
    .await;
    assert_eq!(cluster.count(RequestCode::QUERY_CONSUMER_OFFSET), asked, "memory counts");
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.undelivered, report.unsettled, report.uncommitted), (0, 0, 0));
    client.shutdown(PATIENCE).await;
}
