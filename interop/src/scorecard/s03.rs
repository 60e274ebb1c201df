//! S03: of two name servers one is away, dead, mute, empty or mad. Nobody must notice.

use std::{sync::Arc, time::Duration};

use rocketmq_client::{Client, ClientEvent, ConnectFuture, Connector, Message, TcpConnector};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{Trial, traffic};

const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;
const BAD: &str = "name-server";
const STEADY: Duration = Duration::from_secs(10);
const MANY: usize = usize::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Refuses,
    BlackHole,
    Mute,
    Empty,
    Garbage,
}

pub(super) async fn run(trial: &mut Trial) {
    eprintln!("S03: the black hole is a dialler that never connects, not one of the network");
    let mut cases = JoinSet::new();
    for case in [Case::Refuses, Case::BlackHole, Case::Mute, Case::Empty, Case::Garbage] {
        cases.spawn(async move { (case, play(case).await) });
    }
    while let Some(Ok((case, figures))) = cases.join_next().await {
        let name = format!("{case:?}").to_lowercase();
        let Some(figures) = figures else {
            trial.require(false, format_args!("{name}: could not be played"));
            continue;
        };
        trial.at_most(format!("{name}_start_s"), figures.start.as_secs_f64(), 3.0);
        let failed = &figures.steady.failed;
        trial.require(
            failed.is_empty(),
            format_args!("{name}: {} sends failed: {:?}", failed.len(), failed.first()),
        );
        let slow = figures.steady.longer_than(Duration::from_millis(100));
        trial.at_most(format!("{name}_sends_above_100_ms"), slow as f64, 0.0);
        trial.note(format!("{name}_p99_ms"), figures.steady.percentile(0.99));
        trial.note(format!("{name}_longest_ms"), figures.steady.longest());
        trial.at_most(format!("{name}_route_change_s"), figures.change.as_secs_f64(), 35.0);
        trial.at_most(format!("{name}_attempts_per_s"), figures.attempts_per_second, 1.0);
    }
}

struct Figures {
    start: Duration,
    steady: traffic::Timings,
    change: Duration,
    attempts_per_second: f64,
}

async fn play(case: Case) -> Option<Figures> {
    let cluster = MockCluster::builder().name_servers(2).topic("t", 4).start().await.ok()?;
    match case {
        Case::Refuses => _ = cluster.stop_name_server(BAD).await,
        Case::BlackHole => {}
        Case::Mute => cluster.inject_at(BAD, ROUTE, Fault::Ignore, MANY),
        Case::Empty => cluster.set_heard(BAD, "broker-a", false),
        Case::Garbage => cluster.inject_at(
            BAD,
            ROUTE,
            Fault::Garbage(b"HTTP/1.1 200 OK\r\n\r\n".to_vec().into()),
            MANY,
        ),
    }
    let bad: Arc<str> = cluster.name_server_address().to_string().into();
    let began = Instant::now();
    let builder = Client::builder(cluster.name_server_list());
    let client = match case {
        Case::BlackHole => {
            builder.connector(Hole { bad: Arc::clone(&bad), tcp: TcpConnector::default() })
        }
        _ => builder,
    };
    let client = client.connect().await.ok()?;
    let start = began.elapsed();
    let mut events = client.events();
    let producer = client.producer("p").start().await.ok()?;
    let steady = traffic::send(&producer, "t", None, 500, STEADY).await;
    cluster.create_topic("t", 16);
    let changed = Instant::now();
    while changed.elapsed() < Duration::from_secs(40) {
        let receipt = producer.send(Message::new("t", "x")).await.ok()?;
        if receipt.queue().queue_id >= 4 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let change = changed.elapsed();
    let mut attempts = cluster.connections_made(BAD);
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        attempts += usize::from(
            matches!(event, ClientEvent::Unreachable { address, .. } if address == bad),
        );
    }
    let attempts_per_second = attempts as f64 / began.elapsed().as_secs_f64();
    client.shutdown(Duration::from_secs(5)).await;
    Some(Figures { start, steady, change, attempts_per_second })
}

/// Swallows attempts to connect to one address.
struct Hole {
    bad: Arc<str>,
    tcp: TcpConnector,
}

impl Connector for Hole {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        if *address == *self.bad {
            return Box::pin(std::future::pending());
        }
        self.tcp.connect(address, deadline)
    }
}
