//! Frames of real traffic between Java, Go and Python clients and servers of 4.9.7 and 5.5.0: each becomes a typed header and
//! a typed body, and says the same when it is written again. `RMQ_CAPTURES=<directory>` points the test at another set.

#[cfg(test)]
#[path = "vectors/reader.rs"]
#[expect(dead_code, reason = "shared with the tests over vectors, which read more of it")]
mod reader;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use bytes::{Bytes, BytesMut};
    use rocketmq_protocol::{
        Command, EncodeError, ExtFields, FrameLimits, HeaderError, Serialization,
        body::{self, BodyKind},
        code::{RequestCode, ResponseCode},
        frame,
        header::{self, HeaderInfo, RequestInfo},
        message::{decode_batch, decode_messages, encode_batch_record, encode_message},
    };
    use serde_json::Value;

    use crate::reader::{Outcome, directory, equal, hex, lines};

    #[expect(clippy::disallowed_methods, reason = "a test may be pointed at another set")]
    fn captures() -> Vec<Value> {
        let named = std::env::var_os("RMQ_CAPTURES").map(PathBuf::from);
        let directory = named.unwrap_or_else(|| directory().join("captures"));
        let files = std::fs::read_dir(directory).expect("the captures are there");
        let files = files.map(|file| file.expect("a readable directory").path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        files.flat_map(|path| lines(&path)).collect()
    }

    /// How many frames are written again byte by byte as they were.
    #[derive(Debug, Default)]
    struct Tally {
        frames: usize,
        cut: usize,
        same_fields: usize,
        json_bodies: usize,
        same_json: usize,
        /// Requests that are wrong on purpose, by the rule.
        on_purpose: [usize; ON_PURPOSE.len()],
    }

    #[test]
    fn every_frame_becomes_types_and_says_the_same_again() {
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        for line in captures() {
            let outcome = if line.get("truncatedFrom").is_some() {
                cut(&line, &mut tally)
            } else {
                whole(&line, &mut tally)
            };
            if let Err(why) = outcome {
                failures.push(format!(
                    "{} {} {}: {why}",
                    line["server"], line["scenario"], line["name"]
                ));
            }
        }
        println!("{tally:?}");
        assert!(failures.is_empty(), "{} frames\n{}", failures.len(), failures.join("\n"));
        for ((scenario, _, why), count) in ON_PURPOSE.iter().zip(tally.on_purpose) {
            assert!(count > 0, "not needed: {scenario}: {why}");
        }
        assert!(tally.frames > 1_000, "only {} frames", tally.frames);
    }

    fn whole(line: &Value, tally: &mut Tally) -> Outcome {
        tally.frames += 1;
        let mut buffer = BytesMut::from(&hex(line["hex"].as_str().unwrap())[..]);
        let frame = frame::split(&mut buffer, &FrameLimits::default());
        let frame = frame.map_err(|error| error.to_string())?.ok_or("not whole")?;
        equal("bytes left over", &buffer.len(), &0)?;
        let command = Command::decode(frame).map_err(|error| error.to_string())?;
        as_recorded(&command, line)?;
        both_forms(&command)?;
        let Some((info, request)) = table(asked(line))? else {
            return Ok(());
        };
        let bodies = body::by_code(request.code);
        if !command.is_response() {
            typed_header(info, &command, line, tally)?;
            return typed_body(bodies.request, &command, line, tally);
        }
        if request.accepts.contains(&command.response_code()) {
            typed_header(request.response, &command, line, tally)?;
        }
        let kind = match command.response_code() {
            ResponseCode::SUCCESS => bodies.response,
            _ => BodyKind::Nothing,
        };
        typed_body(kind, &command, line, tally)
    }

    /// Of a frame that was cut at 24 KiB the header may be whole; its body is not, and says so.
    fn cut(line: &Value, tally: &mut Tally) -> Outcome {
        tally.cut += 1;
        let bytes = Bytes::from(hex(line["hex"].as_str().unwrap()));
        let whole = frame::split(&mut BytesMut::from(&bytes[..]), &FrameLimits::default());
        equal("more bytes are awaited", &whole, &Ok(None))?;
        let Ok(command) = Command::decode(bytes.slice(frame::LENGTH_WORD..)) else {
            return Ok(()); // the header is cut, and that is an error
        };
        as_recorded(&command, line)?;
        let Some((_, request)) = table(asked(line))? else {
            return Err("unknown".to_owned());
        };
        let bodies = body::by_code(request.code);
        let kind = if command.is_response() { bodies.response } else { bodies.request };
        match kind {
            BodyKind::Json(json) => equal("refused", &json.value(&command.body).is_err(), &true),
            BodyKind::Messages => {
                let last = decode_messages(command.body).last();
                equal("the last one is lost", &last.is_some_and(|read| read.is_err()), &true)
            }
            BodyKind::Batch => equal("refused", &decode_batch(command.body), &None),
            _ => Ok(()), // has no end that could be missing
        }
    }

    /// The code of the request that this is, or that this answers.
    fn asked(line: &Value) -> RequestCode {
        let member = if line["kind"] == "response" { "req" } else { "code" };
        RequestCode(i32::try_from(line[member].as_i64().unwrap()).unwrap())
    }

    /// What is known of a code. Every code has a table, but for one that the probes have made up.
    fn table(code: RequestCode) -> Result<Option<(&'static HeaderInfo, RequestInfo)>, String> {
        let found = header::all().find_map(|info| {
            let request = info.request.filter(|request| request.code == code)?;
            Some((info, request))
        });
        match found {
            None if code.name().is_some() => Err(format!("no table for {code}")),
            found => Ok(found),
        }
    }

    type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

    fn pairs(fields: &ExtFields) -> Vec<(Vec<u8>, Vec<u8>)> {
        let fields = fields.iter();
        fields.map(|field| (field.key.to_vec(), field.value.bytes().to_vec())).collect()
    }

    fn both_forms(command: &Command) -> Outcome {
        for form in [Serialization::Json, Serialization::RocketMq] {
            let mut out = BytesMut::new();
            match command.encode(form, &mut out) {
                Err(EncodeError::CodeTooLarge(code)) if i16::try_from(code).is_err() => continue,
                written => written.map_err(|error| error.to_string())?,
            }
            let frame = frame::split(&mut out, &FrameLimits::default());
            let frame = frame.ok().flatten().ok_or("ours is no frame")?;
            let again = Command::decode(frame).map_err(|error| error.to_string())?;
            equal("form", &again.serialization(), &form)?;
            equal("round trip", &again, command)?;
            equal("ext fields", &pairs(&again.ext_fields), &pairs(&command.ext_fields))?;
        }
        Ok(())
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

    /// Keys that belong to no header: signatures, what hooks add, what servers add to every answer.
    const FREE: &[&str] = &[
        "AccessKey",
        "Signature",
        "SecurityToken",
        "ReqT",
        "MSG_REGION",
        "TRACE_ON",
        "ns",
        "nsd",
        "bname",
    ];

    fn typed_header(
        info: &HeaderInfo,
        command: &Command,
        line: &Value,
        tally: &mut Tally,
    ) -> Outcome {
        let typed = match info.canonical(&command.ext_fields) {
            Err(HeaderError::Missing { key, .. }) => {
                return on_purpose(line, command, &Wrong::Lacks(key), tally);
            }
            typed => typed.map_err(|error| error.to_string())?,
        };
        let ours: Pairs = pairs(&typed).into_iter().collect();
        let mut theirs: Pairs = pairs(&command.ext_fields).into_iter().collect();
        theirs.retain(|key, value| {
            let free = FREE.iter().any(|free| free.as_bytes() == key);
            !value.is_empty() && (ours.contains_key(key) || !free)
        });
        let ours: Pairs = ours.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let extra: Vec<_> = theirs.keys().filter(|key| !ours.contains_key(*key)).collect();
        if let [key] = extra[..] {
            let key = key.clone();
            on_purpose(line, command, &Wrong::HasToo(&String::from_utf8_lossy(&key)), tally)?;
            theirs.remove(&key);
        }
        equal("header", &shown(&ours), &shown(&theirs))?;
        tally.same_fields += usize::from(pairs(&typed) == pairs(&command.ext_fields));
        Ok(())
    }

    /// What is wrong with a request.
    #[derive(Debug)]
    enum Wrong<'a> {
        /// It lacks a field that it has to have.
        Lacks(&'a str),
        /// It has a field that its header does not.
        HasToo(&'a str),
        /// Its body is not of its type.
        Body,
    }

    /// Whether a request is wrong in this way.
    type IsWrong = fn(&Command, &Wrong<'_>) -> bool;

    /// What probes do wrong, to see what becomes of it: the scenario, whether it is that, and why it was done. What servers answer has to be
    /// right, and what clients ask.
    const ON_PURPOSE: [(&str, IsWrong, &str); 7] = [
        ("probe errors", lacks, "what servers say of a header without its fields"),
        ("probe proxy", lacks, "what a proxy says of requests that it does not serve"),
        ("probe proxy", says_topic, "a proxy may look for the topic of any request"),
        ("probe routes", lacks, "a route to nothing"),
        ("probe sends", lacks, "a send without its group, or its time"),
        ("probe heartbeats", no_json, "a heartbeat that is no JSON"),
        ("probe pop", bits_as_numbers, "a set of bits as numbers, which is Base64"),
    ];

    fn on_purpose(
        line: &Value,
        command: &Command,
        wrong: &Wrong<'_>,
        tally: &mut Tally,
    ) -> Outcome {
        let by_probe = line["dir"] == "c2s" && line["client"] == "python probe";
        let found = ON_PURPOSE
            .iter()
            .position(|(scenario, is, _)| line["scenario"] == *scenario && is(command, wrong));
        match found.filter(|_| by_probe) {
            Some(rule) => {
                tally.on_purpose[rule] += 1;
                Ok(())
            }
            None => Err(format!("{wrong:?}")),
        }
    }

    fn lacks(command: &Command, wrong: &Wrong<'_>) -> bool {
        // Null is an empty value in the binary form.
        let absent = |key: &str| command.ext_fields.get(key).is_none_or(|value| value.is_empty());
        matches!(wrong, Wrong::Lacks(key) if absent(key))
    }

    fn says_topic(_: &Command, wrong: &Wrong<'_>) -> bool {
        matches!(wrong, Wrong::HasToo("topic"))
    }

    fn bits_as_numbers(command: &Command, wrong: &Wrong<'_>) -> bool {
        let acks = body::decode::<Value>(&command.body).unwrap_or_default();
        matches!(wrong, Wrong::Body) && acks["acks"][0]["b"].is_array()
    }

    fn no_json(command: &Command, wrong: &Wrong<'_>) -> bool {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(&command.body).is_ok();
        matches!(wrong, Wrong::Body) && !json
    }

    fn shown(pairs: &Pairs) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pairs.iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    fn typed_body(kind: BodyKind, command: &Command, line: &Value, tally: &mut Tally) -> Outcome {
        let bytes = &command.body;
        if bytes.is_empty() {
            return Ok(());
        }
        let outcome = match kind {
            BodyKind::Nothing => Err(format!("a body of {} bytes", bytes.len())),
            BodyKind::Json(json) => same_json(json, bytes, tally),
            BodyKind::Messages => same_messages(bytes),
            BodyKind::Batch => same_batch(bytes),
            BodyKind::Text => {
                std::str::from_utf8(bytes).map(drop).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        };
        outcome.or_else(|why| on_purpose(line, command, &Wrong::Body, tally).map_err(|_| why))
    }

    /// What ours writes says what it was read from, in every member; it may add members at their default.
    fn same_json(json: body::JsonBody, bytes: &Bytes, tally: &mut Tally) -> Outcome {
        tally.json_bodies += 1;
        let written = json.canonical(bytes).map_err(|error| format!("{}: {error}", json.name))?;
        tally.same_json += usize::from(written == *bytes);
        let ours: Value = body::decode(&written).map_err(|error| error.to_string())?;
        let theirs: Value = body::decode(bytes).map_err(|error| error.to_string())?;
        contains(json.name, &ours, &theirs)
    }

    fn contains(path: &str, ours: &Value, theirs: &Value) -> Outcome {
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => {
                theirs.iter().try_for_each(|(name, theirs)| {
                    let path = format!("{path}.{name}");
                    match ours.get(name) {
                        Some(ours) => contains(&path, ours, theirs),
                        None if left_out(name, theirs) => Ok(()),
                        None => Err(format!("{path} is lost: {theirs}")),
                    }
                })
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                let mut pairs = ours.iter().zip(theirs);
                pairs.try_for_each(|(ours, theirs)| contains(path, ours, theirs))
            }
            (Value::Number(ours), Value::Number(theirs)) => {
                equal(path, &ours.as_f64(), &theirs.as_f64())
            }
            _ => equal(path, ours, theirs),
        }
    }

    /// Texts that Java derives from times, and empty tables.
    fn left_out(name: &str, value: &Value) -> bool {
        let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
        empty || name.ends_with("StampStr")
    }

    fn same_messages(bytes: &Bytes) -> Outcome {
        for message in decode_messages(bytes.clone()) {
            let message = message.map_err(|lost| lost.to_string())?;
            let mut out = BytesMut::new();
            encode_message(&message, &mut out);
            let again = decode_messages(out.freeze()).next().ok_or("nothing was written")?;
            equal("a message again", &again.map_err(|lost| lost.to_string())?, &message)?;
        }
        Ok(())
    }

    fn same_batch(bytes: &Bytes) -> Outcome {
        let records = decode_batch(bytes.clone()).ok_or("no batch")?;
        let mut out = BytesMut::new();
        for record in &records {
            encode_batch_record(record, &mut out);
        }
        equal("a batch again", &out.freeze(), bytes)
    }
}
