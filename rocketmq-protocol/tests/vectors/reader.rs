//! Reading vector files: lines, hex, and the bookkeeping that leaves no case unread.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;

/// One line of a vector file.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Unique in its file.
    pub(crate) name: String,
    /// The release whose classes made it: `rocketmq-java 5.5.0`.
    pub(crate) from: String,
    /// The whole line.
    pub(crate) line: Value,
}

/// What went wrong with a case, in words.
pub(crate) type Outcome = Result<(), String>;

/// Judges one case.
pub(crate) type Check = fn(&Case) -> Outcome;

impl Case {
    /// A member of the line; `null` where it has none.
    pub(crate) fn get(&self, member: &str) -> &Value {
        &self.line[member]
    }

    /// A member that is a string.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.get(member).as_str().unwrap_or_else(|| panic!("{}: no text `{member}`", self.name))
    }

    /// A member that is bytes, as hex.
    pub(crate) fn bytes(&self, member: &str) -> Vec<u8> {
        hex(self.text(member))
    }

    /// The same case with another value of a member.
    pub(crate) fn with(&self, member: &str, value: Value) -> Self {
        let mut case = self.clone();
        case.line[member] = value;
        case
    }

    /// Whether it shows what 4.9.7 does.
    pub(crate) fn is_4_9_7(&self) -> bool {
        self.from.ends_with("4.9.7")
    }
}

/// Bytes from lower-case hex.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// A text of a vector: a string, or the UTF-16 of one that has a lone surrogate. `None` for null.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => {
            let units = hex(value["utf16"].as_str().expect("utf16"));
            let units: Vec<u16> =
                units.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
            Some(String::from_utf16_lossy(&units))
        }
        other => panic!("not a text: {other}"),
    }
}

/// An expectation: `left` is ours, `right` the vector's.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, left: &T, right: &T) -> Outcome {
    if left == right {
        Ok(())
    } else {
        Err(format!("{what}:\n      ours {left:?}\n    theirs {right:?}"))
    }
}

/// The directory of the vectors: the repository's own, or the one that `RMQ_VECTORS` names.
#[allow(
    clippy::disallowed_methods,
    reason = "a test may be pointed at another set; not every crate bans it"
)]
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("RMQ_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vectors"), PathBuf::from)
}

/// The lines of a file.
pub(crate) fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).expect("strict JSON")).collect()
}

/// The cases of a file in every release it exists for.
pub(crate) fn cases(file: &str) -> Vec<Case> {
    let found: Vec<Case> = ["", "-4.9.7"]
        .iter()
        .map(|release| directory().join(format!("{file}{release}.jsonl")))
        .filter(|path| path.exists())
        .flat_map(|path| lines(&path))
        .map(|line| Case {
            name: format!(
                "{} {}",
                line["case"].as_str().expect("a case has a name"),
                line["from"].as_str().unwrap_or_default()
            ),
            from: line["from"].as_str().unwrap_or_default().to_owned(),
            line,
        })
        .collect();
    assert!(!found.is_empty(), "no cases in {file}");
    found
}

/// Gives every case of a file to the reader of its kind. Fails when a case disagrees, when a kind has no reader, and
/// when a reader has no case.
pub(crate) fn check(file: &str, readers: &[(&str, Check)]) {
    let mut failures = Vec::new();
    let mut read = BTreeMap::new();
    for case in cases(file) {
        let kind = case.line["kind"].as_str().unwrap_or("").to_owned();
        let reader = readers.iter().find(|(name, _)| *name == kind);
        let (_, reader) = reader.unwrap_or_else(|| panic!("{file}: nobody reads kind `{kind}`"));
        if let Err(why) = reader(&case) {
            failures.push(format!("{}: {why}", case.name));
        }
        *read.entry(kind).or_insert(0) += 1;
    }
    for (kind, _) in readers {
        assert!(read.contains_key(*kind), "{file}: no case of kind `{kind}`");
    }
    println!("{file}: {read:?}");
    assert!(
        failures.is_empty(),
        "{file}: {} cases disagree\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
}
