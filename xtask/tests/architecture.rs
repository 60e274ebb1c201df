//! The picture in ARCHITECTURE.md, as far as a machine can hold the workspace to it: which crate may know which, how
//! much each pulls in, and how long a file may be.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Each library, and the crates of this workspace that it may depend on.
const LAYERS: [(&str, &[&str]); 6] = [
    ("rocketmq-protocol", &[]),
    ("rocketmq-remoting", &["rocketmq-protocol"]),
    ("rocketmq-route", &["rocketmq-protocol"]),
    ("rocketmq-consumer", &["rocketmq-protocol", "rocketmq-route"]),
    (
        "rocketmq-client",
        &["rocketmq-protocol", "rocketmq-remoting", "rocketmq-route", "rocketmq-consumer"],
    ),
    ("rocketmq-mock", &["rocketmq-protocol"]),
];

/// The libraries that may wait.
const ASYNC: [&str; 3] = ["rocketmq-remoting", "rocketmq-client", "rocketmq-mock"];

/// What a pure crate must not pull in: ways to wait, to draw lots or to tell the time.
const IMPURE: [&str; 8] =
    ["tokio", "tokio-util", "async-std", "mio", "socket2", "rand", "fastrand", "chrono"];

/// How many crates each may pull in at most: arguments for `cargo tree`, and the number without the crate itself.
const BUDGETS: [(&[&str], usize); 4] = [
    (&["--package", "rocketmq-protocol", "--no-default-features"], 17),
    (&["--package", "rocketmq-protocol"], 38),
    (&["--package", "rocketmq-client"], 60),
    (&["--package", "rocketmq-client", "--features", "tls"], 76),
];

const LONGEST_FILE: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The normal dependencies of each member of the workspace, optional ones too.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let normal = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        let normal = all.filter(|dependency| dependency["kind"].is_null());
        normal
            .map(|dependency| dependency["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    packages
        .iter()
        .map(|package| (package["name"].as_str().unwrap_or_default().to_owned(), normal(package)))
        .collect()
}

#[test]
fn every_crate_knows_only_the_layers_below_it() {
    let dependencies = dependencies();
    for (library, allowed) in LAYERS {
        let known = &dependencies[library];
        let known: BTreeSet<&str> =
            known.iter().map(String::as_str).filter(|name| name.starts_with("rocketmq-")).collect();
        assert_eq!(known, allowed.iter().copied().collect(), "{library}");
    }
}

#[test]
fn what_decides_cannot_wait() {
    let dependencies = dependencies();
    for (library, _) in LAYERS {
        let known = &dependencies[library];
        assert_eq!(known.contains("tokio"), ASYNC.contains(&library), "{library} and tokio");
        if !ASYNC.contains(&library) {
            let impure: Vec<_> = IMPURE.into_iter().filter(|name| known.contains(*name)).collect();
            assert!(impure.is_empty(), "{library} depends on {impure:?}");
            let bans = root().join(library).join("clippy.toml");
            let bans = fs::read_to_string(bans).expect("a pure crate has bans of its own");
            assert!(bans.contains("std::time::Instant::now"), "{library} may read a clock");
        }
    }
}

#[test]
fn nobody_pulls_in_more_than_the_budget() {
    for (arguments, budget) in BUDGETS {
        let tree = ["tree", "--quiet", "--edges", "normal", "--prefix", "none"];
        let tree = cargo(&[&tree, arguments].concat());
        let names = tree.lines().map(|line| line.split(" (").next().unwrap_or(line));
        let crates: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
        let pulled = crates.len() - 1;
        println!("{arguments:?}: {pulled} of {budget}");
        assert!(
            pulled <= budget,
            "{arguments:?} pulls in {pulled} crates, not {budget}: {crates:?}"
        );
    }
}

#[test]
fn no_file_is_longer_than_anybody_reads() {
    let files = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output();
    let files = String::from_utf8(files.expect("git runs").stdout).expect("text");
    assert!(files.lines().count() > 100, "git lists the files");
    for file in files.lines() {
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{file} has {lines} lines");
    }
}
