//! `cargo xtask scorecard`: rows of the reliability scorecard.

use crate::shell::{Arguments, Outcome, cargo, step};

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let seed =
        arguments.value::<u64>("--seed")?.map(|seed| ["--seed".to_owned(), seed.to_string()]);
    let scale =
        arguments.value::<f64>("--scale")?.map(|scale| ["--scale".to_owned(), scale.to_string()]);
    let rows = arguments.words()?;
    if rows.is_empty() {
        return Err("which rows? for example `cargo xtask scorecard S15 S17`".to_owned());
    }
    let mut run = cargo(&["run", "--quiet", "--release", "--package", "rocketmq-interop"]);
    run.args(["--bin", "scorecard", "--"]);
    run.args(seed.into_iter().chain(scale).flatten()).args(&rows);
    step(&format!("scorecard {}", rows.join(" ")), &mut run)
}
