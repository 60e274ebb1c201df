//! The reliability scorecard: rows that are run, each of which prints one line of JSON with its figures.
//!
//! A row is one file. It gets a [`Trial`] with a seeded source of chance, notes figures, and says what must hold; what does not is
//! listed, and the row goes on. Real servers, where a row has them, are left out loudly where Java is missing.

mod s03;
mod s05;
mod s15;
mod s17;
mod s18;
mod s19;
mod s21;
mod traffic;

use std::{collections::BTreeMap, fmt::Display, pin::Pin, time::Instant};

use serde_json::{Value, json};

/// If this process was started by a row to play a part in it: plays it until it is killed.
pub fn served_as_asked() -> bool {
    s05::served_as_asked()
}

/// A row of the scorecard.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name, as in `S15`.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    run: Run,
}

type Run = for<'a> fn(&'a mut Trial) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Every row there is.
pub const ROWS: &[Row] = &[
    Row {
        name: "S03",
        about: "name servers that are away or wrong",
        run: |trial| Box::pin(s03::run(trial)),
    },
    Row { name: "S05", about: "a silent black hole", run: |trial| Box::pin(s05::run(trial)) },
    Row { name: "S15", about: "100,000 malformed frames", run: |trial| Box::pin(s15::run(trial)) },
    Row {
        name: "S17",
        about: "a hostile broker among four",
        run: |trial| Box::pin(s17::run(trial)),
    },
    Row {
        name: "S18",
        about: "a hundred clients reconnect",
        run: |trial| Box::pin(s18::run(trial)),
    },
    Row { name: "S19", about: "shutdown in every state", run: |trial| Box::pin(s19::run(trial)) },
    Row {
        name: "S21",
        about: "keys, permissions, certificates",
        run: |trial| Box::pin(s21::run(trial)),
    },
];

impl Row {
    /// Runs it, and returns its line.
    pub async fn run(&self, seed: u64) -> Line {
        let mut trial = Trial {
            chance: fastrand::Rng::with_seed(seed),
            figures: BTreeMap::new(),
            failures: Vec::new(),
        };
        let began = Instant::now();
        (self.run)(&mut trial).await;
        let Trial { figures, failures, .. } = trial;
        Line { row: self.name, seed, seconds: began.elapsed().as_secs_f64(), figures, failures }
    }
}

/// A run of a row.
#[derive(Debug)]
pub struct Trial {
    chance: fastrand::Rng,
    figures: BTreeMap<String, Value>,
    failures: Vec<String>,
}

impl Trial {
    /// Notes a figure.
    fn note(&mut self, name: impl Into<String>, figure: impl Into<Value>) {
        self.figures.insert(name.into(), figure.into());
    }

    /// Notes a figure that may not be larger than this.
    fn at_most(&mut self, name: impl Into<String>, figure: f64, limit: f64) {
        let name = name.into();
        self.require(figure <= limit, format_args!("{name} is {figure:.3}, more than {limit}"));
        self.note(name, (figure * 1_000.0).round() / 1_000.0);
    }

    /// Something that must hold.
    fn require(&mut self, holds: bool, what: impl Display) {
        if !holds {
            self.failures.push(what.to_string());
        }
    }
}

/// What a row has shown.
#[derive(Debug)]
pub struct Line {
    row: &'static str,
    seed: u64,
    seconds: f64,
    figures: BTreeMap<String, Value>,
    failures: Vec<String>,
}

impl Line {
    /// Whether everything held.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        json!({
            "row": self.row,
            "passed": self.passed(),
            "seed": self.seed,
            "seconds": (self.seconds * 10.0).round() / 10.0,
            "figures": self.figures,
            "failures": self.failures,
        })
        .to_string()
    }
}

/// A figure of this process in `/proc/self/status`, in KiB; `None` where there is no such file.
fn process_kib(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

/// What this process holds in memory, in MiB.
fn resident_mib() -> f64 {
    process_kib("VmRSS").unwrap_or_default() / 1_024.0
}

/// How many files and sockets this process has open.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
