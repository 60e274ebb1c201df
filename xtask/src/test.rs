//! `cargo xtask test`: every test, the real servers included.

use rocketmq_interop::Distribution;

use crate::shell::{Arguments, Outcome, cargo, is_ci, left_out, step};

/// The releases that every run tests against: the newest, and the last of the old protocol.
const RELEASES: [&str; 2] = ["5.5.0", "4.9.7"];

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let required = arguments.flag("--require-broker") || is_ci();
    let without = arguments.flag("--no-broker");
    arguments.none()?;
    in_process()?;
    if without {
        return left_out("real Apache RocketMQ", "--no-broker", false);
    }
    on_real_servers(required)
}

/// Unit, property, documentation and mock-cluster tests, golden vectors and fuzz corpora.
fn in_process() -> Outcome {
    step("tests", &mut cargo(&["test", "--workspace", "--quiet"]))
}

fn on_real_servers(required: bool) -> Outcome {
    for release in RELEASES {
        if let Err(error) = Distribution::fetch(release) {
            return left_out("real Apache RocketMQ", &error.to_string(), required);
        }
    }
    for release in RELEASES {
        let mut tests = cargo(&["test", "--package", "rocketmq-interop", "--test", "real"]);
        step(&format!("real Apache RocketMQ {release}"), tests.env("ROCKETMQ_VERSION", release))?;
    }
    Ok(())
}
