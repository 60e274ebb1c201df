//! Requests over loopback: rows R1 to R8, each against the limit measured in the same run.
//!
//! The peer is the fixed responder, in a process of its own. The limit is what one task reaches that writes ready frames and reads
//! as many answers, with no pairing, no deadlines and no other callers. `remoting [ROW…]` runs some rows; absolute figures are
//! printed, ratios are what counts.

use std::{
    alloc::System,
    error::Error,
    io::{self, Read},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rocketmq_benches::{
    cpu::process_time,
    report::{Outcome, at_most, figure, verdict, wanted},
    responder,
    server::serve_if_asked,
};
use rocketmq_protocol::{Command, Flags, Serialization, header::UnregisterClientRequestHeader};
use rocketmq_remoting::{
    Channel, Config, Connection, Io, Mailbox, NoRequests, Remoting, Tasks, TcpConnector,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
    runtime,
    task::JoinSet,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ANSWER: usize = 300;
const BODY: usize = 1 << 10;
const ROUNDS: usize = 5;
const EVERY: usize = 8;
const PER_ROUND: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(30);

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

/// So many callers make so many requests in all.
async fn run(channel: &Channel, callers: usize, requests: usize, body: &Bytes) -> Outcome {
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (channel, body) = (channel.clone(), body.clone());
        running.spawn(async move {
            for _ in 0..requests / callers {
                channel.call(&request(), body.clone(), deadline()).await?;
            }
            Ok::<_, rocketmq_remoting::CallError>(())
        });
    }
    while let Some(caller) = running.join_next().await {
        caller??;
    }
    Ok(())
}

/// What one round has shown.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Microseconds of CPU a request.
    cpu: f64,
    /// Microseconds.
    p50: f64,
    per_second: f64,
    writes: f64,
    reads: f64,
}

#[derive(Default)]
struct Samples(Vec<Sample>);

impl Samples {
    fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// Each figure's own median.
    fn median(&self) -> Sample {
        let of = |figure: fn(&Sample) -> f64| {
            let mut figures: Vec<f64> = self.0.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Sample {
            cpu: of(|sample| sample.cpu),
            p50: of(|sample| sample.p50),
            per_second: of(|sample| sample.per_second),
            writes: of(|sample| sample.writes),
            reads: of(|sample| sample.reads),
        }
    }
}

/// What a stretch of time cost.
struct Meter {
    cpu: Duration,
    began: Instant,
    stats: rocketmq_remoting::Stats,
}

impl Meter {
    fn start(channel: &Channel) -> Result<Self, Box<dyn Error>> {
        Ok(Self { cpu: process_time()?, began: Instant::now(), stats: channel.stats() })
    }

