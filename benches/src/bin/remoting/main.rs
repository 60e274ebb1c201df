//! Requests over loopback: rows R1 to R8, each against the limit measured in the same run.
//!
//! The peer is the fixed responder, in a process of its own. The limit is what one task reaches that writes ready frames and reads
//! as many answers, with no pairing, no deadlines and no other callers. `remoting [ROW…]` runs some rows; absolute figures are
//! printed, ratios are what counts.

mod sample;
mod traffic;

use std::{
    alloc::System,
    error::Error,
    io::{self, Read},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rocketmq_benches::{
    cpu::process_time,
    report::{Outcome, at_most, figure, verdict, wanted},
    responder,
    server::serve_if_asked,
};
use rocketmq_remoting::{Channel, Config, Connection, Io, Mailbox, NoRequests, Tasks};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{io::duplex, runtime, task::JoinSet};

use sample::{Sample, Samples};
use traffic::{ANSWER, binary, callers, connect, oneways, raw, raw_oneways, request, run};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BODY: usize = 1 << 10;
const ROUNDS: usize = 5;

type Row = fn(SocketAddr) -> Outcome;

fn main() -> Outcome {
    serve_if_asked()?;
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| word.starts_with('R')).collect();
    let responder = responder::start(ANSWER)?;
    let address = responder.address();
    let rows: [(&str, Row); 8] = [
        ("R1", one_caller),
        ("R2", many_callers),
        ("R3", two_workers),
        ("R4", oneway),
        ("R5", bodies),
        ("R6", waiting),
        ("R7", slow_reader),
        ("R8", allocations),
    ];
    for (name, row) in rows {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            row(address)?;
        }
    }
    verdict()
}

/// R1: one caller.
fn one_caller(address: SocketAddr) -> Outcome {
    let (mut ours, mut limit) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        limit.push(single().block_on(raw(address, 1, BODY))?);
        ours.push(single().block_on(callers(address, 1, BODY))?);
    }
    let (ours, limit) = (ours.median(), limit.median());
    let row = "R1 1 caller";
    figure(row, "µs of latency, median", two(ours.p50));
    wanted(row, "µs above the limit's", two(ours.p50 - limit.p50), "at most 4");
    figure(row, "µs of CPU", two(ours.cpu));
    wanted(row, "of the limit's CPU", two(ours.cpu / limit.cpu), "at most 1.2");
    Ok(())
}

/// R2: many callers over one connection.
fn many_callers(address: SocketAddr) -> Outcome {
    for count in [64, 256] {
        let (mut ours, mut limit) = (Samples::default(), Samples::default());
        for _ in 0..ROUNDS {
            limit.push(single().block_on(raw(address, count, BODY))?);
            ours.push(single().block_on(callers(address, count, BODY))?);
        }
        let (ours, limit) = (ours.median(), limit.median());
        let row = format!("R2 {count} callers");
        figure(&row, "µs of CPU a request", two(ours.cpu));
        wanted(&row, "of the limit's CPU", two(ours.cpu / limit.cpu), "at most 1.8");
        figure(&row, "requests a second", ours.per_second.round());
        let a_request = |calls: f64| format!("{calls:.4}");
        wanted(&row, "writes a request", a_request(ours.writes), "at most 0.03");
        wanted(&row, "reads a request", a_request(ours.reads), "at most 0.03");
    }
    Ok(())
}

/// R3: the default runtime against a single thread.
fn two_workers(address: SocketAddr) -> Outcome {
    let (mut one, mut pair) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        one.push(single().block_on(callers(address, 256, BODY))?);
        let workers =
            runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        pair.push(workers.block_on(callers(address, 256, BODY))?);
    }
    let (one, pair) = (one.median(), pair.median());
    let row = "R3 256 callers on 2 workers";
    figure(row, "µs of CPU a request", two(pair.cpu));
    wanted(row, "of one thread's CPU", two(pair.cpu / one.cpu), "at most 1.5");
    figure(row, "requests a second", pair.per_second.round());
    Ok(())
}

/// R4: requests that nobody answers.
fn oneway(address: SocketAddr) -> Outcome {
    let mut samples = Samples::default();
    for _ in 0..ROUNDS {
        samples.push(single().block_on(oneways(address, BODY))?);
    }
    let ours = samples.median();
    let row = "R4 one-way, 1 KiB";
    wanted(row, "µs of CPU a message", two(ours.cpu), "at most 0.8");
    wanted(row, "frames a write", (1.0 / ours.writes).round(), "at least 32");
    figure(row, "messages a second", ours.per_second.round());
    Ok(())
}

