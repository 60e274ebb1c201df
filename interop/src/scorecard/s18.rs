//! S18: every broker goes away at once and comes back; a hundred clients find them again without a storm.
//!
//! A hundred clients and four brokers, because all of them live in this process: what is judged is said of each client and broker,
//! and of shares, and holds for more of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketmq_client::{Client, ClientEvent, Message};
use rocketmq_mock::MockCluster;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::Trial;

const CLIENTS: usize = 100;
const BROKERS: [&str; 4] = ["broker-a", "broker-b", "broker-c", "broker-d"];
const AWAY: Duration = Duration::from_secs(60);

/// When each client has tried in vain to connect to which address.
type Attempts = Arc<Mutex<Vec<(usize, Arc<str>, Instant)>>>;

pub(super) async fn run(trial: &mut Trial) {
    let started = MockCluster::builder().brokers(4).topic("t", 1).start().await;
    let Ok(cluster) = started else { return trial.require(false, "the mock does not start") };
    let attempts = Attempts::default();
    let mut background = JoinSet::new();
    let mut clients = Vec::new();
    for nth in 0..CLIENTS {
        let Ok(client) = Client::connect(cluster.name_server_list()).await else {
            return trial.require(false, "a client does not connect");
        };
        let Ok(producer) = client.producer("p").start().await else { return };
        background.spawn(note_attempts(nth, client.clone(), Arc::clone(&attempts)));
        background.spawn(async move {
            loop {
                let _ = producer.send(Message::new("t", "x")).await;
                sleep(Duration::from_millis(200)).await;
            }
        });
        clients.push(client);
    }
    sleep(Duration::from_secs(3)).await;
    for broker in BROKERS {
        cluster.stop_broker(broker).await;
    }
    let made: Vec<usize> = BROKERS.iter().map(|broker| cluster.connections_made(broker)).collect();
    let gone = Instant::now();
    sleep(AWAY).await;
    for broker in BROKERS {
        let _ = cluster.start_broker(broker).await;
    }
    let back = Instant::now();
    let all = || BROKERS.iter().all(|broker| cluster.connections(broker) >= CLIENTS);
    while !all() && back.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(20)).await;
    }
    trial.at_most("all_recovered_s", back.elapsed().as_secs_f64(), 10.0);
    judge(trial, &attempts, gone);
    let again =
        BROKERS.iter().zip(made).map(|(broker, made)| cluster.connections_made(broker) - made);
    trial.note("connections_after_return", again.sum::<usize>());
    background.shutdown().await;
    for client in clients {
        client.shutdown(Duration::from_secs(5)).await;
    }
}

async fn note_attempts(nth: usize, client: Client, attempts: Attempts) {
    let mut events = client.events();
    drop(client);
    while let Some(event) = events.next().await {
        if let ClientEvent::Unreachable { address, .. } = event {
            let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
            attempts.push((nth, address, Instant::now()));
        }
    }
}

fn judge(trial: &mut Trial, attempts: &Attempts, gone: Instant) {
    let attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
    let mut of_pair = BTreeMap::<_, usize>::new();
    let mut in_slice = BTreeMap::<_, usize>::new();
    for (client, address, at) in attempts.iter() {
        *of_pair.entry((*client, Arc::clone(address))).or_default() += 1;
        *in_slice.entry(at.saturating_duration_since(gone).as_millis() / 100).or_default() += 1;
    }
    let total = attempts.len();
    trial.note("attempts", total);
    let most = of_pair.values().max().copied().unwrap_or_default();
    trial.at_most("attempts_of_a_pair", most as f64, 12.0);
    let busiest = in_slice.values().max().copied().unwrap_or_default();
    trial.at_most("share_of_the_busiest_100_ms", busiest as f64 / total.max(1) as f64, 0.05);
}
