//! One connection per address.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use rocketmq_remoting::{
    Backoff, CallError, Channel, CloseReason, ConnectFuture, Connector, DialError, Io, NoRequests,
    NotSent, Remoting, Tasks,
};
use tokio::{io::duplex, sync::Semaphore, task::JoinHandle, time::Instant};

use crate::support::*;

/// What the next attempt runs into.
enum Attempt {
    Connects,
    Fails(io::ErrorKind),
    Hangs,
    /// Connects as soon as a permit is given.
    Waits,
}

/// A network whose every connection attempt is scripted.
#[derive(Clone)]
struct Network(Arc<State>);

struct State {
    script: Mutex<VecDeque<Attempt>>,
    attempts: Mutex<Vec<Instant>>,
    peers: Mutex<VecDeque<Peer>>,
    gate: Semaphore,
}

impl Connector for Network {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        assert!(address.ends_with(":1"));
        assert_eq!(deadline, within(3));
        Box::pin(async move {
            self.0.attempts.lock().unwrap().push(Instant::now());
            let attempt = self.0.script.lock().unwrap().pop_front().unwrap_or(Attempt::Connects);
            match attempt {
                Attempt::Connects => {}
                Attempt::Fails(kind) => return Err(kind.into()),
                Attempt::Hangs => pending().await,
                Attempt::Waits => self.0.gate.acquire().await.unwrap().forget(),
            }
            let (ours, theirs) = duplex(1 << 16);
            self.0.peers.lock().unwrap().push_back(Peer::new(theirs));
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

struct Pool {
    remoting: Remoting,
    network: Network,
    tasks: Tasks,
}

fn pool(script: impl IntoIterator<Item = Attempt>) -> Pool {
    let network = Network(Arc::new(State {
        script: Mutex::new(script.into_iter().collect()),
        attempts: Mutex::default(),
        peers: Mutex::default(),
        gate: Semaphore::new(0),
    }));
    let tasks = Tasks::new("test");
    let config = config(|config| {
        config.backoff = Backoff { rests: vec![secs(1), secs(2), secs(4)], jitter_percent: 0 };
    });
    let remoting = Remoting::new(config, network.clone(), NoRequests, &tasks);
    Pool { remoting, network, tasks }
}

impl Pool {
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    fn channel(&self, address: &'static str) -> JoinHandle<Result<Channel, CallError>> {
        let remoting = self.remoting.clone();
        tokio::spawn(async move { remoting.channel(address, within(5)).await })
    }

    async fn unreachable(&self) -> DialError {
        match self.channel("a:1").await.unwrap() {
            Err(CallError::NotSent { reason: NotSent::Unreachable(error), .. }) => error,
            other => panic!("{other:?}"),
        }
    }

    fn attempts(&self) -> usize {
        self.network.0.attempts.lock().unwrap().len()
    }

    fn peer(&self) -> Peer {
        self.network.0.peers.lock().unwrap().pop_front().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_share_one_attempt_and_one_connection() {
    let pool = pool([Attempt::Waits]);
    let asking: Vec<_> = (0..10).map(|_| pool.channel("a:1")).collect();
    quiet().await;
    assert!(pool.remoting.existing("a:1").is_none());
    asking[0].abort(); // whoever asked first may leave: the attempt is everybody's
    pool.network.0.gate.add_permits(1);
    let mut channels = Vec::new();
    for asking in asking.into_iter().skip(1) {
        channels.push(asking.await.unwrap().unwrap());
    }
    assert!(channels.iter().all(|channel| *channel == channels[0]));
    assert_eq!(pool.channel("a:1").await.unwrap().unwrap(), channels[0]);
    assert_eq!(pool.remoting.existing("a:1").unwrap(), channels[0]);
    assert_ne!(pool.channel("b:1").await.unwrap().unwrap(), channels[0]);
    assert_eq!(pool.attempts(), 2);
    assert_eq!(pool.remoting.channels().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_address_keeps_nobody_from_another() {
    let pool = pool([Attempt::Hangs]);
    let slow = pool.channel("a:1");
    quiet().await;
    let start = Instant::now();
    pool.channel("b:1").await.unwrap().unwrap();
    assert_eq!(start.elapsed(), secs(0));
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_his_deadline_or_the_limit() {
    let pool = pool([Attempt::Hangs]);
    let start = Instant::now();
    let error = pool.remoting.channel("a:1", within(1)).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { reason: NotSent::TimedOut, .. }), "{error}");
    assert_eq!(start.elapsed(), secs(1));
    // The attempt goes on, and ends by itself.
    let error = pool.unreachable().await;
    assert_eq!(start.elapsed(), secs(3));
    assert_eq!(error.cause.kind(), io::ErrorKind::TimedOut);
    assert_eq!(pool.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_rest_and_never_give_up() {
    let refused = || Attempt::Fails(io::ErrorKind::ConnectionRefused);
    let pool = pool((0..6).map(|_| refused()));
    let mut at = Instant::now();
    for (failures, rest) in (1..).zip([1, 2, 4, 4, 4, 4]) {
        let error = pool.unreachable().await;
        assert_eq!(error.cause.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!((error.failures, error.retry_at), (failures, at + secs(rest)));
        // While it rests nobody dials, and nobody waits.
        assert_eq!(pool.unreachable().await.retry_at, error.retry_at);
        assert_eq!((pool.attempts(), Instant::now()), (failures as usize, at));
        tokio::time::sleep_until(error.retry_at).await;
        at = error.retry_at;
    }
    pool.channel("a:1").await.unwrap().unwrap();
    assert_eq!(pool.attempts(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_dialled_again_at_once() {
    let pool = pool([]);
    let first = pool.channel("a:1").await.unwrap().unwrap();
    tokio::time::sleep(secs(60)).await;
    drop(pool.peer());
    assert!(matches!(first.closed().await, CloseReason::Peer));
    assert!(pool.remoting.existing("a:1").is_none());
    let second = pool.channel("a:1").await.unwrap().unwrap();
    assert_ne!(first, second);
    assert_eq!(pool.attempts(), 2);

    let asked = request(7);
    let call = second.call(&asked, Bytes::new(), within(3));
    let mut peer = pool.peer();
    let serve = async {
        let request = peer.next().await;
        peer.answer(&request).await;
    };
    assert_eq!(tokio::join!(call, serve).0.unwrap().header.offset, 7);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_at_once_rests() {
    let pool = pool([]);
    let mut attempts = Vec::new();
    for failures in 1..4 {
        let channel = pool.channel("a:1").await.unwrap().unwrap();
        drop(pool.peer());
        channel.closed().await;
        let error = pool.unreachable().await;
        assert_eq!(error.failures, failures);
        assert_eq!(error.cause.to_string(), "closed by the peer");
        attempts.push(error.retry_at - Instant::now());
        tokio::time::sleep_until(error.retry_at).await;
    }
    assert_eq!(attempts, [secs(1), secs(2), secs(4)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_retained_closes_and_may_come_back() {
    let pool = pool([Attempt::Connects, Attempt::Connects, Attempt::Hangs]);
    let (kept, closed) =
        (pool.channel("a:1").await.unwrap().unwrap(), pool.channel("b:1").await.unwrap().unwrap());
    let dialing = pool.channel("c:1");
    quiet().await;
    pool.remoting.retain(|address| address == "a:1");
    assert!(matches!(closed.closed().await, CloseReason::Local));
    assert!(matches!(
        dialing.await.unwrap(),
        Err(CallError::NotSent { reason: NotSent::Closed(CloseReason::Local), .. })
    ));
    assert!(kept.is_open());
    assert_ne!(pool.channel("b:1").await.unwrap().unwrap(), closed);
    pool.channel("c:1").await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_leaves_no_task() {
    let pool = pool([Attempt::Connects, Attempt::Hangs]);
    let open = pool.channel("a:1").await.unwrap().unwrap();
    let dialing = pool.channel("b:1");
    quiet().await;
    assert_eq!(pool.tasks.len(), 2);
    let start = Instant::now();
    pool.remoting.close().await;
    assert_eq!((pool.tasks.len(), start.elapsed()), (0, secs(0)));
    assert!(!open.is_open());
    let shutting_down =
        |outcome| matches!(outcome, Err(CallError::NotSent { reason: NotSent::ShuttingDown, .. }));
    assert!(shutting_down(dialing.await.unwrap()));
    assert!(shutting_down(pool.channel("a:1").await.unwrap()));
    assert_eq!(pool.tasks.len(), 0);
}
