//! S19: shutting down in every state there is, and making and ending five hundred clients.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketmq_client::{Client, ClientBuilder, Delivery, Message};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    time::{Instant, sleep, timeout},
};

use super::{Trial, open_files, resident_mib};

const DEADLINE: Duration = Duration::from_secs(5);
const CYCLES: usize = 500;
/// Cycles before those that count: by then everything is made that is made once, and the mock, whose memory is this process's too,
/// has as many requests in its log as it keeps.
const CYCLES_BEFORE: usize = 1_000;
const MANY: usize = usize::MAX;

type Case = for<'a> fn(&'a MockCluster) -> Pin<Box<dyn Future<Output = Option<()>> + 'a>>;

const CASES: &[(&str, Case)] = &[
    ("before_start", |cluster| {
        Box::pin(async {
            drop(builder(cluster));
            Some(())
        })
    }),
    ("during_start", |_| Box::pin(during_start())),
    ("in_a_rebalance", |cluster| Box::pin(in_a_rebalance(cluster))),
    ("with_1000_in_flight", |cluster| Box::pin(with_sends_in_flight(cluster))),
    ("handler_hangs", |cluster| Box::pin(handler_hangs(cluster))),
    ("broker_dead", |cluster| Box::pin(broker_dead(cluster))),
    ("name_server_dead", |cluster| Box::pin(name_server_dead(cluster))),
    ("broker_hangs", |cluster| Box::pin(broker_hangs(cluster))),
    ("in_back_off", |cluster| Box::pin(in_back_off(cluster))),
    ("twice", |cluster| Box::pin(twice(cluster))),
    ("from_a_handler", |cluster| Box::pin(from_a_handler(cluster))),
    ("dropped", |cluster| Box::pin(dropped(cluster))),
];

pub(super) async fn run(trial: &mut Trial) {
    for (name, case) in CASES {
        let started = MockCluster::builder().topic("t", 4).start().await;
        let Ok(cluster) = started else { return trial.require(false, "the mock does not start") };
        let began = Instant::now();
        let ended = timeout(Duration::from_secs(20), case(&cluster)).await;
        trial.require(matches!(ended, Ok(Some(()))), format_args!("{name}: {ended:?}"));
        trial.at_most(format!("{name}_s"), began.elapsed().as_secs_f64(), 6.5);
        drop(cluster);
        let left = settled(|| Handle::current().metrics().num_alive_tasks() == 0).await;
        trial.require(left, format_args!("{name}: tasks are left"));
    }
    cycles(trial).await;
}

async fn settled(holds: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while !holds() && Instant::now() < until {
        sleep(Duration::from_millis(10)).await;
    }
    holds()
}

fn builder(cluster: &MockCluster) -> ClientBuilder {
    Client::builder(cluster.name_server_list())
}

async fn client(cluster: &MockCluster) -> Option<Client> {
    builder(cluster).connect().await.ok()
}

async fn during_start() -> Option<()> {
    let hangs = TcpListener::bind("127.0.0.1:0").await.ok()?;
    let connecting = Client::connect(hangs.local_addr().ok()?.to_string());
    timeout(Duration::from_millis(100), connecting).await.is_err().then_some(())
}

async fn in_a_rebalance(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.ok()?;
    client.shutdown(DEADLINE).await.is_clean().then(|| drop(consumer))
}

async fn with_sends_in_flight(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    let mut receipts = Vec::new();
    for _ in 0..1_000 {
        receipts.push(producer.send(Message::new("t", "x")).enqueue().await.ok()?);
    }
    let report = client.shutdown(DEADLINE).await;
    (report.unconfirmed == 0 && cluster.messages("t").len() == 1_000).then_some(())
}

async fn handler_hangs(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    let hangs = client.push_consumer("g").subscribe("t", "*");
    let consumer = hangs.start(|_delivery| std::future::pending::<()>()).await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    sleep(Duration::from_millis(200)).await;
    client.shutdown(DEADLINE).await;
    drop(consumer);
    Some(())
}

async fn broker_dead(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    cluster.stop_broker("broker-a").await;
    client.shutdown(DEADLINE).await;
    Some(())
}

async fn broker_hangs(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.ok()?;
    for code in [RequestCode::UNREGISTER_CLIENT, RequestCode::UPDATE_CONSUMER_OFFSET] {
        cluster.inject(code, Fault::Ignore, MANY);
    }
    client.shutdown(DEADLINE).await;
    drop(consumer);
    Some(())
}

async fn name_server_dead(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    cluster.stop_name_server("name-server").await;
    client.shutdown(DEADLINE).await.is_clean().then_some(())
}

async fn in_back_off(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    cluster.stop_broker("broker-a").await;
    for _ in 0..3 {
        let _ = producer.send(Message::new("t", "x")).timeout(Duration::from_millis(300)).await;
    }
    client.shutdown(DEADLINE).await;
    Some(())
}

async fn twice(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let (first, second) = (client.clone().shutdown(DEADLINE), client.shutdown(DEADLINE));
    let (first, second) = tokio::join!(first, second);
    (first.is_clean() && second.is_clean()).then_some(())
}

async fn from_a_handler(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    let (done, ended) = tokio::sync::oneshot::channel();
    let inner = Arc::new(Mutex::new(Some((client.clone(), done))));
    let handler = move |_delivery: Delivery| {
        let inner = Arc::clone(&inner);
        async move {
            let taken = inner.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((client, done)) = taken {
                // A handler that awaited its own end would never see it: it asks for it.
                let _ = done.send(client);
            }
        }
    };
    let consumer = client.push_consumer("g").subscribe("t", "*").start(handler).await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    let asked = ended.await.ok()?;
    asked.shutdown(DEADLINE).await.is_clean().then(|| drop(consumer))
}

async fn dropped(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    drop((client, producer, consumer));
    Some(())
}

/// Making and ending clients leaves nothing behind.
async fn cycles(trial: &mut Trial) {
    let started = MockCluster::builder().topic("t", 4).start().await;
    let Ok(cluster) = started else { return trial.require(false, "the mock does not start") };
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (mut files, mut memory, before) = (0, 0.0, tasks());
    for nth in 0..CYCLES_BEFORE + CYCLES {
        if nth == CYCLES_BEFORE {
            settled(|| tasks() <= before).await;
            (files, memory) = (open_files(), resident_mib());
        }
        if cycle(&cluster).await.is_none() {
            return trial.require(false, format_args!("cycle {nth} failed"));
        }
    }
    trial.note("cycles", CYCLES);
    trial.require(settled(|| tasks() <= before).await, "tasks are left after the cycles");
    settled(|| open_files() <= files).await;
    trial.at_most("files_left", open_files() as f64 - files as f64, 0.0);
    let grown = (resident_mib() - memory) * 1_024.0 / CYCLES as f64;
    // The mock stores a message a cycle, about one KiB; the allocator does not return all that is freed.
    trial.at_most("memory_growth_kib_per_cycle", grown, 8.0);
}

async fn cycle(cluster: &MockCluster) -> Option<()> {
    let client = client(cluster).await?;
    let producer = client.producer("p").start().await.ok()?;
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.ok()?;
    producer.send(Message::new("t", "x")).await.ok()?;
    // What is pulled and not yet handled is left to the next one, which is in order.
    let report = client.shutdown(DEADLINE).await;
    (report.tasks_left == 0 && report.unconfirmed == 0).then(|| drop(consumer))
}
