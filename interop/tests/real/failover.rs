//! Brokers and consumers that are killed.

use std::{process::Command, sync::Arc, time::Instant};

use rocketmq_interop::{Cluster, Ledger, Member, Signal};

use crate::{
    PATIENCE, client_of, distribution, eventually, shared,
    traffic::{Traffic, consume},
};

const QUEUES: u16 = 4;

#[tokio::test]
async fn a_killed_broker_that_comes_back_loses_nothing() {
    let mut cluster = Cluster::builder().start(&distribution()).unwrap();
    cluster.create_topic("killed", QUEUES).unwrap();
    let client = client_of(&cluster).await;
    let ledger = Arc::new(Ledger::default());
    let consumer = consume(&client, "killed-group", "killed", "c", &ledger).await;
    let traffic = Traffic::start(&client, "killed", 8, &ledger);
    eventually("the load is on", || async { ledger.distinct() > 1_000 }).await;

    let cluster = tokio::task::spawn_blocking(move || {
        cluster.stop_broker("broker-a", Signal::Kill);
        cluster.start_broker("broker-a").unwrap();
        cluster
    })
    .await
    .unwrap();
    let back = Instant::now();
    let seen_before = ledger.distinct();
    eventually("consumption has resumed by itself", || async {
        ledger.distinct() > seen_before + 10
    })
    .await;
    let resumed = back.elapsed();
    traffic.drain(&ledger).await;
    println!(
        "broker killed: {}; resumed {resumed:.1?} after it was in the route again",
        ledger.verdict()
    );
    consumer.shutdown(PATIENCE).await;
    assert!(client.shutdown(PATIENCE).await.is_clean());
    drop(cluster);
}

/// A consumer in a process of its own; what it prints goes into the ledger.
fn consumer_process(cluster: &Cluster, name: &'static str, ledger: &Arc<Ledger>) -> Member {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consume"));
    command.args([cluster.name_server_address(), "orphaned", "orphaned-group"]);
    Member::start(command, name, ledger).unwrap()
}

#[tokio::test]
async fn a_killed_consumer_is_replaced_and_nothing_is_lost() {
    let cluster = shared();
    cluster.create_topic("orphaned", QUEUES).unwrap();
    let client = client_of(cluster).await;
    let ledger = Arc::new(Ledger::default());
    let first = consumer_process(cluster, "first", &ledger);
    let second = consumer_process(cluster, "second", &ledger);
    let traffic = Traffic::start(&client, "orphaned", 4, &ledger);
    eventually("both consume", || async {
        ledger.seen_by("first") > 200 && ledger.seen_by("second") > 200
    })
    .await;
    let killed = Instant::now();
    first.kill();
    // The load goes on. The broker hears of the death by the connection, and tells the other.
    let queues = eventually("the other has taken over every queue", || async {
        ledger.queues_of("second", killed).len() == usize::from(QUEUES)
    });
    let taken_over = queues.await;
    traffic.drain(&ledger).await;
    println!(
        "consumer killed: {}; the other had every queue after {taken_over:.1?}",
        ledger.verdict()
    );
    second.leave().unwrap();
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
