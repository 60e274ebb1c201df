//! S03: of two name servers one is away, dead, mute, empty or mad. Nobody must notice.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketmq_client::{Client, ConnectFuture, Connector, Message, Producer, TcpConnector};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
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
        trial.note(format!("{name}_attempts"), figures.attempts.len());
        let burst = most_in_a_second(&figures.attempts);
        trial.at_most(format!("{name}_attempts_in_a_second"), burst as f64, 1.0);
    }
}

struct Figures {
    start: Duration,
    steady: traffic::Timings,
    change: Duration,
    /// When somebody tried to connect to the bad one.
    attempts: Vec<Instant>,
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
    let watch = Watch {
        bad: cluster.name_server_address().to_string().into(),
        is_hole: case == Case::BlackHole,
        tcp: TcpConnector::default(),
        attempts: Arc::default(),
    };
    let attempts = Arc::clone(&watch.attempts);
    let began = Instant::now();
    let client = Client::builder(cluster.name_server_list()).connector(watch);
    let client = client.connect().await.ok()?;
    let start = began.elapsed();
    let producer = client.producer("p").start().await.ok()?;
    let steady = tokio::select! {
        steady = traffic::send(&producer, "t", None, 500, STEADY) => steady,
        () = ask_for_ever(&producer) => return None,
    };
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
    client.shutdown(Duration::from_secs(5)).await;
    let attempts = std::mem::take(&mut *attempts.lock().unwrap_or_else(PoisonError::into_inner));
    Some(Figures { start, steady, change, attempts })
}

/// Asks about topics that nobody has asked about: a name server that is never needed is never dialled.
async fn ask_for_ever(producer: &Producer) {
    for nth in 0.. {
        let _ = producer.queues(&format!("unheard-of-{nth}")).await;
        sleep(Duration::from_millis(50)).await;
    }
}

fn most_in_a_second(attempts: &[Instant]) -> usize {
    let within = |first: &Instant| {
        attempts.iter().filter(|at| (*first..*first + Duration::from_secs(1)).contains(at)).count()
    };
    attempts.iter().map(within).max().unwrap_or_default()
}

/// Notes attempts to connect to one address, and swallows them if it is a black hole.
struct Watch {
    bad: Arc<str>,
    is_hole: bool,
    tcp: TcpConnector,
    attempts: Arc<Mutex<Vec<Instant>>>,
}

impl Connector for Watch {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        if *address == *self.bad {
            let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            attempts.push(Instant::now());
            if self.is_hole {
                return Box::pin(std::future::pending());
            }
        }
        self.tcp.connect(address, deadline)
    }
}
