//! The reliability scorecard: rows that are run, each of which prints one line of JSON with its figures.
//!
//! A row is one file. It gets a [`Trial`] with a seeded source of chance, notes figures, and says what must hold; what does not is
//! listed, and the row goes on. Real servers, where a row has them, are left out loudly where Java is missing.

mod field;
mod s02;
mod s03;
mod s05;
mod s06;
mod s07;
mod s08;
mod s09;
mod s10;
mod s11;
mod s12;
mod s13;
mod s14;
mod s15;
mod s16;
mod s17;
mod s18;
mod s19;
mod s20;
mod s21;
mod s23;
mod s24;
mod traffic;

use std::{
    collections::BTreeMap,
    fmt::Display,
    pin::Pin,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// If this process was started by a row to play a part in it: plays it until it is killed.
pub fn served_as_asked() -> bool {
    s05::served_as_asked() || crate::player::played_as_asked()
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
    Row { name: "S02", about: "a killed master", run: |trial| Box::pin(s02::run(trial)) },
    Row {
        name: "S03",
        about: "name servers that are away or wrong",
        run: |trial| Box::pin(s03::run(trial)),
    },
    Row { name: "S05", about: "a silent black hole", run: |trial| Box::pin(s05::run(trial)) },
    Row { name: "S06", about: "answers that vanish", run: |trial| Box::pin(s06::run(trial)) },
    Row { name: "S07", about: "a rolling restart", run: |trial| Box::pin(s07::run(trial)) },
    Row {
        name: "S08",
        about: "consumers killed and frozen",
        run: |trial| Box::pin(s08::run(trial)),
    },
    Row {
        name: "S09",
        about: "order across joins, kills and freezes",
        run: |trial| Box::pin(s09::run(trial)),
    },
    Row {
        name: "S10",
        about: "member lists and offsets that cannot be believed",
        run: |trial| Box::pin(s10::run(trial)),
    },
    Row {
        name: "S11",
        about: "killed transactional producers",
        run: |trial| Box::pin(s11::run(trial)),
    },
    Row {
        name: "S12",
        about: "popping with lost acknowledgements",
        run: |trial| Box::pin(s12::run(trial)),
    },
    Row {
        name: "S13",
        about: "handlers and send-backs that fail",
        run: |trial| Box::pin(s13::run(trial)),
    },
    Row {
        name: "S14",
        about: "a backlog larger than memory",
        run: |trial| Box::pin(s14::run(trial)),
    },
    Row { name: "S15", about: "100,000 malformed frames", run: |trial| Box::pin(s15::run(trial)) },
    Row { name: "S16", about: "bombs and damaged bodies", run: |trial| Box::pin(s16::run(trial)) },
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
        name: "S20",
        about: "a topic that changes under load",
        run: |trial| Box::pin(s20::run(trial)),
    },
    Row {
        name: "S21",
        about: "keys, permissions, certificates",
        run: |trial| Box::pin(s21::run(trial)),
    },
    Row {
        name: "S23",
        about: "a killed broadcasting consumer",
        run: |trial| Box::pin(s23::run(trial)),
    },
    Row { name: "S24", about: "2,000 simulated groups", run: |trial| Box::pin(s24::run(trial)) },
];

impl Row {
    /// Runs it, and returns its line. Of rows that take minutes, `scale` makes them take that share of it.
    pub async fn run(&self, seed: u64, scale: f64) -> Line {
        let mut trial = Trial {
            scale,
            chance: fastrand::Rng::with_seed(seed),
            figures: BTreeMap::new(),
            failures: Vec::new(),
        };
        let began = Instant::now();
        (self.run)(&mut trial).await;
        let Trial { figures, failures, .. } = trial;
        Line {
            row: self.name,
            seed,
            scale,
            seconds: began.elapsed().as_secs_f64(),
            figures,
            failures,
        }
    }
}

/// A run of a row.
#[derive(Debug)]
pub struct Trial {
    chance: fastrand::Rng,
    scale: f64,
    figures: BTreeMap<String, Value>,
    failures: Vec<String>,
}

impl Trial {
    /// So many seconds at full scale.
    fn lasting(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.scale)
    }

    /// So many times at full scale, and at least once.
    fn times(&self, count: u64) -> u64 {
        ((count as f64 * self.scale).round() as u64).max(1)
    }

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
    scale: f64,
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
            "scale": self.scale,
            "seconds": (self.seconds * 10.0).round() / 10.0,
            "figures": self.figures,
            "failures": self.failures,
        })
        .to_string()
    }
}

/// A figure of a process (a number, or `self`) in `/proc`, in KiB; `None` where there is no such file.
pub(crate) fn process_kib(process: &str, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

/// What this process holds in memory, in MiB.
fn resident_mib() -> f64 {
    process_kib("self", "VmRSS").unwrap_or_default() / 1_024.0
}

/// How many files and sockets this process has open.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
