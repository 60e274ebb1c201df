//! A whole producer against a cluster that stores nothing: rows P2 to P5, with instructions and allocations a message.
//!
//! `producing` runs all rows and fails where one allocates more than it may; `producing <row> <count>` only sends so many messages,
//! which is what is run under callgrind. A single thread: both figures are then the same in each run.

use std::{alloc::System, collections::VecDeque, time::Instant};

use rocketmq_benches::{
    cluster::{self, Shape},
    cpu::process_time,
    instructions,
    report::{Outcome, at_most, figure, verdict},
    server::{Server, serve_if_asked},
};
use rocketmq_client::{Client, Message, Producer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{runtime, task::JoinSet};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Name, messages, and allocations allowed for one of them beside the message itself; properties of some sixty share theirs.
const ROWS: [(&str, u64, f64); 4] = [
    ("P2 sync, 64 in flight", 100_000, 2.1),
    ("P3 async, 256 in flight", 100_000, 3.0),
    ("P4 one-way", 200_000, 1.0),
    ("P5 batches of 32", 320_000, 1.0),
];
const BATCH: u64 = 32;

fn main() -> Outcome {
    serve_if_asked()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    if let (Some(row), Some(count)) = (arguments.next(), arguments.next()) {
        let count = count.parse()?;
        return runtime.block_on(async {
            let (_server, producer) = producer().await?;
            send(&row, &producer, count).await
        });
    }
    for (row, count, allowed) in ROWS {
        runtime.block_on(measure(row, count, allowed))?;
        if let Some(instructions) = instructions::for_one_more(row, [4_096, 12_288])? {
            figure(row, "instructions a message", instructions.round());
        }
    }
    verdict()
}

async fn measure(row: &str, count: u64, allowed: f64) -> Outcome {
    let (_server, producer) = producer().await?;
    send(row, &producer, count / 10).await?;
    let (region, cpu, began) = (Region::new(ALLOCATOR), process_time()?, Instant::now());
    send(row, &producer, count).await?;
    let (cpu, seconds) = (process_time()?.saturating_sub(cpu), began.elapsed().as_secs_f64());
    let change = region.change();
    let of_one = |figure: f64| figure / count as f64;
    figure(row, "µs of CPU a message", of_one(cpu.as_secs_f64() * 1e6));
    figure(row, "messages a second", (count as f64 / seconds).round());
    let allocations = (change.allocations + change.reallocations) as f64;
    at_most(row, "allocations a message", of_one(allocations), allowed);
    Ok(())
}

async fn producer() -> Outcome<(Server, Producer)> {
    let shape = Shape { queues: 8, backlog: 0, body: 0, hold: std::time::Duration::ZERO };
    let server = cluster::start(shape)?;
    let client = Client::connect(server.address().to_string()).await?;
    Ok((server, client.producer("bench").start().await?))
}

/// Its copies cost no allocation: what is counted is the client's own.
fn message() -> Message {
    static BODY: [u8; 1 << 10] = [b'x'; 1 << 10];
    Message::new("bench", &BODY[..]).tag("TagA")
}

async fn send(row: &str, producer: &Producer, count: u64) -> Outcome {
    match row.split_whitespace().next() {
        Some("P2") => awaited(producer, count, 64).await,
        Some("P3") => enqueued(producer, count, 256).await,
        Some("P4") => oneway(producer, count).await,
        _ => batches(producer, count).await,
    }
}

async fn awaited(producer: &Producer, count: u64, callers: u64) -> Outcome {
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (producer, message) = (producer.clone(), message());
        running.spawn(async move {
            for _ in 0..count / callers {
                producer.send(message.clone()).await?;
            }
            Ok::<_, rocketmq_client::Error>(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn enqueued(producer: &Producer, count: u64, depth: usize) -> Outcome {
    let (message, mut receipts) = (message(), VecDeque::with_capacity(depth));
    for _ in 0..count {
        if receipts.len() == depth
            && let Some(oldest) = receipts.pop_front()
        {
            oldest.await?;
        }
        receipts.push_back(producer.send(message.clone()).enqueue().await?);
    }
    for receipt in receipts {
        receipt.await?;
    }
    Ok(())
}

async fn oneway(producer: &Producer, count: u64) -> Outcome {
    let message = message();
    for _ in 0..count {
        producer.send(message.clone()).oneway().await?;
    }
    producer.send(message).await?;
    Ok(())
}

async fn batches(producer: &Producer, count: u64) -> Outcome {
    let messages: Vec<Message> = (0..BATCH).map(|_| message()).collect();
    for _ in 0..count / BATCH {
        producer.send_batch(messages.iter().cloned()).await?;
    }
    Ok(())
}
