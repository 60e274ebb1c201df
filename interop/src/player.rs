//! [`Player`]: a client in a process of its own, which can be killed, frozen or sent home.
//!
//! Its part is played by the program that starts it, once more: `main` asks [`played_as_asked`] first. What it sees comes over a
//! pipe, line by line, written before anything is acknowledged: what it has written survives it.

use std::{
    fmt::Display,
    future::pending,
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rocketmq_client::{
    BoxError, Client, Delivery, FileOffsets, HalfMessage, Message, Mode, PushConsumer,
    PushConsumerBuilder, Resolution, StartFrom,
};
use rocketmq_remoting::Tasks;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::{interval, sleep, timeout},
};

use crate::process::send_signal;

const PLAY: &str = "--play";

/// What a member does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Part {
    /// Consumes: `<number> <queue>` for each message whose handler has ended well.
    Consume(Consume),
    /// Sends transactions: `<number>` for each half message that a broker has confirmed.
    Transact(Transact),
}

/// The part of a consumer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consume {
    /// Where it connects to.
    pub name_servers: String,
    /// What it reads.
    pub topic: String,
    /// The group it is a member of.
    pub group: String,
    /// How it reads.
    pub way: Way,
    /// A handler takes so many milliseconds, at most: between nothing and this.
    pub handler_ms: u64,
    /// What handlers do wrong.
    pub trouble: Option<Trouble>,
    /// Reads from the end where nothing is stored.
    pub from_last: bool,
    /// The bytes of messages that it holds, if not as many as by default.
    pub budget: Option<u64>,
}

/// A way to consume.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Way {
    /// Side by side.
    Concurrent,
    /// One after the other, queue by queue.
    Ordered,
    /// By popping, each message for so many milliseconds.
    Pop(u64),
    /// Everything, with offsets in this file.
    Broadcast(PathBuf),
}

/// Handlers that fail by the number of the message: every so many of them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Trouble {
    /// The first attempt panics.
    pub panics: u64,
    /// The first attempt fails.
    pub fails: u64,
    /// The first attempt never ends.
    pub hangs: u64,
    /// This one always fails.
    pub poison: u64,
}

/// The part of a transactional producer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transact {
    /// Where it connects to.
    pub name_servers: String,
    /// Where it sends to.
    pub topic: String,
    /// The group, whose members answer for one another.
    pub group: String,
    /// What it sends.
    pub numbers: Range<u64>,
    /// How many a second.
    pub per_second: u32,
}

/// What the table says about a transaction: two of four are committed, one of them without a word of the producer that began it.
pub fn decided(number: u64) -> Decision {
    match number % 4 {
        0 => Decision::Commit,
        1 => Decision::Rollback,
        2 => Decision::CommitAtCheck,
        _ => Decision::RollbackAtCheck,
    }
}

/// See [`decided`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Committed by its producer.
    Commit,
    /// Rolled back by its producer.
    Rollback,
    /// Committed when the broker asks.
    CommitAtCheck,
    /// Rolled back when the broker asks.
    RollbackAtCheck,
}

impl Decision {
    /// Whether the message may be seen.
    pub fn is_committed(self) -> bool {
        matches!(self, Self::Commit | Self::CommitAtCheck)
    }
}

/// A running member. Dropping it kills it.
#[derive(Debug)]
pub struct Player {
    child: Child,
    id: u32,
    reader: Tasks,
}

/// A line that a member has written, and when that was, by the clock of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The message.
    pub number: u64,
    /// Where it is in its queue.
    pub offset: i64,
    /// Where it came from; nothing if the member sends.
    pub queue: String,
    /// When its handler began.
    pub began: Duration,
    /// When its handler ended.
    pub ended: Duration,
}

impl Player {
    /// Starts a member from a program that asks [`played_as_asked`], and hands over what it writes.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start(
        program: &Path,
        part: &Part,
        hear: impl Fn(Word) + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args([PLAY, &serde_json::to_string(part)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().unwrap_or_default();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let reader = Tasks::new("member");
        reader.spawn("reader", async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                word(&line).into_iter().for_each(&hear);
            }
        });
        Ok(Self { child, id, reader })
    }

    /// Kills it, and returns when everything that it had written has been heard.
    pub async fn kill(mut self) {
        let _ = self.child.kill().await;
        self.reader.stopped().await;
    }

    /// Has it take leave, and tells how long that took.
    pub async fn leave(mut self) -> Duration {
        let began = Instant::now();
        drop(self.child.stdin.take());
        let _ = timeout(Duration::from_secs(60), self.child.wait()).await;
        let took = began.elapsed();
        let _ = self.child.kill().await;
        self.reader.stopped().await;
        took
    }

    /// Freezes it, or has it go on.
    pub fn freeze(&self, freeze: bool) {
        send_signal(self.id, if freeze { "-STOP" } else { "-CONT" });
    }

    /// The most memory that it has held so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        crate::scorecard::process_kib(&self.id.to_string(), "VmHWM").unwrap_or_default() / 1_024.0
    }
}

