//! `cargo xtask test`: every test, the real servers included.

use rocketmq_interop::{Distribution, Peer};

use crate::shell::{Arguments, Outcome, cargo, is_ci, left_out, step};

/// The releases that every run tests against: the newest, and the last of the old protocol.
const RELEASES: [&str; 2] = ["5.5.0", "4.9.7"];

/// A release between them, and the tests that it has to pass in a wide run. None of requests: Java's client of this release gets no
/// replies, from itself neither.
const SMOKE: (&str, &[&str]) = (
    "5.3.3",
    &[
        "java_and_rust_understand",
        "popping::",
        "consuming::",
        "mixed::a7",
        "sending::t",
        "a18_",
        "f69_",
    ],
);

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let wide = arguments.flag("--wide");
    run_as(arguments, wide)
}

/// What is not `wide` leaves out what is slow, and what needs more than Java and Maven.
pub(crate) fn run_as(mut arguments: Arguments, wide: bool) -> Outcome {
    let required = arguments.flag("--require-broker") || is_ci();
    let without = arguments.flag("--no-broker");
    if let Some(release) = arguments.value::<String>("--version")? {
        return on_release(&release, &arguments.words()?, wide);
    }
    arguments.none()?;
    in_process()?;
    if without {
        return left_out("real Apache RocketMQ", "--no-broker", false);
    }
    on_real_servers(required, wide)
}

/// Unit, property, documentation and mock-cluster tests, golden vectors and fuzz corpora.
fn in_process() -> Outcome {
    step("tests", &mut cargo(&["test", "--workspace", "--quiet"]))
}

fn on_real_servers(required: bool, wide: bool) -> Outcome {
    for release in RELEASES.into_iter().chain(wide.then_some(SMOKE.0)) {
        if let Err(error) = Distribution::fetch(release) {
            return left_out("real Apache RocketMQ", &error.to_string(), required);
        }
    }
    let mut all = wide;
    if let (true, Err(error)) = (wide, Peer::go()) {
        left_out("what `--wide` adds on real Apache RocketMQ", &error.to_string(), required)?;
        all = false;
    }
    for release in RELEASES {
        on_release(release, &[], all)?;
    }
    let smoke: Vec<String> = SMOKE.1.iter().map(ToString::to_string).collect();
    if wide { on_release(SMOKE.0, &smoke, false) } else { Ok(()) }
}

/// The tests whose names contain one of the words, or all of them.
fn on_release(release: &str, words: &[String], wide: bool) -> Outcome {
    let mut tests = cargo(&["test", "--package", "rocketmq-interop", "--test", "real", "--"]);
    tests.args(words).env("ROCKETMQ_VERSION", release);
    if !wide {
        tests.args(["--skip", "wide::"]);
    }
    step(&format!("real Apache RocketMQ {release}"), &mut tests)
}
