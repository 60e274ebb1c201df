//! S15: 100,000 malformed frames, each to a connection of its own, while another connection goes about its business.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rocketmq_client::{Client, Error};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::{
    Command, FrameLimits, Serialization,
    code::ResponseCode,
    frame,
    header::{GetMinOffsetRequestHeader, OffsetResponseHeader},
};
use rocketmq_remoting::{Config, Connection, NoRequests, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Trial, resident_mib};

const FRAMES: usize = 100_000;

pub(super) async fn run(trial: &mut Trial) {
    let Ok(cluster) = MockCluster::builder().topic("t", 4).start().await else {
        return trial.require(false, "the mock does not start");
    };
    let Ok(client) = Client::connect(cluster.name_server_list()).await else {
        return trial.require(false, "the client does not connect");
    };
    let Some(broker) = cluster.broker_address("broker-a").map(|address| address.to_string()) else {
        return;
    };
    // What is allocated once is allocated by then: the mock remembers the last requests.
    for _ in 0..15_000 {
        let _ = ask(&client, &broker).await;
        let _ = exchange(&mut trial.chance).await;
    }
    let before = resident_mib();
    let began = Instant::now();
    let beside = async {
        let mut asked = 0;
        let mut failed = 0;
        while began.elapsed() < Duration::from_secs(3) {
            failed += usize::from(ask(&client, &broker).await.is_err());
            asked += 1;
        }
        (asked, failed)
    };
    let hostile = async {
        let mut outcomes = Outcomes::default();
        for _ in 0..FRAMES {
            outcomes.add(exchange(&mut trial.chance).await);
        }
        (outcomes, began.elapsed())
    };
    let ((asked, failed), (outcomes, took)) = tokio::join!(beside, hostile);
    trial.note("frames", FRAMES);
    trial.note("answered_all_the_same", outcomes.answered);
    trial.note("closed", outcomes.closed);
    trial.note(
        "frames_per_second_with_their_connections",
        (FRAMES as f64 / took.as_secs_f64()) as u64,
    );
    trial.note("calls_beside", asked);
    trial.require(failed == 0, format_args!("{failed} calls over another connection failed"));
    trial.at_most("hung", outcomes.hung as f64, 0.0);
    trial.at_most("longest_ms", outcomes.longest.as_secs_f64() * 1e3, 100.0);
    trial.at_most("memory_growth_mib", resident_mib() - before, 16.0);
    let rate = decoding_rate(&mut trial.chance);
    trial.note("decoded_per_second", rate as u64);
    trial.require(rate >= 20_000.0, format_args!("{rate:.0} frames decoded in a second"));
    client.shutdown(Duration::from_secs(5)).await;
}

async fn ask(client: &Client, broker: &str) -> Result<(), Error> {
    let request = GetMinOffsetRequestHeader { topic: "t".into(), ..Default::default() };
    client.call_broker(broker, &request, "").await.map(drop)
}

#[derive(Default)]
struct Outcomes {
    answered: usize,
    closed: usize,
    hung: usize,
    longest: Duration,
}

enum Outcome {
    Answered,
    Closed,
    Hung,
}

impl Outcomes {
    fn add(&mut self, (outcome, took): (Outcome, Duration)) {
        match outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Closed => self.closed += 1,
            Outcome::Hung => self.hung += 1,
        }
        self.longest = self.longest.max(took);
    }
}

/// A call on a fresh connection, which is answered by a malformed frame, then well, and then by hanging up.
async fn exchange(chance: &mut fastrand::Rng) -> (Outcome, Duration) {
    let (ours, mut theirs) = duplex(1 << 20);
    let tasks = Tasks::new("hostile");
    let config = Arc::new(Config::default());
    let (channel, connection) = Connection::new(
        Box::new(ours),
        "peer:1".into(),
        config,
        Arc::new(NoRequests),
        tasks.clone(),
    );
    tasks.spawn("connection", connection.run());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(3);
    let request = GetMinOffsetRequestHeader { topic: "t".into(), ..Default::default() };
    let call = channel.call(&request, Bytes::new(), deadline);
    let peer = async {
        let request = next(&mut theirs).await?;
        let header = OffsetResponseHeader { offset: 7 };
        let answer = Command::answer(&request, ResponseCode::SUCCESS).with_header(&header);
        let mut bytes = malformed(chance, &answer);
        let began = Instant::now();
        answer.encode(Serialization::Json, &mut bytes).ok()?;
        let _ = theirs.write_all(&bytes).await;
        drop(theirs);
        Some(began)
    };
    let (outcome, began) = tokio::join!(call, peer);
    channel.closed().await;
    tasks.stopped().await;
    let took = began.map_or(Duration::MAX, |began| began.elapsed());
    let outcome = match outcome {
        _ if took > Duration::from_secs(2) => Outcome::Hung,
        Ok(_) => Outcome::Answered,
        Err(_) => Outcome::Closed,
    };
    (outcome, took)
}

