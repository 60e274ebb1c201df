//! S05: packets to and from a broker vanish without a word, for a minute.
//!
//! The broker runs in a network namespace of its own, whose way back is black-holed; that takes root. Elsewhere the row is left
//! out, which is said.
//!
//! The others' p99 may be twice what it was, or 5 ms where that is more: alone they take a fraction of a millisecond, and twice that is
//! within what a scheduler of two cores does to anybody.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rocketmq_client::{Client, ClientEvent, Events, Message, MessageQueue, Producer};
use rocketmq_mock::MockCluster;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

use super::{Trial, traffic};

const HERE: &str = "10.213.77.1";
const THERE: &str = "10.213.77.2";
const SERVE: &str = "--serve-broker";
const AWAY: Duration = Duration::from_secs(60);

pub(super) async fn run(trial: &mut Trial) {
    let Some(place) = Namespace::new() else {
        eprintln!("S05 IS LEFT OUT: a network namespace takes root and `ip`");
        return trial.note("left_out", "no network namespace");
    };
    if play(trial, &place).await.is_none() {
        trial.require(false, "the servers or clients did not start");
    }
}

async fn play(trial: &mut Trial, place: &Namespace) -> Option<()> {
    let broker = place.serve()?;
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.ok()?;
    cluster.advertise("broker-a", &broker.address);
    let address: Arc<str> = broker.address.as_str().into();
    let (busy, idle) = (connect(&cluster).await?, connect(&cluster).await?);
    let (busy_producer, idle_producer) =
        (busy.producer("busy").start().await.ok()?, idle.producer("idle").start().await.ok()?);
    send_to_a(&idle_producer).await.ok()?;
    send_to_a(&busy_producer).await.ok()?;
    let to_b = |lasting| traffic::send(&busy_producer, "t", Some(queue("broker-b")), 500, lasting);
    let baseline = to_b(Duration::from_secs(5)).await;
    let (mut busy_events, mut idle_events) = (busy.events(), idle.events());

    place.swallow(true);
    let gone = Instant::now();
    let asking = async {
        loop {
            let _ = tokio::join!(send_to_a(&busy_producer), sleep(Duration::from_millis(100)));
        }
    };
    let (beside, busy_after, idle_after) = tokio::select! {
        seen = async { tokio::join!(
            to_b(AWAY),
            noticed(&mut busy_events, &address, gone),
            noticed(&mut idle_events, &address, gone),
        ) } => seen,
        () = asking => return None,
    };
    trial.at_most("busy_noticed_s", busy_after, 10.0);
    trial.at_most("idle_noticed_s", idle_after, 25.0);
    trial.note("baseline_p99_ms", baseline.percentile(0.99));
    let limit = (2.0 * baseline.percentile(0.99)).max(5.0);
    trial.at_most("other_broker_p99_ms", beside.percentile(0.99), limit);
    trial.require(
        beside.failed.is_empty(),
        format_args!("{} sends to the other failed", beside.failed.len()),
    );

    place.swallow(false);
    let back = Instant::now();
    while send_to_a(&busy_producer).await.is_err() && back.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(50)).await;
    }
    trial.at_most("recovered_s", back.elapsed().as_secs_f64(), 5.0);
    trial.at_most("foreign_answers", busy.stats().connections.foreign_answers as f64, 0.0);
    busy.shutdown(Duration::from_secs(5)).await;
    idle.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// Heartbeats far apart: what is idle is idle.
async fn connect(cluster: &MockCluster) -> Option<Client> {
    let builder = Client::builder(cluster.name_server_list());
    builder.heartbeat_interval(Duration::from_secs(100)).connect().await.ok()
}

fn queue(broker: &str) -> MessageQueue {
    MessageQueue { topic: "t".into(), broker_name: broker.into(), queue_id: 0 }
}

async fn send_to_a(producer: &Producer) -> Result<(), rocketmq_client::Error> {
    let send = producer.send(Message::new("t", "x")).to_queue(queue("broker-a"));
    send.timeout(Duration::from_secs(1)).await.map(drop)
}

/// After how many seconds the client knew.
async fn noticed(events: &mut Events, address: &Arc<str>, since: Instant) -> f64 {
    let lost = async {
        while let Some(event) = events.next().await {
            if matches!(&event, ClientEvent::Disconnected { address: at, .. } if at == address) {
                break;
            }
        }
        since.elapsed().as_secs_f64()
    };
    timeout(AWAY, lost).await.unwrap_or(f64::INFINITY).min(1e6)
}

/// A network namespace, joined to this one by a pair of interfaces. Dropping it removes both.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Self> {
        let place = Self(format!("rocketmq-{}", std::process::id()));
        let name = &place.0;
        let near = format!("rmq{}", std::process::id() % 10_000);
        let far = format!("{near}b");
        let made = ip(&["netns", "add", name])
            && ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", name])
            && ip(&["addr", "add", &format!("{HERE}/30"), "dev", &near])
            && ip(&["link", "set", &near, "up"])
            && ip(&["-n", name, "addr", "add", &format!("{THERE}/30"), "dev", &far])
            && ip(&["-n", name, "link", "set", &far, "up"])
            && ip(&["-n", name, "link", "set", "lo", "up"]);
        made.then_some(place)
    }

    /// Starts a broker in there.
    fn serve(&self) -> Option<Served> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .arg(std::env::current_exe().ok()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        Some(Served { address: line.trim().to_owned(), child })
    }

    /// Whether what comes from there vanishes.
    fn swallow(&self, swallow: bool) {
        let what = if swallow { "add" } else { "del" };
        ip(&["-n", &self.0, "route", what, "blackhole", &format!("{HERE}/32")]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.0]);
    }
}

struct Served {
    address: String,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

/// If this process was started to serve the broker of S05: serves until it is killed.
pub(super) fn served_as_asked() -> bool {
    if std::env::args().nth(1).as_deref() != Some(SERVE) {
        return false;
    }
    if let Ok(runtime) = tokio::runtime::Runtime::new()
        && let Err(error) = runtime.block_on(serve())
    {
        eprintln!("{error}");
    }
    true
}

async fn serve() -> std::io::Result<()> {
    let cluster = MockCluster::builder().topic("t", 1).start().await?;
    let broker = cluster.broker_address("broker-a").unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let listener = TcpListener::bind((THERE, 0)).await?;
    println!("{}", listener.local_addr()?);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut outside, _) = listener.accept().await?;
        connections.spawn(async move {
            let mut inside = TcpStream::connect(broker).await?;
            copy_bidirectional(&mut outside, &mut inside).await
        });
    }
}