    fn stop(
        self,
        channel: &Channel,
        requests: usize,
        latencies: Vec<Duration>,
    ) -> Result<Sample, Box<dyn Error>> {
        let (stats, requests) = (channel.stats(), requests as f64);
        let mut sample = sample(self.cpu, self.began, requests, latencies)?;
        sample.writes = (stats.writes - self.stats.writes) as f64 / requests;
        sample.reads = (stats.reads - self.stats.reads) as f64 / requests;
        Ok(sample)
    }
}

fn sample(
    cpu: Duration,
    began: Instant,
    requests: f64,
    mut latencies: Vec<Duration>,
) -> Result<Sample, Box<dyn Error>> {
    let (elapsed, cpu) = (began.elapsed(), process_time()?.saturating_sub(cpu));
    latencies.sort_unstable();
    let p50 = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
    Ok(Sample {
        cpu: cpu.as_secs_f64() * 1e6 / requests,
        p50: p50.as_secs_f64() * 1e6,
        per_second: requests / elapsed.as_secs_f64(),
        writes: 0.0,
        reads: 0.0,
    })
}

/// So many callers, each of which makes one request after the other.
async fn callers(address: SocketAddr, count: usize, size: usize) -> Result<Sample, Box<dyn Error>> {
    let channel = connect(address, binary()).await?;
    let body = Bytes::from(vec![b'x'; size]);
    run(&channel, count, count * 20, &body).await?;
    let meter = Meter::start(&channel)?;
    let mut running = JoinSet::new();
    for _ in 0..count {
        let (channel, body) = (channel.clone(), body.clone());
        running.spawn(async move {
            let (began, mut latencies) = (Instant::now(), Vec::new());
            while began.elapsed() < PER_ROUND {
                // Looking at the clock costs as much as a part of what is measured: one in a few is timed.
                for _ in 1..EVERY {
                    channel.call(&request(), body.clone(), deadline()).await?;
                }
                let asked = Instant::now();
                channel.call(&request(), body.clone(), deadline()).await?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, rocketmq_remoting::CallError>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(caller) = running.join_next().await {
        latencies.extend(caller??);
    }
    let requests = latencies.len() * EVERY;
    meter.stop(&channel, requests, latencies)
}

/// One-way requests, as fast as they are taken, until the peer has read the last of them.
async fn oneways(address: SocketAddr, size: usize) -> Result<Sample, Box<dyn Error>> {
    let channel = connect(address, binary()).await?;
    let body = Bytes::from(vec![b'x'; size]);
    let meter = Meter::start(&channel)?;
    let mut sent = 0;
    while meter.began.elapsed() < PER_ROUND {
        for _ in 0..a_write(size) {
            channel.oneway(&request(), &body, deadline()).await?;
            sent += 1;
        }
    }
    channel.call(&request(), Bytes::new(), deadline()).await?;
    meter.stop(&channel, sent, Vec::new())
}

/// The limit of that: ready frames.
async fn raw_oneways(address: SocketAddr, size: usize) -> Result<Sample, Box<dyn Error>> {
    let (mut frame, mut last) = (BytesMut::new(), BytesMut::new());
    let mut command = Command::request(&request());
    command.encode(Serialization::RocketMq, &mut last)?;
    command.flags = Flags::ONEWAY;
    command.with_body(vec![b'x'; size]).encode(Serialization::RocketMq, &mut frame)?;
    let frames = frame.repeat(a_write(size));
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (cpu, began, mut sent) = (process_time()?, Instant::now(), 0);
    while began.elapsed() < PER_ROUND {
        stream.write_all(&frames).await?;
        sent += a_write(size);
    }
    stream.write_all(&last).await?;
    stream.read_exact(&mut [0; ANSWER]).await?;
    sample(cpu, began, sent as f64, Vec::new())
}

/// How many bodies of this size make a large write.
fn a_write(size: usize) -> usize {
    ((256 << 10) / size).max(1)
}

/// The limit: `depth` ready frames in one write, their answers read, and again.
async fn raw(address: SocketAddr, depth: usize, size: usize) -> Result<Sample, Box<dyn Error>> {
    let mut frame = BytesMut::new();
    let command = Command::request(&request()).with_body(vec![b'x'; size]);
    command.encode(Serialization::RocketMq, &mut frame)?;
    let frames = frame.repeat(depth);
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answers = vec![0; depth * ANSWER];
    let (cpu, began, mut latencies) = (process_time()?, Instant::now(), Vec::new());
    while began.elapsed() < PER_ROUND {
        let asked = Instant::now();
        stream.write_all(&frames).await?;
        stream.read_exact(&mut answers).await?;
        latencies.push(asked.elapsed());
    }
    let requests = (latencies.len() * depth) as f64;
    sample(cpu, began, requests, latencies)
}

async fn connect(address: SocketAddr, config: Config) -> Result<Channel, Box<dyn Error>> {
    let tasks = Tasks::new("bench");
    let remoting = Remoting::new(config, TcpConnector::default(), NoRequests, &tasks);
    Ok(remoting.channel(&address.to_string(), deadline()).await?)
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

fn binary() -> Config {
    let mut config = Config::default();
    config.serialization = Serialization::RocketMq;
    config
}

fn request() -> UnregisterClientRequestHeader {
    UnregisterClientRequestHeader { client_id: "10.0.0.1@bench".into(), ..Default::default() }
}

fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + PATIENCE
}

fn two(figure: f64) -> String {
    format!("{figure:.2}")
}

fn single() -> runtime::Runtime {
    #[expect(clippy::expect_used, reason = "there is no benchmark without a runtime")]
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
