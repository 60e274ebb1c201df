//! `messages.jsonl`: batches, as clients send and as brokers store them.

use bytes::BytesMut;
use rocketmq_protocol::message::{BatchRecord, SysFlag, decode_batch, encode_batch_record};
use serde_json::{Value, json};

use crate::{
    compression::to_hex,
    messages::{as_map, decode_one, described, described_properties, int, properties, theirs},
    reader::{Case, Outcome, equal, hex},
    rules::{agree, or_refused, outcome},
};

fn record(value: &Value) -> BatchRecord {
    BatchRecord {
        flag: int(&value["flag"]),
        body: value["body"].as_str().map(hex).unwrap_or_default().into(),
        properties: properties(&value["properties"]),
    }
}

fn described_batch(bytes: Vec<u8>) -> Option<Value> {
    let described = |record: &BatchRecord| {
        let properties = described_properties(&record.properties);
        json!({ "flag": record.flag, "body": to_hex(&record.body), "properties": properties })
    };
    Some(decode_batch(bytes.into())?.iter().map(described).collect())
}

fn their_batch(case: &Case) -> Value {
    let mut decoded = outcome(case.get("decoded"));
    for record in decoded.as_array_mut().into_iter().flatten() {
        record["properties"] = as_map(&record["properties"]);
        record["body"] = json!(record["body"].as_str().unwrap_or_default());
    }
    decoded
}

pub(crate) fn batch(case: &Case) -> Outcome {
    let mut out = BytesMut::new();
    for message in case.get("messages").as_array().expect("messages") {
        encode_batch_record(&record(message), &mut out);
    }
    equal("bytes", &to_hex(&out), &case.text("bytes").to_owned())?;
    batch_broken(case)
}

pub(crate) fn batch_broken(case: &Case) -> Outcome {
    let theirs = their_batch(case);
    let decoded = case.with("decoded", theirs.clone());
    agree(&decoded, "decoded", or_refused(described_batch(case.bytes("bytes"))))?;
    // What Java reads although the sizes are wrong, ours reads once they are right.
    match theirs.is_array() {
        true => equal("with its sizes put right", &described_batch(resized(case)), &Some(theirs)),
        false => Ok(()),
    }
}

/// The records of a batch, each with the size that it has.
fn resized(case: &Case) -> Vec<u8> {
    let mut bytes = case.bytes("bytes");
    let mut start = 0;
    while start < bytes.len() {
        let body = u32::from_be_bytes(bytes[start + 16..start + 20].try_into().expect("four"));
        let properties = start + 20 + body as usize;
        let length = u16::from_be_bytes(bytes[properties..properties + 2].try_into().expect("two"));
        let size = properties + 2 + usize::from(length) - start;
        bytes[start..start + 4].copy_from_slice(&(size as u32).to_be_bytes());
        start += size;
    }
    bytes
}

/// Java keeps the flags of a batch on the messages inside, so that they would be unwrapped again, and adds a property that
/// only brokers look at; it has neither checksums, sizes, ids nor what the batch has gone through.
pub(crate) fn inner_batch(case: &Case) -> Outcome {
    let outer = decode_one(case.bytes("bytes")).ok_or("undecodable")?;
    let inner = outer.unwrap_batch(outer.queue_offset).ok_or("no batch")?;
    let batch_flags = SysFlag::INNER_BATCH.with(SysFlag::NEED_UNWRAP);
    let ours: Vec<Value> = inner
        .iter()
        .map(|message| {
            equal("unwrapped for good", &message.unwrap_batch(0).is_none(), &true)?;
            let mut described = described(message).ok_or("a body")?;
            described["sysFlag"] = json!(message.sys_flag.with(batch_flags).0);
            described["properties"]["WAIT"] = json!("true");
            for (member, theirs) in [
                ("bodyCrc", json!(0)),
                ("storeSize", json!(0)),
                ("preparedTransactionOffset", json!(0)),
                ("reconsumeTimes", json!(0)),
                ("msgId", Value::Null),
                ("offsetMsgId", Value::Null),
            ] {
                described[member] = theirs;
            }
            Ok(described)
        })
        .collect::<Result<_, String>>()?;
    let decoded = case.get("decoded").as_array().expect("messages");
    equal("messages", &ours, &decoded.iter().map(theirs).collect())
}
