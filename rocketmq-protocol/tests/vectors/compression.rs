//! `compression.jsonl`: what Java's compressors write and read.

use crate::{
    reader::{Case, Outcome, equal, hex},
    rules::{agree, or_refused},
};
use rocketmq_protocol::message::{BodyLimits, Compression, compress as pack, decompress as unpack};

fn compression(case: &Case) -> Compression {
    case.text("type").parse().expect("a compression")
}

fn read(case: &Case, input: &[u8]) -> Option<Vec<u8>> {
    unpack(compression(case), input, &BodyLimits::default()).ok().map(Into::into)
}

/// What Java wrote is read, and what ours writes is read; the compressed bytes depend on the compressor.
fn both_ways(case: &Case, original: &[u8], level: u32) -> Outcome {
    equal("Java's own reader", &case.text("decompressed"), &"same")?;
    equal("theirs", &read(case, &case.bytes("compressed")).as_deref(), &Some(original))?;
    let ours = pack(compression(case), original, level).map_err(|error| error.to_string())?;
    equal("ours", &read(case, &ours).as_deref(), &Some(original))
}

pub(crate) fn compress(case: &Case) -> Outcome {
    let level = case.get("level").as_u64().and_then(|level| u32::try_from(level).ok());
    let bits = case.get("sysFlag").as_i64().expect("a flag") >> 8;
    equal("bits", &i64::from(compression(case).bits()), &bits)?;
    both_ways(case, &case.bytes("original"), level.expect("a level"))
}

pub(crate) fn repeat(case: &Case) -> Outcome {
    let times = case.get("times").as_u64().and_then(|times| usize::try_from(times).ok());
    both_ways(case, &case.bytes("unit").repeat(times.expect("a number")), 5)
}

pub(crate) fn decompress(case: &Case) -> Outcome {
    let text = read(case, &case.bytes("input")).map(|bytes| to_hex(&bytes));
    agree(case, "result", or_refused(text))
}

/// Levels beyond those there are count as the nearest. What Java made of three bytes is read.
pub(crate) fn level(case: &Case) -> Outcome {
    let level = case.get("level").as_i64().expect("a level");
    let ours = pack(compression(case), &[1, 2, 3], u32::try_from(level).unwrap_or(0));
    equal("ours", &read(case, &ours.expect("packed")).as_deref(), &Some(&[1, 2, 3][..]))?;
    match case.get("result")["ok"].as_str() {
        Some(theirs) => {
            equal("theirs", &read(case, &hex(theirs)).as_deref(), &Some(&[1, 2, 3][..]))
        }
        None => {
            let known = compression(case) != Compression::Zlib || (-1..=9).contains(&level);
            equal("Java knows the level", &known, &false)
        }
    }
}

pub(crate) fn kind(case: &Case) -> Outcome {
    let kind = match case.get("name").as_str() {
        Some(name) => name.parse().ok(),
        None => Compression::from_bits(i32::try_from(case.get("value").as_i64().unwrap()).unwrap()),
    };
    agree(case, "type", or_refused(kind.map(Compression::as_str)))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
