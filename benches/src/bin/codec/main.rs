//! The codec beside a plain copy of the same bytes: rows M1 to M8, with their allocations.
//!
//! `codec` prints nanoseconds and allocations an operation, the best of several interleaved rounds, and fails when something
//! allocates that must not. `codec --times ROW N` runs one row N times and prints nothing, for tools that count instructions
//! (`cargo xtask bench --gates`). `codec --inputs DIRECTORY` writes what the rows read, for other clients, and `codec --serve` reads
//! lines `ROW N` and prints the nanoseconds of CPU time that each took (`cargo xtask bench --peers`).

mod curve;
mod inputs;

use std::{
    alloc::System,
    env,
    hint::black_box,
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use inputs::{PULL, answer, properties, pull, send_header};
use rocketmq_benches::{
    cpu,
    report::{Outcome, at_most, figure, verdict},
};
use rocketmq_protocol::{
    Command, Flags, Head, Serialization,
    body::SubscriptionData,
    code::{LanguageCode, RequestCode},
    encode_head,
    header::{SendMessageRequestHeaderV2, SendMessageResponseHeader},
    message::{decode_messages, property},
    subscription,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 7;
const PER_ROUND: Duration = Duration::from_millis(60);
const BODY: usize = 1 << 10;

/// One thing that is measured, and what it may allocate.
struct Row<'a> {
    id: &'static str,
    name: &'static str,
    allocations: usize,
    run: Box<dyn FnMut() -> Outcome + 'a>,
}

fn main() -> Outcome {
    let send = send_header()?;
    let (json, binary) = (answer(Serialization::Json)?, answer(Serialization::RocketMq)?);
    let pull = pull()?;
    let (mut first, mut second) = (BytesMut::with_capacity(4096), BytesMut::with_capacity(4096));
    let properties = properties()?;
    let subscription = subscription::tags("bench-topic", "TagB || TagA", 1)?;
    let mut copy = BytesMut::with_capacity(pull.len());
    let mut rows = [
        row("M1", "encode a send, binary", 0, || {
            encode(&send, Serialization::RocketMq, &mut first)
        }),
        row("M2", "encode a send, JSON", 0, || encode(&send, Serialization::Json, &mut second)),
        row("M3", "decode an answer to it, JSON", 0, || decode_answer(&json)),
        row("M4", "decode an answer to it, binary", 0, || decode_answer(&binary)),
        row("copy", "copy a pull of 32 × 1 KiB", 0, || {
            copy.clear();
            copy.extend_from_slice(black_box(&pull));
            black_box(&copy);
            Ok(())
        }),
        row("M5", "decode that pull", 2, || decode_pull(&pull, false)),
        row("M5-crc", "and check the bodies' CRC", 2, || decode_pull(&pull, true)),
        row("M7", "find the last of 6 properties", 0, || {
            black_box(black_box(&properties).get(property::TAGS).ok_or("no tag")?);
            Ok(())
        }),
        row("M7-none", "find none among them", 0, || {
            black_box(black_box(&properties).get(property::PRIORITY));
            Ok(())
        }),
        row("M7-all", "list 6 properties", 0, || {
            for pair in black_box(&properties).iter() {
                black_box(pair);
            }
            Ok(())
        }),
        row("M8", "filter by 2 tags", 0, || {
            black_box(subscription::wants(black_box(&subscription), black_box(&properties)));
            Ok(())
        }),
        row("M8-pull", "decode that pull and filter", 2, || decode_wanted(&pull, &subscription)),
    ];
    let words: Vec<_> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure_all(&mut rows).and_then(|()| curve::print()),
        ["--times", id, times] => run(&mut rows, id, times.parse()?),
        ["--inputs", directory] => inputs::write(Path::new(directory)),
        ["--serve"] => serve(&mut rows),
        _ => Err("codec [--times ROW N | --inputs DIRECTORY | --serve]".into()),
    }
}

fn row<'a>(
    id: &'static str,
    name: &'static str,
    allocations: usize,
    run: impl FnMut() -> Outcome + 'a,
) -> Row<'a> {
    Row { id, name, allocations, run: Box::new(run) }
}