async fn next(stream: &mut DuplexStream) -> Option<Command> {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(frame) = frame::split(&mut buffer, &FrameLimits::default()).ok()? {
            return Command::decode(frame).ok();
        }
        if stream.read_buf(&mut buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// One of the many ways to be wrong.
fn malformed(chance: &mut fastrand::Rng, good: &Command) -> BytesMut {
    let mut bytes = BytesMut::new();
    let form = if chance.bool() { Serialization::Json } else { Serialization::RocketMq };
    let _ = good.encode(form, &mut bytes);
    let word = |bytes: &mut BytesMut, at: usize, word: u32| {
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    };
    match chance.usize(..12) {
        0 => {
            let lengths = [-1, i32::MIN, 0, 3, i32::MAX, (16 << 20) - 3, 16 << 20];
            let length = *chance.choice(&lengths).unwrap_or(&0);
            word(&mut bytes, 0, length.cast_unsigned());
        }
        1 => word(&mut bytes, 4, chance.u32(..)),
        2 => bytes.truncate(chance.usize(..bytes.len())),
        3 => {
            // Any byte may be any other.
            for _ in 0..chance.usize(1..8) {
                let at = chance.usize(..bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = chance.u8(..);
                }
            }
        }
        4 => return json_frame(&nested(chance.usize(1..20_000))),
        5 => return json_frame(&wide(chance.usize(1..2_000))),
        6 => return json_frame(r#"{"code":NaN,"flag":1,"opaque":0}"#),
        7 => return json_frame(r#"{"code":0,"code":1,"flag":1,"opaque":0,"opaque":0}"#),
        8 => return json_frame(r#"{"code":0,"flag":1,"opaque":0,"extFields":{{"a":1}:"b"}}"#),
        9 => {
            return json_frame(
                "{\"remark\":\"\u{fffd}\",\"code\":0,\"flag\":1,\"opaque\":99999999999}",
            );
        }
        10 => {
            let mut noise = vec![0; chance.usize(1..200)];
            chance.fill(&mut noise);
            return BytesMut::from(&*noise);
        }
        // Lengths inside a binary header.
        _ => {
            bytes.clear();
            let _ = good.encode(Serialization::RocketMq, &mut bytes);
            let at = *chance.choice(&[21, 25]).unwrap_or(&21);
            let lengths = [-1, i32::MIN, i32::MAX, 100_000];
            let length = *chance.choice(&lengths).unwrap_or(&0);
            word(&mut bytes, at, length.cast_unsigned());
        }
    }
    bytes
}

fn json_frame(header: &str) -> BytesMut {
    let mut bytes = BytesMut::new();
    let header_len = header.len() as u32;
    bytes.extend_from_slice(&(header_len + 4).to_be_bytes());
    bytes.extend_from_slice(&header_len.to_be_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

fn nested(depth: usize) -> String {
    format!("{{\"x\":{}{},\"flag\":1}}", "[".repeat(depth), "]".repeat(depth))
}

fn wide(keys: usize) -> String {
    let fields: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":\"v\"")).collect();
    format!("{{\"code\":0,\"flag\":1,\"opaque\":0,\"extFields\":{{{}}}}}", fields.join(","))
}

/// How many such frames one core decodes in a second, good or not.
fn decoding_rate(chance: &mut fastrand::Rng) -> f64 {
    let good = Command::default();
    let frames: Vec<BytesMut> = (0..10_000).map(|_| malformed(chance, &good)).collect();
    let began = Instant::now();
    for mut bytes in frames {
        while let Ok(Some(frame)) = frame::split(&mut bytes, &FrameLimits::default()) {
            let _ = Command::decode(frame);
        }
    }
    10_000.0 / began.elapsed().as_secs_f64()
}
