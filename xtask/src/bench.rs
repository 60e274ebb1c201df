//! `cargo xtask bench`: every benchmark.

use crate::shell::{Arguments, Outcome, cargo, step};

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let peers = arguments.flag("--peers");
    arguments.none()?;
    let mut run = cargo(&["bench", "--package", "rocketmq-benches"]);
    if peers {
        run.env("BENCH_PEERS", "1");
    }
    step("benchmarks", &mut run)
}
