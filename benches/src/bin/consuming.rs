//! A whole consumer against a cluster that stores nothing: rows C1 to C3 and X1.
//!
//! `consuming` runs all rows and fails where one allocates or holds more than it may, or where a message comes twice, not at all or
//! out of order; `consuming <row> <count>` only drains so many messages, which is what is run under callgrind.

use std::{
    alloc::System,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rocketmq_benches::{
    cluster::{self, Shape},
    cpu::process_time,
    instructions,
    report::{Outcome, at_most, figure, verdict},
    server::{Server, serve_if_asked},
};
use rocketmq_client::{Batch, Client, Delivery, PushConsumerBuilder, StartFrom};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{runtime, sync::Notify, time::timeout};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Name, and allocations allowed for a message.
const ROWS: [(&str, f64); 3] = [("C1 one by one", 1.0), ("C2 by 32", 1.0), ("C3 in order", 1.0)];
const QUEUES: u32 = 16;
const COUNT: u64 = 320_000;
const BODY: usize = 1 << 10;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome {
    serve_if_asked()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    if let (Some(row), Some(count)) = (arguments.next(), arguments.next()) {
        let count = count.parse()?;
        return runtime.block_on(async { drain(&row, count).await.map(drop) });
    }
    for (row, allowed) in ROWS {
        let drained = runtime.block_on(drain(row, COUNT))?;
        let of_one = |figure: f64| figure / COUNT as f64;
        figure(row, "µs of CPU a message", of_one(drained.cpu.as_secs_f64() * 1e6));
        figure(row, "messages a second", (COUNT as f64 / drained.wall.as_secs_f64()).round());
        at_most(row, "allocations a message", of_one(drained.allocations as f64), allowed);
        if let Some(instructions) = instructions::for_one_more(row, [16_384, 49_152])? {
            figure(row, "instructions a message", instructions.round());
        }
    }
    runtime.block_on(held())?;
    verdict()
}

struct Drained {
    cpu: Duration,
    wall: Duration,
    allocations: usize,
}

/// From the start of the client to the last message.
async fn drain(row: &str, count: u64) -> Outcome<Drained> {
    let (_server, client) = connect(count / u64::from(QUEUES)).await?;
    let ledger = Arc::new(Ledger::new(count));
    let (region, cpu, began) = (Region::new(ALLOCATOR), process_time()?, Instant::now());
    let (seen, consumer) = (Arc::clone(&ledger), consumer(&client));
    let each = move |delivery: Delivery| {
        seen.note(&delivery);
        async {}
    };
    let seen = Arc::clone(&ledger);
    let together = move |batch: Batch| {
        batch.iter().for_each(|delivery| seen.note(&delivery));
        async {}
    };
    let ordered = row.starts_with("C3");
    let running = match row.split_whitespace().next() {
        Some("C2") => consumer.start_batch(32, together).await?,
        Some("C3") => consumer.ordered().start(each).await?,
        _ => consumer.start(each).await?,
    };
    timeout(PATIENCE, ledger.all.notified()).await.map_err(|_| "not every message came")?;
    let change = region.change();
    let drained = Drained {
        cpu: process_time()?.saturating_sub(cpu),
        wall: began.elapsed(),
        allocations: change.allocations + change.reallocations,
    };
    running.shutdown(PATIENCE).await;
    ledger.check(count, ordered)?;
    Ok(drained)
}

/// X1: what messages hold that nobody has settled.
async fn held() -> Outcome {
    const MESSAGES: u64 = 16_000;
    let (_server, client) = connect(MESSAGES / u64::from(QUEUES)).await?;
    let region = Region::new(ALLOCATOR);
    let never = |_: Delivery| std::future::pending::<()>();
    let running = consumer(&client).concurrency(1).start(never).await?;
    let cached = async {
        loop {
            let queues = running.snapshot().await?.queues;
            let cached: u64 = queues.iter().map(|queue| queue.cached_messages as u64).sum();
            if cached >= MESSAGES {
                return Outcome::Ok(cached);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let cached = timeout(PATIENCE, cached).await.map_err(|_| "the cache was not filled")??;
    let change = region.change();
    let bytes = (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / cached as f64;
    let stored = stored_bytes();
    figure("X1", "bytes held a message of 1 KiB", bytes.round());
    at_most("X1", "of the bytes that were sent for it", bytes / stored, 1.25);
    Ok(())
}

/// Bytes of a message as a broker sends it: the fixed fields, body, topic and properties.
fn stored_bytes() -> f64 {
    (91 + BODY + "bench".len() + 106) as f64
}

async fn connect(backlog: u64) -> Outcome<(Server, Client)> {
    let hold = Duration::from_secs(15);
    let shape = Shape { queues: QUEUES, backlog: backlog as u32, body: BODY, hold };
    let server = cluster::start(shape)?;
    let client = Client::connect(server.address().to_string()).await?;
    Ok((server, client))
}

fn consumer(client: &Client) -> PushConsumerBuilder {
    client.push_consumer("bench").subscribe("bench", "*").start_from(StartFrom::First)
}

/// What has come.
struct Ledger {
    times: Vec<AtomicU64>,
    /// The last offset of each queue, and how often one came that is not the next.
    last: Vec<AtomicI64>,
    astray: AtomicU64,
    left: AtomicU64,
    all: Notify,
}

impl Ledger {
    fn new(count: u64) -> Self {
        Self {
            times: (0..count).map(|_| AtomicU64::new(0)).collect(),
            last: (0..QUEUES).map(|_| AtomicI64::new(-1)).collect(),
            astray: AtomicU64::new(0),
            left: AtomicU64::new(count),
            all: Notify::new(),
        }
    }

    fn note(&self, delivery: &Delivery) {
        let number =
            delivery.body().first_chunk().map_or(u64::MAX, |word| u64::from_be_bytes(*word));
        let Some(times) = self.times.get(number as usize) else { return };
        let message = delivery.message();
        if let Some(last) = self.last.get(message.queue_id as usize) {
            let before = last.swap(message.queue_offset, Relaxed);
            self.astray.fetch_add(u64::from(before + 1 != message.queue_offset), Relaxed);
        }
        if times.fetch_add(1, Relaxed) == 0 && self.left.fetch_sub(1, Relaxed) == 1 {
            self.all.notify_one();
        }
    }

    fn check(&self, count: u64, ordered: bool) -> Outcome {
        let once = self.times.iter().filter(|times| times.load(Relaxed) == 1).count() as u64;
        if once != count {
            return Err(format!("{once} of {count} messages came once").into());
        }
        match self.astray.load(Relaxed) {
            astray if ordered && astray > 0 => {
                Err(format!("{astray} messages out of order").into())
            }
            _ => Ok(()),
        }
    }
}
