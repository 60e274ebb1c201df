//! `cargo xtask vectors --mutate`: whether the tests over the golden vectors can fail.
//!
//! For each file and kind one expected value is changed in a copy of the vectors. A kind that stays green is not compared
//! with what it expects.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::shell::{Arguments, Outcome, cargo, output, root, succeeds};

/// Where each kind of case keeps what was expected: file, kind, member.
const EXPECTATIONS: &[(&str, &str, &str)] = &[
    ("acl", "sign", "signature"),
    ("acl", "hmac", "signature"),
    ("allocate", "", "result"),
    ("bodies", "encode", "content"),
    ("bodies", "decode", "decoded"),
    ("codes", "constant", "value"),
    ("codes", "enum", "fields"),
    ("codes", "enum-list", "names"),
    ("codes", "attribute", "fields"),
    ("compression", "compress", "decompressed"),
    ("compression", "level", "result"),
    ("compression", "repeat", "decompressed"),
    ("compression", "decompress", "result"),
    ("compression", "type", "type"),
    ("frames", "encode", "frame"),
    ("frames", "decode", "decodes"),
    ("frames", "channel", "channel"),
    ("frames", "stream", "channel"),
    ("headers", "class", "fields"),
    ("headers", "encode", "decoded"),
    ("headers", "decode", "decoded"),
    ("latencyfault", "tables", "latencyMax"),
    ("latencyfault", "penalty", "duration"),
    ("latencyfault", "update", "recorded"),
    ("latencyfault", "choose", "steps"),
    ("latencyfault", "merge", "steps"),
    ("messages", "message", "decoded"),
    ("messages", "broken", "decoded"),
    ("messages", "list", "decoded"),
    ("messages", "batch", "decoded"),
    ("messages", "batch-broken", "decoded"),
    ("messages", "inner-batch", "decoded"),
    ("messages", "properties-write", "text"),
    ("messages", "properties-read", "parsed"),
    ("messages", "crc-property", "bytes"),
    ("messages", "crc", "crc"),
    ("messages", "id", "id"),
    ("messages", "id-decode", "decoded"),
    ("messages", "uniq-decode", "time"),
    ("messages", "uniq-create", "id"),
    ("names", "name", "retryTopic"),
    ("names", "vip", "vip"),
    ("names", "endpoint", "address"),
    ("names", "perm", "text"),
    ("names", "attributes", "map"),
    ("names", "properties-text", "map"),
    ("names", "properties-text-write", "sortedText"),
    ("names", "client-id", "clientId"),
    ("names", "tags-code", "code"),
    ("names", "delay-levels", "parsed"),
    ("names", "range", "accepted"),
    ("names", "default", "value"),
    ("names", "clamp", "backPressureForAsyncSendNum"),
    ("names", "check-group", "result"),
    ("names", "consume-timestamp", "millis"),
    ("pop", "extra-build", "text"),
    ("pop", "extra-read", "popTime"),
    ("pop", "info-build", "startOffsetInfo"),
    ("pop", "info-read", "startOffsets"),
    ("pop", "topic", "retryV1"),
    ("pop", "lite-build", "lmq"),
    ("pop", "lite-read", "lite"),
    ("pop", "recall-build", "handle"),
    ("pop", "recall-read", "decoded"),
    ("processqueue", "concurrent", "steps"),
    ("processqueue", "orderly", "steps"),
    ("selectors", "string-hash", "hash"),
    ("selectors", "by-hash", "selected"),
    ("selectors", "machine-room", "selected"),
    ("selectors", "round-robin", "steps"),
    ("subscription", "build", "result"),
    ("subscription", "equal", "result"),
    ("trace", "encode", "decoded"),
    ("trace", "decode", "decoded"),
];

/// Of how many cases of a kind one has to turn red. Where ours differs from Java on purpose, what Java made of a case is not
/// what the test expects.
const TRIES: usize = 5;

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    if !arguments.flag("--mutate") {
        return Err("`cargo xtask vectors --mutate` is all there is; the tests themselves are \
                    `cargo test --workspace --test vectors`"
            .to_owned());
    }
    let only = arguments.words()?;
    let tests = executables()?;
    let copy = root().join("target/mutated-vectors");
    let mut green = Vec::new();
    for (file, kind, member) in EXPECTATIONS {
        let wanted = only.is_empty() || only.iter().any(|name| name == file);
        if wanted && !is_noticed(&tests, &copy, file, kind, member)? {
            green.push(format!("{file} {kind}"));
        }
    }
    fs::remove_dir_all(&copy).map_err(|error| error.to_string())?;
    if green.is_empty() {
        return Ok(());
    }
    Err(format!("a changed expectation was not noticed: {}", green.join(", ")))
}

/// Whether a test turns red when a case of the kind expects something else.
fn is_noticed(
    tests: &[PathBuf],
    copy: &Path,
    file: &str,
    kind: &str,
    member: &str,
) -> Outcome<bool> {
    for nth in 0..TRIES {
        copy_vectors(copy)?;
        let Some(case) = mutate(&copy.join(format!("{file}.jsonl")), kind, member, nth)? else {
            break;
        };
        let red = tests.iter().any(|test| is_red(test, file, copy));
        println!("{}  {file} {kind}: {member} of {case}", if red { "red  " } else { "GREEN" });
        if red {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The compiled tests over vectors, of every crate that has some.
fn executables() -> Outcome<Vec<PathBuf>> {
    let build =
        ["test", "--workspace", "--test", "vectors", "--no-run", "--message-format", "json"];
    let messages = output(&mut cargo(&build))?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(built.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
}

/// The test of a file is named like the file.
fn is_red(test: &Path, file: &str, vectors: &Path) -> bool {
    !succeeds(Command::new(test).arg(file).env("RMQ_VECTORS", vectors))
}

fn copy_vectors(to: &Path) -> Outcome {
    let copy = || -> std::io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(root().join("vectors"))? {
            let path = entry?.path();
            if let (true, Some(name)) = (path.is_file(), path.file_name()) {
                fs::copy(&path, to.join(name))?;
            }
        }
        Ok(())
    };
    copy().map_err(|error| format!("copying the vectors: {error}"))
}

/// Changes the nth of the cases of a kind that expect something which can be changed, and tells its name.
fn mutate(path: &Path, kind: &str, member: &str, nth: usize) -> Outcome<Option<String>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut changeable = 0;
    for line in &mut lines {
        let mut case: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if case["kind"].as_str().unwrap_or_default() != kind || !flip(&mut case[member]) {
            continue;
        }
        changeable += 1;
        if changeable <= nth {
            continue;
        }
        *line = case.to_string();
        let name = case["case"].as_str().unwrap_or_default().to_owned();
        fs::write(path, lines.join("\n")).map_err(|error| error.to_string())?;
        return Ok(Some(name));
    }
    Ok(None)
}

/// Makes another value of it. `false` for one that says nothing: nothing, or that Java threw.
fn flip(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => {
            *flag = !*flag;
            true
        }
        Value::Number(number) => {
            *value = number.as_i64().map_or_else(|| 0.into(), |number| (number ^ 1).into());
            true
        }
        Value::String(text) => {
            let last = text.pop();
            text.push(if last == Some('1') { '2' } else { '1' });
            true
        }
        Value::Array(items) => items.iter_mut().rev().any(flip),
        Value::Object(members) if members.contains_key("error") => false,
        // Java made nothing of it.
        Value::Object(members) if members.get("ok").is_some_and(Value::is_null) => {
            members.insert("ok".to_owned(), 1.into());
            true
        }
        Value::Object(members) => members.values_mut().rev().any(flip),
    }
}
