//! Every example runs against the cluster inside its process, and says what it should.
//!
//! A row names an example and the lines it has to print, in this order; others may stand between them.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "batch",
        &[
            "500 messages stored in one queue",
            "in order: true",
            "refused: a batched message with a delay: it would be lost",
            "100 messages stored through the accumulator",
        ],
    ),
    (
        "broadcasting",
        &[
            "one: rates of monday",
            "two: rates of monday",
            "one: rates of tuesday",
            "two: rates of tuesday",
        ],
    ),
    (
        "dead_letters",
        &[
            "given up: cannot be billed",
            "found: order-42 of Some(\"dead-letters-example\")",
            "sent again to dead-letters-example",
        ],
    ),
    (
        "graceful_shutdown",
        &[
            "first consumer: 0 cut off, 0 uncommitted",
            "second consumer: 0 cut off, 0 uncommitted",
            "100 handled, each once",
        ],
    ),
    ("handler", &["late: Ack", "paid: Ack", "refunded: Ack", "unknown: DeadLetter"]),
    (
        "later",
        &[
            "recalled: true",
            "received: after a level, in two seconds, at a time",
            "after a while: true",
        ],
    ),
    (
        "lite_pull",
        &[
            "polled message 0",
            "polled message 1",
            "polled message 2",
            "committed Some(3)",
            "polled message 3",
            "polled message 5",
            "sought 1",
            "polled message 1",
        ],
    ),
    ("lite_topics", &["alice says hello", "alice says bye", "bob says hi", "reading {\"bob\"}"]),
    ("ordered", &["created", "paid (fails)", "paid", "shipped", "delivered"]),
    (
        "ordered_by_key",
        &[
            "order-1: one queue true, in order true",
            "order-2: one queue true, in order true",
            "order-3: one queue true, in order true",
        ],
    ),
    (
        "pipelined",
        &[
            "1000 messages stored",
            "admitted, and stored in pipelined",
            "a message without a body: brokers do not take one; worth a retry: false",
            "0 left without a receipt",
        ],
    ),
    ("quickstart", &["done: 10 sent, 10 received, 0 left unfinished"]),
    ("request_reply", &["hello, Ada", "hello, Grace", "in time: true"]),
    (
        "secure",
        &[
            "stored: Stored",
            "as somebody else: Denied, worth trying again: false",
            "without the authority: Some(NameServer)",
        ],
    ),
    (
        "simple_consumer",
        &[
            "done paint after 0 failures",
            "failed break, again in a second",
            "done polish after 0 failures",
            "done break after 1 failures",
        ],
    ),
    ("sql_filter", &["refused: `amount >` is no condition for broker-a", "25 EUR, 40 EUR"]),
    (
        "stream",
        &[
            "attempt 1: an event",
            "attempt 1: an event",
            "attempt 1: an event",
            "attempt 2: once more",
            "0 left unsettled",
        ],
    ),
    (
        "testing_a_handler",
        &[
            "a good order is acknowledged",
            "one without an amount is given up",
            "one that cannot be read comes again",
            "one that has failed for long waits longer",
            "of a batch, what comes before the first bad one is acknowledged",
        ],
    ),
    ("trace", &["dropped: 0", "Pub of traced-producer to traced"]),
    ("transaction", &["order-1 committed", "order-2 rolled back", "order-3 is left to the check"]),
];

const LINES_MAX: usize = 60;

/// `quickstart` speaks to newcomers, and takes its time.
const LONGER: &[&str] = &["quickstart"];

#[test]
fn examples_say_what_they_should() {
    // With the features that the whole workspace has together: `cargo test --workspace` has built exactly that already.
    let mut build = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    let built = build.args(["build", "--quiet", "--workspace", "--examples"]).status().unwrap();
    assert!(built.success(), "the examples do not build");
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug/examples");
    for (name, expected) in EXAMPLES {
        let mut run = Command::new(built.join(name));
        let output = run.env_remove("NAMESRV_ADDR").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} failed\n{said}\n{complaints}");
        let mut lines = said.lines();
        for line in *expected {
            assert!(
                lines.any(|said| said == *line),
                "{name} does not say `{line}` in its place\n{said}"
            );
        }
    }
}

#[test]
fn every_example_has_a_row_and_is_short() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let path = entry.unwrap().path();
        // What examples share lies in a directory.
        if path.is_dir() {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let is_short = lines <= LINES_MAX || LONGER.contains(&name.as_str());
        assert!(is_short, "{name} has {lines} lines, more than {LINES_MAX}");
        found.insert(name);
    }
    assert_eq!(found, EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
