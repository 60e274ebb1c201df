//! Sending, in four ways.

use std::{
    collections::VecDeque,
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rocketmq_benches::cpu::process_time;
use rocketmq_client::{BoxError, Client, Error, Producer, SendReceipt};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    job::{Job, WARM_UP},
    report::{Mark, Report},
};

pub(crate) async fn run(job: Job) -> Result<Report<'static>, BoxError> {
    let job: &'static Job = Box::leak(Box::new(job));
    let producer = producer(job).await?;
    send(job, &producer, WARM_UP, job.warm).await?;
    let begin = Mark::now()?;
    let sent = send(job, &producer, 0, job.n).await?;
    let end = Mark::now()?;
    Ok(Report {
        job,
        messages: job.n,
        wall: end.at - begin.at,
        cpu: begin.cpu_until(end),
        ok: sent.ok,
        lost: job.n - sent.ok,
        repeated: 0,
        latencies: sent.latencies,
    })
}

pub(crate) async fn hello(job: Job) -> Result<Report<'static>, BoxError> {
    let job: &'static Job = Box::leak(Box::new(job));
    let producer = producer(job).await?;
    let ok = acknowledged(producer.send(job.message(0)).await);
    let began: f64 = env::var("JUDGE_T0_MS").map_or(Ok(0.0), |millis| millis.parse())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let wall = now.saturating_sub(Duration::from_secs_f64(began / 1e3));
    let (cpu, latencies) = (process_time()?, Vec::new());
    Ok(Report { job, messages: 1, wall, cpu, ok, lost: 1 - ok, repeated: 0, latencies })
}

/// Default options, but for the patience that every driver has: a busy broker is to show as latency.
pub(crate) async fn producer(job: &Job) -> Result<Producer, Error> {
    let client = Client::connect(&job.name_servers).await?;
    client.producer("judge_producers").send_timeout(Duration::from_secs(30)).start().await
}

#[derive(Default)]
struct Sent {
    ok: u64,
    latencies: Vec<Duration>,
}

impl Sent {
    fn add(&mut self, ok: u64, since: Instant) {
        self.ok += ok;
        self.latencies.push(since.elapsed());
    }
}

async fn send(
    job: &'static Job,
    producer: &Producer,
    first: u64,
    count: u64,
) -> Result<Sent, BoxError> {
    match job.work.as_str() {
        "async" => enqueue(job, producer, first, count).await,
        "oneway" => {
            let sent = share_out(job, producer, first, count).await;
            // On the same connection: what was sent before it has arrived when this is acknowledged.
            producer.send(job.message(WARM_UP * 2)).await?;
            Ok(sent)
        }
        _ => Ok(share_out(job, producer, first, count).await),
    }
}

/// The messages of a request of a batch.
const BATCH: u64 = 32;

/// Callers that share the numbers among them.
async fn share_out(job: &'static Job, producer: &Producer, first: u64, count: u64) -> Sent {
    let next = Arc::new(AtomicU64::new(0));
    let stride = if matches!(job.work.as_str(), "batch" | "load") { BATCH } else { 1 };
    let mut callers = JoinSet::new();
    for _ in 0..job.concurrency {
        let (next, producer) = (Arc::clone(&next), producer.clone());
        callers.spawn(async move {
            let mut sent = Sent::default();
            loop {
                let number = next.fetch_add(stride, Relaxed);
                if number >= count {
                    return sent;
                }
                let numbers = first + number..first + count.min(number + stride);
                let since = Instant::now();
                let ok = match job.work.as_str() {
                    "batch" | "load" => {
                        let messages = numbers.map(|number| job.message(number));
                        let stored = producer.send_batch(messages).await;
                        stored.map_or_else(|failed| failed.stored().len(), |all| all.len()) as u64
                    }
                    "oneway" => {
                        let message = job.message(numbers.start);
                        u64::from(producer.send(message).oneway().await.is_ok())
                    }
                    _ => acknowledged(producer.send(job.message(numbers.start)).await),
                };
                sent.add(ok, since);
            }
        });
    }
    let mut all = Sent::default();
    for sent in callers.join_all().await {
        all.ok += sent.ok;
        all.latencies.extend(sent.latencies);
    }
    all
}

/// One caller, who waits for the oldest receipt when so many are outstanding.
async fn enqueue(job: &Job, producer: &Producer, first: u64, count: u64) -> Result<Sent, BoxError> {
    let mut sent = Sent::default();
    let mut outstanding = VecDeque::new();
    for number in first..first + count {
        if outstanding.len() as u64 >= job.concurrency
            && let Some((receipt, since)) = outstanding.pop_front()
        {
            sent.add(acknowledged(receipt.await), since);
        }
        let since = Instant::now();
        outstanding.push_back((producer.send(job.message(number)).enqueue().await?, since));
    }
    for (receipt, since) in outstanding {
        sent.add(acknowledged(receipt.await), since);
    }
    Ok(sent)
}

/// 1 for a message that is stored.
fn acknowledged(receipt: Result<SendReceipt, Error>) -> u64 {
    u64::from(receipt.inspect_err(|error| eprintln!("a send failed: {error}")).is_ok())
}
