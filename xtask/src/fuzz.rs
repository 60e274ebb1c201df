//! `cargo xtask fuzz`: every fuzz target for a while, on the stable toolchain and without a sanitizer.

use std::{fs, path::Path, process::Command};

use crate::shell::{Arguments, Outcome, cargo, output, root, step, succeeds};

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let seconds = arguments.value::<u32>("--seconds")?.unwrap_or(60);
    let mut targets = arguments.words()?;
    if !succeeds(&mut cargo(&["fuzz", "--version"])) {
        step("installing cargo-fuzz", &mut cargo(&["install", "cargo-fuzz", "--locked"]))?;
    }
    if targets.is_empty() {
        targets = output(&mut cargo(&["fuzz", "list"]))?.lines().map(str::to_owned).collect();
    }
    for target in &targets {
        step(&format!("fuzz {target}, {seconds} s"), &mut fuzz(target, seconds)?)?;
    }
    println!("{} targets, {seconds} s each: nothing fell", targets.len());
    Ok(())
}

/// What libFuzzer finds on the way goes to a corpus that is not in the repository; what is there is only read.
fn fuzz(target: &str, seconds: u32) -> Outcome<Command> {
    let found = root().join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let mut run = cargo(&["fuzz", "run", "--sanitizer", "none", target]);
    run.arg(found).arg(format!("fuzz/corpus/{target}"));
    run.args(["--", &format!("-max_total_time={seconds}")]);
    run.args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=1024"]);
    let dictionary = Path::new("fuzz/dictionaries").join(target).with_extension("dict");
    if root().join(&dictionary).exists() {
        run.arg(format!("-dict={}", dictionary.display()));
    }
    Ok(run)
}
