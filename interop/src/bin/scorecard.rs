//! `scorecard ROW…`: runs rows of the reliability scorecard, and prints one line of JSON for each. `--seed N` repeats a run;
//! `--scale 1` has long rows last as long as they are meant to before a release, and is a quarter of that unless told otherwise.

use std::process::ExitCode;

use rocketmq_interop::scorecard::{self, ROWS, Row};

fn main() -> ExitCode {
    if scorecard::served_as_asked() {
        return ExitCode::SUCCESS;
    }
    let mut seed = fastrand::u64(..1 << 32);
    let mut scale = 0.25;
    let mut rows = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seed" {
            seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(seed);
            continue;
        }
        if argument == "--scale" {
            scale = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(scale);
            continue;
        }
        match ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(&argument)) {
            Some(row) => rows.push(row),
            None => return unknown(&argument),
        }
    }
    let failed = rows.into_iter().filter(|row| !run(row, seed, scale)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each row has a runtime of its own, so that what it leaves behind shows.
fn run(row: &Row, seed: u64, scale: f64) -> bool {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return false;
        }
    };
    let line = runtime.block_on(row.run(seed, scale));
    println!("{}", line.to_json());
    line.passed()
}

fn unknown(name: &str) -> ExitCode {
    eprintln!("there is no row {name}; there are:");
    for row in ROWS {
        eprintln!("  {}  {}", row.name, row.about);
    }
    ExitCode::FAILURE
}
