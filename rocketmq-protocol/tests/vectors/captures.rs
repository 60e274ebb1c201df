//! Frames of real traffic: each splits, decodes, and survives being written again in both forms.

use bytes::BytesMut;
use rocketmq_protocol::{Command, EncodeError, FrameLimits, Serialization, frame};
use serde_json::Value;

use crate::reader::{Outcome, directory, equal, hex, lines};

#[test]
fn captured_frames_survive_both_forms() {
    let files = std::fs::read_dir(directory().join("captures")).expect("the captures are there");
    let (mut read, mut failures) = (0, Vec::new());
    for file in files {
        let path = file.expect("a readable directory").path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in lines(&path).iter().filter(|line| line.get("truncatedFrom").is_none()) {
            read += 1;
            if let Err(why) = round_trip(line) {
                failures.push(format!("{path:?}, {}: {why}", line["scenario"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(read > 1_000, "only {read} frames");
}

fn round_trip(line: &Value) -> Outcome {
    let mut buffer = BytesMut::from(&hex(line["hex"].as_str().unwrap())[..]);
    let frame = frame::split(&mut buffer, &FrameLimits::default())
        .map_err(|error| error.to_string())?
        .ok_or("not whole")?;
    equal("bytes left over", &buffer.len(), &0)?;
    let command = Command::decode(frame).map_err(|error| error.to_string())?;
    as_recorded(&command, line)?;
    for form in [Serialization::Json, Serialization::RocketMq] {
        let mut out = BytesMut::new();
        match command.encode(form, &mut out) {
            Err(EncodeError::CodeTooLarge(_)) if i16::try_from(command.code).is_err() => continue,
            written => written.map_err(|error| error.to_string())?,
        }
        let frame = frame::split(&mut out, &FrameLimits::default());
        let frame = frame.ok().flatten().ok_or("ours is no frame")?;
        let again = Command::decode(frame).map_err(|error| error.to_string())?;
        equal("form", &again.serialization(), &form)?;
        equal("round trip", &again, &command)?;
        equal("ext fields", &pairs(&again), &pairs(&command))?;
    }
    Ok(())
}

fn pairs(command: &Command) -> Vec<(Vec<u8>, Vec<u8>)> {
    let fields = command.ext_fields.iter();
    fields.map(|field| (field.key.to_vec(), field.value.bytes().to_vec())).collect()
}

/// The record was made by another decoder.
fn as_recorded(command: &Command, line: &Value) -> Outcome {
    let number = |name: &str| i32::try_from(line[name].as_i64().unwrap()).unwrap();
    // Probes wrote a code that the binary form cuts; the record has what they meant.
    let code = match command.serialization() {
        Serialization::Json => number("code"),
        Serialization::RocketMq => i32::from(number("code") as i16),
    };
    equal("code", &command.code, &code)?;
    equal("opaque", &command.opaque, &number("opaque"))?;
    equal("flag", &command.flags.0, &number("flag"))?;
    equal("response", &command.is_response(), &(line["kind"] == "response"))?;
    let form = match line["serialize"].as_str() {
        Some("json") => Serialization::Json,
        _ => Serialization::RocketMq,
    };
    equal("form", &command.serialization(), &form)
}
