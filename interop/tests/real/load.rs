//! Many messages, members that come and go, and a ledger that judges.

use std::{collections::BTreeSet, sync::Arc};

use rocketmq_client::Client;
use rocketmq_interop::Ledger;

use crate::{
    PATIENCE, client_of, eventually, numbered, shared,
    traffic::{consume, queues_of},
};

const MESSAGES: u64 = 100_000;
const IN_FLIGHT: usize = 256;
const QUEUES: u16 = 8;

async fn produce(client: &Client, ledger: &Arc<Ledger>) {
    let producer = client.producer("load").max_in_flight(IN_FLIGHT).start().await.unwrap();
    for number in 0..MESSAGES {
        let pending =
            producer.send(numbered("load", number)).timeout(PATIENCE).enqueue().await.unwrap();
        let ledger = Arc::clone(ledger);
        tokio::task::spawn_local(async move {
            pending.await.unwrap();
            ledger.acknowledged(number);
        });
    }
    assert_eq!(producer.shutdown(PATIENCE).await, 0);
}

#[tokio::test]
async fn a7_a21_a_hundred_thousand_messages_survive_a_join_and_a_leave() {
    tokio::task::LocalSet::new().run_until(scenario()).await;
}

async fn scenario() {
    let cluster = shared();
    cluster.create_topic("load", QUEUES).unwrap();
    let ledger = Arc::new(Ledger::default());
    let (sender, one, two) =
        (client_of(cluster).await, client_of(cluster).await, client_of(cluster).await);

    let producing = {
        let (sender, ledger) = (sender.clone(), Arc::clone(&ledger));
        tokio::task::spawn_local(async move { produce(&sender, &ledger).await })
    };
    let first = consume(&one, "load-group", "load", "first", &ledger).await;
    let half = MESSAGES as usize / 2;
    eventually("half of them are seen", || async { ledger.distinct() >= half }).await;
    let before = queues_of(&first, "load").await;
    let second = consume(&two, "load-group", "load", "second", &ledger).await;
    eventually("the second has seen some", || async { ledger.seen_by("second") > 1_000 }).await;
    let moved: BTreeSet<String> =
        before.difference(&queues_of(&first, "load").await).cloned().collect();
    let join = ledger.verdict();
    println!("after the join: {join}; {} of {} queues moved", moved.len(), before.len());
    for queue in join.repeated.keys() {
        assert!(moved.contains(queue), "{queue} did not move");
    }

    let report = first.shutdown(PATIENCE).await;
    println!("the first has left: {report:?}");
    producing.await.unwrap();
    eventually("all are seen", || async { ledger.distinct() as u64 == MESSAGES }).await;
    let report = second.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    let verdict = ledger.verdict();
    println!("at the end: {verdict}");
    assert_eq!(verdict.acknowledged as u64, MESSAGES);
    assert!(verdict.lost.is_empty() && verdict.invented.is_empty());
    assert_eq!(verdict.repetitions(), join.repetitions(), "a graceful leave repeats nothing");

    let progress = cluster.mqadmin(&["consumerProgress", "-g", "load-group"]).unwrap();
    let lag = progress.lines().find(|line| line.contains("Diff Total")).unwrap_or_default();
    println!("{lag}");
    assert!(lag.trim_end().ends_with(": 0"), "{progress}");
    for client in [sender, one, two] {
        assert!(client.shutdown(PATIENCE).await.is_clean());
    }
}
