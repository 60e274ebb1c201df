//! M6: decoding a pull beside copying it, over sizes of bodies and numbers of messages, with IPv6 hosts and compressed bodies.

use std::{
    hint::black_box,
    net::Ipv6Addr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rocketmq_benches::report::Outcome;
use rocketmq_protocol::message::{
    BodyLimits, Compression, MessageExt, SysFlag, compress, decode_messages,
};

use crate::{
    BODY,
    inputs::{PULL, message, pull_of},
};

const ROUNDS: usize = 5;
const PER_ROUND: Duration = Duration::from_millis(10);

pub(crate) fn print() -> Outcome {
    println!("\nM6: nanoseconds a message       decoded     copied   ratio");
    for size in [100, BODY, 16 << 10] {
        for count in [1, PULL, 256] {
            let message = message(vec![b'x'; size].into())?;
            point(&format!("{size} B × {count}"), &message, count)?;
        }
    }
    let plain = message(vec![b'x'; BODY].into())?;
    let host = (Ipv6Addr::LOCALHOST, 10911).into();
    let v6 = MessageExt { born_host: host, store_host: host, ..plain.clone() };
    point(&format!("{BODY} B × {PULL}, IPv6"), &v6, PULL)?;
    let deflated = MessageExt {
        sys_flag: SysFlag::COMPRESSED,
        body: compress(Compression::Zlib, &plain.body, 5)?,
        ..plain
    };
    point(&format!("{BODY} B × {PULL}, zlib, inflated"), &deflated, PULL)
}

fn point(name: &str, message: &MessageExt, count: usize) -> Outcome {
    let pull = pull_of(message, count);
    let mut copy = BytesMut::with_capacity(pull.len());
    let (mut decoded, mut copied) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        decoded = decoded.min(nanos(|| decode(&pull, count))?);
        copied = copied.min(nanos(|| {
            copy.clear();
            copy.extend_from_slice(black_box(&pull));
            black_box(&copy);
            Ok(())
        })?);
    }
    let each = |nanos| nanos / count as f64;
    let ratio = decoded / copied;
    println!("{name:<28} {:>10.1} {:>10.1} {ratio:>7.2}", each(decoded), each(copied));
    Ok(())
}

/// A compressed body is inflated, as it is before an application sees it.
fn decode(pull: &Bytes, count: usize) -> Outcome {
    let mut messages = Vec::with_capacity(count);
    for message in decode_messages(black_box(pull).clone()) {
        let mut message = message.map_err(|undecodable| undecodable.damage)?;
        if message.sys_flag.contains(SysFlag::COMPRESSED) {
            message.body = message.plain_body(&BodyLimits::default())?;
        }
        messages.push(message);
    }
    black_box(messages);
    Ok(())
}

fn nanos(mut run: impl FnMut() -> Outcome) -> Outcome<f64> {
    let began = Instant::now();
    let mut times = 0_u32;
    while began.elapsed() < PER_ROUND {
        for _ in 0..10 {
            run()?;
        }
        times += 10;
    }
    Ok(began.elapsed().as_secs_f64() * 1e9 / f64::from(times))
}
