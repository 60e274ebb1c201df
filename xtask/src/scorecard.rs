//! `cargo xtask scorecard`: rows of the reliability scorecard.

use crate::shell::{Arguments, Outcome, cargo, step};

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let rows = arguments.words()?;
    if rows.is_empty() {
        return Err("which rows? for example `cargo xtask scorecard S15 S17`".to_owned());
    }
    let mut run = cargo(&["run", "--quiet", "--release", "--package", "rocketmq-interop"]);
    run.args(["--bin", "scorecard", "--"]).args(&rows);
    step(&format!("scorecard {}", rows.join(" ")), &mut run)
}
