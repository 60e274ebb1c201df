//! `cargo xtask fuzz`: every fuzz target for a while, on the stable toolchain and without a sanitizer.

use std::{fmt, fs, path::Path, process::Command};

use crate::shell::{Arguments, Outcome, cargo, errors, output, root, step, succeeds};

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
        let command = &mut fuzz(target, seconds)?;
        println!("{}, {seconds} s", Figures::of(target, &errors(command)?));
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

/// What libFuzzer has done, as it says in its last lines.
struct Figures<'a> {
    target: &'a str,
    executions: &'a str,
    a_second: &'a str,
    edges: &'a str,
}

impl<'a> Figures<'a> {
    /// `#4194304 DONE cov: 1234 ft: …`, and `stat::average_exec_per_sec: 12345`.
    fn of(target: &'a str, printed: &'a str) -> Self {
        let last = printed.lines().rfind(|line| line.contains(" cov: ")).unwrap_or_default();
        let after = |text: &'a str, word| {
            let found = text.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next());
            found.unwrap_or("?")
        };
        Self {
            target,
            executions: after(printed, "stat::number_of_executed_units:"),
            a_second: after(printed, "stat::average_exec_per_sec:"),
            edges: after(last, " cov: "),
        }
    }
}

impl fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, a_second, edges } = self;
        write!(f, "fuzz {target}: {executions} executions, {a_second} a second, {edges} edges")
    }
}
