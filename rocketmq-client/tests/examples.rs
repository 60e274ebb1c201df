//! Every example runs against the cluster inside its process, and says what it should.
//!
//! A row names an example and the lines it has to print, in this order; others may stand between them.

use std::{collections::BTreeSet, fs, process::Command};

const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "dead_letters",
        &[
            "given up: cannot be billed",
            "found: order-42 of Some(\"dead-letters-example\")",
            "sent again to dead-letters-example",
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
    ("quickstart", &["done: 10 sent, 10 received, 0 left unfinished"]),
    (
        "simple_consumer",
        &[
            "done paint after 0 failures",
            "failed break, again in a second",
            "done polish after 0 failures",
            "done break after 1 failures",
        ],
    ),
];

const LINES_MAX: usize = 60;

/// `quickstart` speaks to newcomers, and takes its time.
const LONGER: &[&str] = &["quickstart"];

#[test]
fn examples_say_what_they_should() {
    for (name, expected) in EXAMPLES {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut run = Command::new(cargo);
        run.args(["run", "--quiet", "--package", "rocketmq-client", "--example", name]);
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
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let is_short = lines <= LINES_MAX || LONGER.contains(&name.as_str());
        assert!(is_short, "{name} has {lines} lines, more than {LINES_MAX}");
        found.insert(name);
    }
    assert_eq!(found, EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