fn word(line: &str) -> Option<Word> {
    let mut parts = line.split(' ');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (number, began, ended, offset) = (number()?, number()?, number()?, number()?);
    let queue = parts.next().unwrap_or_default().to_owned();
    let at = Duration::from_micros;
    Some(Word { number, offset: offset.cast_signed(), queue, began: at(began), ended: at(ended) })
}

/// If this process was started to be a member: plays its part until standard input ends.
pub fn played_as_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(PLAY) {
        return false;
    }
    let part = arguments.next().and_then(|part| serde_json::from_str(&part).ok());
    if let (Some(part), Ok(runtime)) = (part, tokio::runtime::Runtime::new()) {
        let played = runtime.block_on(async {
            match part {
                Part::Consume(part) => consume(part).await,
                Part::Transact(part) => transact(part).await,
            }
        });
        if let Err(error) = played {
            eprintln!("{error}");
        }
    }
    true
}

/// Until whoever started this closes standard input.
async fn sent_home() {
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}

async fn consume(part: Consume) -> Result<(), BoxError> {
    let client = Client::connect(&*part.name_servers).await?;
    let from = if part.from_last { StartFrom::Last } else { StartFrom::First };
    let consumer = client.push_consumer(&*part.group).subscribe(&part.topic, "*").start_from(from);
    let consumer = consumer.max_redeliveries(3).consume_timeout(Duration::from_secs(5));
    let consumer = match part.budget {
        Some(bytes) => consumer.max_cached_bytes(bytes),
        None => consumer,
    };
    let consumer = match part.way.clone() {
        Way::Concurrent => begin(consumer, part).await?,
        Way::Ordered => begin(consumer.ordered(), part).await?,
        Way::Pop(invisible) => {
            begin(consumer.pop().pop_invisible(Duration::from_millis(invisible)), part).await?
        }
        Way::Broadcast(file) => {
            let consumer = consumer.broadcasting().offset_store(FileOffsets::new(file));
            begin(consumer.commit_interval(Duration::from_millis(50)), part).await?
        }
    };
    sent_home().await;
    consumer.shutdown(Duration::from_secs(10)).await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn begin<M: Mode>(
    builder: PushConsumerBuilder<M>,
    part: Consume,
) -> Result<PushConsumer, rocketmq_client::Error> {
    let part = Arc::new(part);
    builder.start(move |delivery: Delivery| handle(Arc::clone(&part), delivery)).await
}

/// The number of a message: the first eight bytes of its body.
pub fn number_in(body: &[u8]) -> u64 {
    body.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A message of a quarter of a KiB with this number.
pub fn numbered(topic: &str, number: u64) -> Message {
    let mut body = number.to_be_bytes().to_vec();
    body.resize(256, b'.');
    Message::new(topic, body).key(number)
}

async fn handle(part: Arc<Consume>, delivery: Delivery) -> Result<(), BoxError> {
    let (number, began) = (number_in(delivery.body()), now());
    if part.handler_ms > 0 {
        sleep(Duration::from_millis(fastrand::u64(..=part.handler_ms))).await;
    }
    if let Some(trouble) = part.trouble {
        go_wrong(trouble, number, delivery.reconsume_times() == 0).await?;
    }
    say(number, began, delivery.message().queue_offset, delivery.queue())?;
    Ok(())
}

async fn go_wrong(trouble: Trouble, number: u64, first: bool) -> Result<(), BoxError> {
    let is_one_of = |every: u64| every > 0 && first && number % every == every / 2;
    #[expect(clippy::panic, reason = "that is the trouble")]
    if is_one_of(trouble.panics) {
        panic!("{number} makes its handler panic");
    }
    if is_one_of(trouble.hangs) {
        pending::<()>().await;
    }
    if number == trouble.poison || is_one_of(trouble.fails) {
        return Err(format!("{number} fails").into());
    }
    Ok(())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Written before anything is acknowledged, so that nothing is acknowledged which nobody has heard of.
fn say(number: u64, began: Duration, offset: i64, queue: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{number} {} {} {offset} {queue}", began.as_micros(), now().as_micros())?;
    out.flush()
}

async fn transact(part: Transact) -> Result<(), BoxError> {
    let client = Client::connect(part.name_servers).await?;
    let producer = client
        .producer(part.group)
        .transactional(|half: HalfMessage| {
            let committed = decided(number_in(half.body())).is_committed();
            async move { if committed { Resolution::Commit } else { Resolution::Rollback } }
        })
        .start()
        .await?;
    let sending = async {
        let mut beat = interval(Duration::from_secs(1) / part.per_second.max(1));
        for number in part.numbers {
            beat.tick().await;
            let Ok(half) = producer.begin(numbered(&part.topic, number)).await else {
                continue;
            };
            let _ = say(number, now(), 0, "");
            match decided(number) {
                Decision::Commit => drop(half.commit().await),
                Decision::Rollback => drop(half.rollback().await),
                Decision::CommitAtCheck | Decision::RollbackAtCheck => drop(half),
            }
        }
        pending::<()>().await;
    };
    tokio::select! {
        () = sending => {}
        () = sent_home() => {}
    }
    producer.shutdown(Duration::from_secs(5)).await;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
