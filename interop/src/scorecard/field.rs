//! [`Field`]: a topic under load, the members that consume it, and the ledger that judges both.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rocketmq_client::{Client, Producer};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};

use super::{
    Trial,
    traffic::{Timings, pace_while},
};
use crate::{
    Cluster, ClusterBuilder, DEFAULT_VERSION, Distribution, Ledger, Signal, Verdict,
    player::{Consume, Part, Player, Way, Word, numbered},
};

/// Plays a row on real servers, unless Java is missing, which is said. `None`: something that the row needs was not to be had.
pub(super) async fn on_servers(
    trial: &mut Trial,
    builder: ClusterBuilder,
    play: impl AsyncFnOnce(&mut Trial, &mut Cluster) -> Option<()>,
) {
    let Some(mut cluster) = servers(trial, builder).await else { return };
    if play(trial, &mut cluster).await.is_none() {
        trial.require(false, "servers or members did not do their part");
    }
    block_in_place(|| drop(cluster));
}

/// Kills a broker, and starts it again at once.
pub(super) fn kill_and_start(cluster: &mut Cluster, broker: &str) -> Option<()> {
    block_in_place(|| {
        cluster.stop_broker(broker, Signal::Kill);
        cluster.start_broker(broker)
    })
    .ok()
}

async fn servers(trial: &mut Trial, builder: ClusterBuilder) -> Option<Cluster> {
    let missing = Distribution::missing_programs(DEFAULT_VERSION);
    if !missing.is_empty() {
        eprintln!("REAL SERVERS ARE LEFT OUT: {} missing", missing.join(", "));
        trial.note("left_out", "real servers");
        return None;
    }
    let starting = move || builder.start(&Distribution::fetch(DEFAULT_VERSION)?);
    match tokio::task::spawn_blocking(starting).await {
        Ok(Ok(cluster)) => {
            trial.note("servers", DEFAULT_VERSION);
            Some(cluster)
        }
        outcome => {
            trial.require(false, format_args!("the servers did not start: {outcome:?}"));
            None
        }
    }
}

/// A topic under load.
pub(super) struct Field {
    pub(super) name_servers: String,
    pub(super) topic: &'static str,
    pub(super) ledger: Arc<Ledger>,
    words: Arc<Mutex<Vec<(usize, Word)>>>,
    next: Arc<AtomicU64>,
    members: usize,
}

impl Field {
    pub(super) fn new(name_servers: &str, topic: &'static str) -> Self {
        Self {
            name_servers: name_servers.to_owned(),
            topic,
            ledger: Arc::default(),
            words: Arc::default(),
            next: Arc::default(),
            members: 0,
        }
    }

    /// A part in the group of this topic.
    pub(super) fn consume(&self, way: Way, handler_ms: u64) -> Consume {
        Consume {
            name_servers: self.name_servers.clone(),
            topic: self.topic.to_owned(),
            group: format!("{}-group", self.topic),
            way,
            handler_ms,
            trouble: None,
            from_last: false,
            budget: None,
        }
    }

    /// Another member of the group. What it consumes goes into the ledger.
    pub(super) fn join(&mut self, part: &Consume) -> Option<Player> {
        self.members += 1;
        let (ledger, words) = (Arc::clone(&self.ledger), Arc::clone(&self.words));
        let (id, name) = (self.members, format!("member-{}", self.members));
        let program = std::env::current_exe().ok()?;
        let hear = move |word: Word| {
            ledger.seen(word.number, &name, &word.queue);
            words.lock().unwrap_or_else(PoisonError::into_inner).push((id, word));
        };
        Player::start(&program, &Part::Consume(part.clone()), hear).ok()
    }

    /// So many members of the group.
    pub(super) fn join_all(&mut self, count: usize, part: &Consume) -> Option<Vec<Player>> {
        (0..count).map(|_| self.join(part)).collect()
    }

    /// Everything that members have said, each with the number of the member.
    pub(super) fn words(&self) -> Vec<(usize, Word)> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends so many messages a second, from now on.
    pub(super) fn load(&self, producers: &[Producer], per_second: u32) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let mut producing = JoinSet::new();
        for producer in producers {
            let (producer, topic) = (producer.clone(), self.topic);
            let (ledger, next) = (Arc::clone(&self.ledger), Arc::clone(&self.next));
            let (stopped, each) = (Arc::clone(&stop), per_second / producers.len().max(1) as u32);
            let going = move || !stopped.load(Ordering::SeqCst);
            let once = move || {
                let number = next.fetch_add(1, Ordering::SeqCst);
                let (producer, ledger) = (producer.clone(), Arc::clone(&ledger));
                async move { send(&producer, topic, number, &ledger).await }
            };
            producing.spawn(async move { pace_while(each.max(1), going, once).await });
        }
        Load { producing, stop }
    }

    /// Waits until something has been consumed.
    pub(super) async fn moves(&self) -> bool {
        self.reaches(Duration::from_secs(60), || self.ledger.distinct() > 0).await
    }

    /// Waits for something to become true; `false` if it does not.
    pub(super) async fn reaches(&self, patience: Duration, holds: impl Fn() -> bool) -> bool {
        let until = Instant::now() + patience;
        while !holds() {
            if Instant::now() > until {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// Waits until nothing is missing, and tells what the books say, and how long it took.
    pub(super) async fn settle(&self, patience: Duration) -> (Verdict, Duration) {
        let began = Instant::now();
        self.reaches(patience, || self.ledger.verdict().lost.is_empty()).await;
        (self.ledger.verdict(), began.elapsed())
    }
}

/// Whatever a send reports goes into the books as what it claims to be.
async fn send(
    producer: &Producer,
    topic: &str,
    number: u64,
    ledger: &Ledger,
) -> Result<(), rocketmq_client::Error> {
    match producer.send(numbered(topic, number)).await {
        Ok(_) => ledger.acknowledged(number),
        Err(error) => {
            if error.outcome_unknown() {
                ledger.unknown(number);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Messages that are being sent.
pub(super) struct Load {
    producing: JoinSet<Timings>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Sends no more, and tells how it went.
    pub(super) async fn stop(self) -> Timings {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Timings::default();
        for timings in self.producing.join_all().await {
            all.took.extend(timings.took);
            all.failed.extend(timings.failed);
        }
        all
    }
}

/// A client with producers of its own.
pub(super) async fn producers(name_servers: &str, count: usize) -> Option<(Client, Vec<Producer>)> {
    let client = Client::connect(name_servers).await.ok()?;
    let mut producers = Vec::new();
    for nth in 0..count {
        producers.push(client.producer(format!("load-{nth}")).start().await.ok()?);
    }
    Some((client, producers))
}

/// Notes what the books say, and requires that nothing is lost, and nothing has come from nowhere.
pub(super) fn judge(trial: &mut Trial, verdict: &Verdict) {
    trial.note("acknowledged", verdict.acknowledged);
    trial.note("repeated", verdict.repetitions());
    trial.at_most("lost", verdict.lost.len() as f64, 0.0);
    trial.at_most("unexplained", verdict.invented.len() as f64, 0.0);
}
