//! One connection per address, dialled when somebody asks.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use rocketmq_remoting::{
    CallError, Config, ConnectFuture, Connector, Io, NoRequests, NotSent, Remoting, Tasks,
};
use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep},
};

use crate::support::*;

/// Connects to the test. What happens to an address can be scripted.
#[derive(Clone)]
struct Dialler {
    accepted: mpsc::UnboundedSender<DuplexStream>,
    script: Arc<Mutex<Script>>,
    dialled: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
pub(crate) enum Script {
    Accept,
    Refuse,
    Hang,
    /// `hangs:1` hangs, others are accepted.
    HangOne,
}

impl Connector for Dialler {
    fn connect<'a>(&'a self, address: &'a str, _deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            self.dialled.fetch_add(1, Relaxed);
            let script = *self.script.lock().unwrap();
            match script {
                Script::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
                Script::HangOne if address != "hangs:1" => {}
                Script::Hang | Script::HangOne => {
                    self.under_way.fetch_add(1, Relaxed);
                    std::future::pending::<()>().await;
                }
                Script::Accept => {}
            }
            let (ours, theirs) = duplex(1 << 20);
            self.accepted.send(theirs).map_err(io::Error::other)?;
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

/// The other side of a pool.
pub(crate) struct Pipes {
    accepted: mpsc::UnboundedReceiver<DuplexStream>,
    dialler: Dialler,
    pub(crate) tasks: Tasks,
}

pub(crate) fn pool(config: Config) -> (Remoting, Pipes) {
    let (sender, accepted) = mpsc::unbounded_channel();
    let dialler = Dialler {
        accepted: sender,
        script: Arc::new(Mutex::new(Script::Accept)),
        dialled: Arc::default(),
        under_way: Arc::default(),
    };
    let tasks = Tasks::new("test");
    let remoting = Remoting::new(config, dialler.clone(), NoRequests, &tasks);
    (remoting, Pipes { accepted, dialler, tasks })
}

impl Pipes {
    pub(crate) async fn accept(&mut self) -> Peer {
        let accepted = tokio::time::timeout(secs(60), self.accepted.recv()).await;
        Peer::new(accepted.expect("a connection").unwrap())
    }

    pub(crate) fn dialled(&self) -> usize {
        self.dialler.dialled.load(Relaxed)
    }

    fn script(&self, script: Script) {
        *self.dialler.script.lock().unwrap() = script;
    }

    pub(crate) fn call(
        &self,
        remoting: &Remoting,
        address: &'static str,
        number: i32,
    ) -> JoinHandle<Outcome> {
        let remoting = remoting.clone();
        self.tasks.spawn("call", async move {
            remoting.call(address, &request(number), Bytes::new(), within(9)).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn everyone_who_asks_shares_one_attempt() {
    let (remoting, mut pipes) = pool(Config::default());
    let mut calls = JoinSet::new();
    for number in 0..100 {
        calls.spawn(pipes.call(&remoting, "a:1", number));
    }
    let mut peer = pipes.accept().await;
    for _ in 0..100 {
        let request = peer.next().await;
        peer.answer(&request).await;
    }
    assert!(calls.join_all().await.into_iter().all(|call| call.unwrap().is_ok()));
    assert_eq!(pipes.dialled(), 1);
}

#[tokio::test(start_paused = true)]
async fn f11_an_address_that_was_away_for_hours_is_found_again() {
    let (remoting, mut pipes) = pool(Config::default());
    pipes.script(Script::Refuse);
    let until = within(3 * 3600);
    while Instant::now() < until {
        let error = remoting.channel("a:1", within(1)).await.unwrap_err();
        let CallError::NotSent { reason: NotSent::Unreachable(error), .. } = error else {
            panic!("{error}")
        };
        assert!(error.retry_at <= within(10), "no rest is longer than 8.5 s and its jitter");
        sleep(secs(1)).await;
    }
    let attempts = pipes.dialled();
    assert!((900..2_000).contains(&attempts), "{attempts} attempts in three hours");
    pipes.script(Script::Accept);
    let back = Instant::now();
    while remoting.channel("a:1", within(1)).await.is_err() {
        sleep(secs(1)).await;
    }
    assert!(back.elapsed() <= secs(11));
    pipes.accept().await;
}

#[tokio::test(start_paused = true)]
async fn f14_an_address_that_hangs_delays_no_other() {
    let (remoting, mut pipes) = pool(Config::default());
    pipes.script(Script::HangOne);
    let hangs = pipes.call(&remoting, "hangs:1", 1);
    eventually("it hangs", || pipes.dialler.under_way.load(Relaxed) == 1).await;
    let began = Instant::now();
    let call = pipes.call(&remoting, "b:1", 2);
    let mut peer = pipes.accept().await;
    let request = peer.next().await;
    peer.answer(&request).await;
    call.await.unwrap().unwrap();
    assert_eq!(began.elapsed(), secs(0));
    assert!(matches!(hangs.await.unwrap(), Err(CallError::NotSent { .. })));
}

#[tokio::test(start_paused = true)]
async fn f15_a_peer_that_accepts_and_hangs_up_is_not_dialled_in_a_loop() {
    let (remoting, mut pipes) = pool(Config::default());
    let until = within(60);
    while Instant::now() < until {
        let _ = remoting.channel("a:1", within(1)).await;
        while let Ok(pipe) = pipes.accepted.try_recv() {
            drop(pipe);
        }
        sleep(secs(1) / 100).await;
    }
    assert!(pipes.dialled() <= 16, "{} attempts in a minute", pipes.dialled());
}

#[tokio::test(start_paused = true)]
async fn f17_failed_attempts_leave_nothing_behind() {
    let (remoting, pipes) = pool(Config::default());
    pipes.script(Script::Refuse);
    for nth in 0..10_000 {
        let address = format!("{nth}:1");
        assert!(remoting.channel(&address, within(1)).await.is_err());
        remoting.retain(|known| known != address);
    }
    eventually("no task is left", || pipes.tasks.is_empty()).await;
    assert_eq!(format!("{remoting:?}"), "Remoting { open: [], .. }");
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_dialling_too() {
    let (remoting, pipes) = pool(Config::default());
    pipes.script(Script::Hang);
    let began = Instant::now();
    let outcome = remoting.call("a:1", &request(1), Bytes::new(), within(1)).await;
    assert!(matches!(outcome, Err(CallError::NotSent { reason: NotSent::TimedOut, .. })));
    assert_eq!(began.elapsed(), secs(1));
    remoting.close().await;
    assert!(pipes.tasks.is_empty());
}
