//! What people and CI run: `cargo xtask help`.

mod bench;
mod broker;
mod ci;
mod fuzz;
mod peers;
mod scorecard;
mod shell;
mod test;
mod vectors;

use std::process::ExitCode;

use shell::{Arguments, Outcome};

const HELP: &str = "\
cargo xtask test [--require-broker] [--no-broker] [--wide]
        every test: unit, property, documentation, mock cluster, vectors, fuzz corpora, and real Apache RocketMQ.
        Without Java and Maven the real servers are left out, which one line says; with --require-broker or CI=true
        that is an error. --wide adds what is slow or needs Go: the Go client on the other side, and a smoke run on 5.3.3.
cargo xtask test --version V [--wide] [WORD…]
        the tests on real servers of that release alone, those whose names contain one of the words
cargo xtask broker [--version V] [--brokers N]
        a real name server and brokers on free ports of the loopback, until Ctrl-C
cargo xtask bench [--gates | --peers]
        every benchmark, one after the other; with --gates the instructions of the codec, by valgrind: an error if they are
        more than 2 % above benches/instructions.txt; with --peers the codec beside those of rocketmq-rust and of Java
cargo xtask fuzz [--seconds N] [TARGET…]
        runs fuzz targets on the stable toolchain, 60 s each unless told otherwise
cargo xtask vectors --mutate
        flips one expected value for each file and kind of the golden vectors: each has to turn a test red
cargo xtask scorecard [--seed N] [--scale N] ROW…
        rows of the reliability scorecard, one JSON line each (docs/scorecard.md); long ones take a quarter of their time, or,
        with --scale 1, all of it
cargo xtask ci [--full]
        what `.ci/run` calls: formatting, lints, documentation and `test`; with --full also `test --wide`, features, other
        targets, the oldest supported Rust and benchmarks that count
cargo xtask help
        this";

fn main() -> ExitCode {
    let mut arguments = Arguments::of_process();
    let outcome = match arguments.next_word().as_deref() {
        Some("test") => test::run(arguments),
        Some("broker") => broker::run(arguments),
        Some("bench") => bench::run(arguments),
        Some("fuzz") => fuzz::run(arguments),
        Some("vectors") => vectors::run(arguments),
        Some("scorecard") => scorecard::run(arguments),
        Some("ci") => ci::run(arguments),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => {
            Err(format!("there is no `{other}`; `cargo xtask help` lists what there is"))
        }
    };
    report(outcome)
}

fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
