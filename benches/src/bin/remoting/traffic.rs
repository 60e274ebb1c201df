//! Requests in several patterns, and the limit of each: ready frames without a client.

use std::{
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rocketmq_benches::{cpu::process_time, report::Outcome};
use rocketmq_protocol::{Command, Flags, Serialization, header::UnregisterClientRequestHeader};
use rocketmq_remoting::{Channel, Config, NoRequests, Remoting, Tasks, TcpConnector};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::sample::{Meter, Sample, sample};

/// The length of the responder's answers.
pub(crate) const ANSWER: usize = 300;
const PER_ROUND: Duration = Duration::from_millis(500);
/// One of so many requests is timed.
const EVERY: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

/// So many callers, each of which makes one request after the other.
pub(crate) async fn callers(
    address: SocketAddr,
    count: usize,
    size: usize,
) -> Result<Sample, Box<dyn Error>> {
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
pub(crate) async fn oneways(address: SocketAddr, size: usize) -> Result<Sample, Box<dyn Error>> {
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
pub(crate) async fn raw_oneways(
    address: SocketAddr,
    size: usize,
) -> Result<Sample, Box<dyn Error>> {
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
pub(crate) fn a_write(size: usize) -> usize {
    ((256 << 10) / size).max(1)
}

/// The limit: `depth` ready frames in one write, their answers read, and again.
pub(crate) async fn raw(
    address: SocketAddr,
    depth: usize,
    size: usize,
) -> Result<Sample, Box<dyn Error>> {
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

/// So many callers make so many requests in all.
pub(crate) async fn run(
    channel: &Channel,
    callers: usize,
    requests: usize,
    body: &Bytes,
) -> Outcome {
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

pub(crate) async fn connect(
    address: SocketAddr,
    config: Config,
) -> Result<Channel, Box<dyn Error>> {
    let tasks = Tasks::new("bench");
    let remoting = Remoting::new(config, TcpConnector::default(), NoRequests, &tasks);
    Ok(remoting.channel(&address.to_string(), deadline()).await?)
}

pub(crate) fn binary() -> Config {
    let mut config = Config::default();
    config.serialization = Serialization::RocketMq;
    config
}

pub(crate) fn request() -> UnregisterClientRequestHeader {
    UnregisterClientRequestHeader { client_id: "10.0.0.1@bench".into(), ..Default::default() }
}

pub(crate) fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + PATIENCE
}