/// R5: what one-way bodies of a size get through, of what ready frames do that are written one after the other.
fn bodies(address: SocketAddr) -> Outcome {
    for size in [256, 4 << 10, 64 << 10, 512 << 10] {
        let (mut ours, mut limit) = (Samples::default(), Samples::default());
        for _ in 0..ROUNDS {
            limit.push(single().block_on(raw_oneways(address, size))?);
            ours.push(single().block_on(oneways(address, size))?);
        }
        let (ours, limit) = (ours.median(), limit.median());
        let gigabytes = |sample: &Sample| sample.per_second * size as f64 / 1e9;
        let row = format!("R5 {size} B");
        figure(&row, "GB a second", two(gigabytes(&ours)));
        figure(&row, "of the limit's CPU", two(ours.cpu / limit.cpu));
        let of_the_limit = two(gigabytes(&ours) / gigabytes(&limit));
        if size < 64 << 10 {
            figure(&row, "of the limit", of_the_limit);
        } else {
            wanted(&row, "of the limit", of_the_limit, "at least 0.85");
        }
    }
    Ok(())
}

/// R6: calls that wait, none of which is answered.
fn waiting(_: SocketAddr) -> Outcome {
    const CALLS: usize = 10_000;
    single().block_on(async {
        let channel = connect(swallowing()?, Config::default()).await?;
        let mailbox = Mailbox::new();
        let region = Region::new(ALLOCATOR);
        for nth in 0..CALLS {
            let until = tokio::time::Instant::now() + Duration::from_secs(2);
            channel.submit(&request(), Bytes::new(), until, &mailbox, nth)?;
            // A few at a time: what is queued is not what is measured.
            while nth % 64 == 63 && channel.stats().frames_written <= nth as u64 {
                tokio::task::yield_now().await;
            }
        }
        let held = region.change();
        let held = held.bytes_allocated as f64 - held.bytes_deallocated as f64;
        let before = process_time()?;
        let idle = Instant::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let quiet =
            process_time()?.saturating_sub(before).as_secs_f64() / idle.elapsed().as_secs_f64();
        let before = process_time()?;
        for _ in 0..CALLS {
            drop(mailbox.recv().await);
        }
        let expiring = process_time()?.saturating_sub(before);
        let row = format!("R6 {CALLS} waiting calls");
        at_most(&row, "bytes each", held / CALLS as f64, 300.0);
        figure(&row, "% of a core while they wait", two(quiet * 100.0));
        let expiring = two(expiring.as_secs_f64() * 1e3);
        wanted(&row, "ms of CPU to expire all", expiring, "at most 5");
        Ok(())
    })
}

/// R7: a peer that reads nothing.
fn slow_reader(_: SocketAddr) -> Outcome {
    const CAP: usize = 32 << 20;
    single().block_on(async {
        let (ours, _theirs) = duplex(1 << 10);
        let mut config = Config::default();
        config.queued_bytes = CAP;
        let (channel, tasks) = over(Box::new(ours), config);
        let region = Region::new(ALLOCATOR);
        let mut senders = JoinSet::new();
        for _ in 0..64 {
            let channel = channel.clone();
            senders.spawn(async move {
                for _ in 0..1_000 {
                    let body = Bytes::from(vec![b'x'; 64 << 10]);
                    let until = tokio::time::Instant::now() + Duration::from_secs(2);
                    if channel.oneway(&request(), body, until).await.is_err() {
                        return;
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let change = region.change();
        let held = (change.bytes_allocated - change.bytes_deallocated) as f64;
        // Each of those who wait holds the one body that it wants to send.
        let waiting = (64 * (64 << 10)) as f64;
        // Beside what waiting senders hold.
        at_most("R7 slow reader", "of the cap is held", (held - waiting) / CAP as f64, 1.05);
        senders.shutdown().await;
        tasks.stop();
        tasks.stopped().await;
        Ok(())
    })
}

/// R8: allocations for each request, once everything is warm.
fn allocations(address: SocketAddr) -> Outcome {
    const REQUESTS: usize = 100_000;
    for count in [1, 64] {
        single().block_on(async {
            let channel = connect(address, binary()).await?;
            let body = Bytes::from(vec![b'x'; BODY]);
            run(&channel, count, REQUESTS / 10, &body).await?;
            let region = Region::new(ALLOCATOR);
            run(&channel, count, REQUESTS, &body).await?;
            let change = region.change();
            let of_request = (change.allocations + change.reallocations) as f64 / REQUESTS as f64;
            at_most(&format!("R8 {count} callers"), "allocations a request", of_request, 2.0);
            Outcome::Ok(())
        })?;
    }
    Ok(())
}

/// A peer that reads all and says nothing.
fn swallowing() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut input = vec![0; 64 << 10];
        while stream.read(&mut input)? > 0 {}
        io::Result::Ok(())
    });
    Ok(address)
}

fn over(io: Box<dyn Io>, config: Config) -> (Channel, Tasks) {
    let tasks = Tasks::new("bench");
    let (channel, connection) =
        Connection::new(io, "peer:1".into(), Arc::new(config), Arc::new(NoRequests), tasks.clone());
    tasks.spawn("connection", connection.run());
    (channel, tasks)
}

fn two(figure: f64) -> String {
    format!("{figure:.2}")
}

fn single() -> runtime::Runtime {
    #[expect(clippy::expect_used, reason = "there is no benchmark without a runtime")]
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
