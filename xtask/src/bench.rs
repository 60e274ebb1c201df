//! `cargo xtask bench`: every benchmark.

use crate::shell::{Arguments, Outcome, cargo, step};

const BENCHMARKS: [&str; 7] =
    ["codec", "flush", "remoting", "producing", "consuming", "queues", "scale"];

pub(crate) fn run(arguments: Arguments) -> Outcome {
    arguments.none()?;
    for name in BENCHMARKS {
        let mut run = cargo(&["run", "--quiet", "--release", "--package", "rocketmq-benches"]);
        step(&format!("benchmark {name}"), run.args(["--bin", name]))?;
    }
    Ok(())
}