fn run(rows: &mut [Row<'_>], id: &str, times: usize) -> Outcome {
    let row = rows.iter_mut().find(|row| row.id == id).ok_or("no such row")?;
    (0..times).try_for_each(|_| (row.run)())
}

fn serve(rows: &mut [Row<'_>]) -> Outcome {
    for line in io::stdin().lines() {
        let line = line?;
        let (id, times) = line.split_once(' ').ok_or("ROW N")?;
        let began = cpu_time()?;
        run(rows, id, times.parse()?)?;
        println!("{}", (cpu_time()? - began).as_nanos());
    }
    Ok(())
}

/// The kernel brings the figure up to date when the thread may be put aside.
fn cpu_time() -> io::Result<Duration> {
    thread::yield_now();
    cpu::process_time()
}

fn measure_all<const N: usize>(rows: &mut [Row<'_>; N]) -> Outcome {
    let best = measure(rows)?;
    for (row, nanos) in rows.iter_mut().zip(&best) {
        let allocated = allocations(row)?;
        let Row { id, name, .. } = row;
        figure(id, &format!("ns to {name}"), format_args!("{nanos:.1}"));
        at_most(id, "allocations", allocated as f64, row.allocations as f64);
    }
    let nanos = |id| rows.iter().zip(&best).find(|(row, _)| row.id == id).map(|(_, nanos)| *nanos);
    let copy = nanos("copy").ok_or("no copy")?;
    for id in ["M5", "M5-crc"] {
        let of_a_copy = nanos(id).ok_or("no such row")? / copy;
        figure(id, "of a copy's time", format_args!("{of_a_copy:.2}"));
    }
    verdict()
}

/// The best of several rounds of each row, in nanoseconds an operation. Rows take turns, so that all share the machine's moods.
fn measure<const N: usize>(rows: &mut [Row<'_>; N]) -> Outcome<[f64; N]> {
    let mut best = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (row, best) in rows.iter_mut().zip(&mut best) {
            let began = Instant::now();
            let mut times = 0_u32;
            while began.elapsed() < PER_ROUND {
                for _ in 0..100 {
                    (row.run)()?;
                }
                times += 100;
            }
            *best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(times));
        }
    }
    Ok(best)
}

fn allocations(row: &mut Row<'_>) -> Outcome<usize> {
    (row.run)()?;
    let region = Region::new(ALLOCATOR);
    (row.run)()?;
    let change = region.change();
    Ok(change.allocations + change.reallocations)
}

fn encode(header: &SendMessageRequestHeaderV2, form: Serialization, out: &mut BytesMut) -> Outcome {
    out.clear();
    let head = Head {
        code: RequestCode::SEND_MESSAGE_V2.0,
        language: LanguageCode::RUST,
        version: Command::VERSION,
        opaque: 1_000_000,
        flags: Flags::REQUEST,
        remark: None,
    };
    encode_head(&head, black_box(header), &[], BODY, form, out)?;
    black_box(out);
    Ok(())
}

fn decode_answer(frame: &Bytes) -> Outcome {
    let answer = Command::decode(black_box(frame).clone())?;
    let header: SendMessageResponseHeader = answer.header()?;
    black_box((answer.opaque, header.queue_offset, header.msg_id));
    Ok(())
}

/// As consumers do it.
fn decode_pull(pull: &Bytes, check: bool) -> Outcome {
    let messages: Vec<_> = decode_messages(black_box(pull).clone()).collect();
    for message in &messages {
        let message = message.as_ref().map_err(|undecodable| undecodable.damage)?;
        if check && !message.crc_matches() {
            return Err("a wrong checksum".into());
        }
    }
    black_box(messages);
    Ok(())
}

fn decode_wanted(pull: &Bytes, subscription: &SubscriptionData) -> Outcome {
    let mut messages = Vec::with_capacity(PULL);
    for message in decode_messages(black_box(pull).clone()) {
        let message = message.map_err(|undecodable| undecodable.damage)?;
        if subscription::wants(black_box(subscription), &message.properties) {
            messages.push(message);
        }
    }
    black_box(messages);
    Ok(())
}
