//! `cargo xtask bench`: every benchmark, or the instructions of those that count; other clients are in [`peers`].

use std::{fs, process::Command};

use crate::{
    peers,
    shell::{Arguments, Outcome, cargo, errors, is_ci, left_out, root, step, succeeds},
};

const BENCHMARKS: [&str; 7] =
    ["codec", "flush", "remoting", "producing", "consuming", "queues", "scale"];

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let (gates, peers) = (arguments.flag("--gates"), arguments.flag("--peers"));
    arguments.none()?;
    if gates {
        return instructions();
    }
    if peers {
        return peers::run();
    }
    let mut failed = Vec::new();
    for name in BENCHMARKS {
        let mut run = cargo(&["run", "--quiet", "--release", "--package", "rocketmq-benches"]);
        // The figures of the others are wanted all the same.
        if let Err(reason) = step(&format!("benchmark {name}"), run.args(["--bin", name])) {
            failed.push(reason);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Rows of `benches/instructions.txt`: a row of the codec's benchmark, and the instructions that it took.
const LIMITS: &str = "benches/instructions.txt";
/// What a row may take more, in percent: another compiler or C library moves it that far.
const TOLERANCE: u64 = 2;

/// Instructions an operation, from two runs of which one does twice as much, so that starting the program does not count.
pub(crate) fn instructions() -> Outcome {
    if !succeeds(Command::new("valgrind").arg("--version")) {
        return left_out("instruction counts", "valgrind is not installed", is_ci());
    }
    let mut build = cargo(&["build", "--release", "--package", "rocketmq-benches"]);
    step("the codec's benchmark", build.args(["--bin", "codec"]))?;
    let limits = fs::read_to_string(root().join(LIMITS));
    let limits = limits.map_err(|error| format!("{LIMITS}: {error}"))?;
    let mut exceeded = Vec::new();
    for line in limits.lines().filter(|line| !line.starts_with('#')) {
        let (row, limit) = line.split_once(' ').ok_or_else(|| format!("{LIMITS}: `{line}`"))?;
        let limit: u64 = limit.trim().parse().map_err(|_| format!("{LIMITS}: `{line}`"))?;
        let counted = (callgrind(row, 2_000)? - callgrind(row, 1_000)?) / 1_000;
        println!(r#"{{"name":"{row}","value":{counted},"unit":"instructions","was":{limit}}}"#);
        if counted * 100 > limit * (100 + TOLERANCE) {
            exceeded.push(row);
        }
    }
    if exceeded.is_empty() { Ok(()) } else { Err(format!("more instructions: {exceeded:?}")) }
}

/// The instructions of a whole run: `==1== Collected : 12345`.
fn callgrind(row: &str, times: u32) -> Outcome<u64> {
    let mut run = Command::new("valgrind");
    run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    run.arg(root().join("target/release/codec"));
    let said = errors(run.args(["--times", row, &times.to_string()]))?;
    let count = said.split_once("Collected : ").map(|(_, rest)| rest);
    let count = count.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    count.ok_or_else(|| format!("callgrind counts nothing: {said}"))
}
