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

/// The table of rows: the file that runs one, its name, and what it is about.
macro_rules! rows {
    ($($module:ident $name:literal $about:literal,)*) => {
        /// Every row there is.
        pub const ROWS: &[Row] = &[
            $(Row { name: $name, about: $about, run: |trial| Box::pin($module::run(trial)) },)*
        ];
    };
}

rows! {
    s02 "S02" "a killed master",
    s03 "S03" "name servers that are away or wrong",
    s05 "S05" "a silent black hole",
    s06 "S06" "answers that vanish",
    s07 "S07" "a rolling restart",
    s08 "S08" "consumers killed and frozen",
    s09 "S09" "order across joins, kills and freezes",
    s10 "S10" "member lists and offsets that cannot be believed",
    s11 "S11" "killed transactional producers",
    s12 "S12" "popping with lost acknowledgements",
    s13 "S13" "handlers and send-backs that fail",
    s14 "S14" "a backlog larger than memory",
    s15 "S15" "100,000 malformed frames",
    s16 "S16" "bombs and damaged bodies",
    s17 "S17" "a hostile broker among four",
    s18 "S18" "a hundred clients reconnect",
    s19 "S19" "shutdown in every state",
    s20 "S20" "a topic that changes under load",
    s21 "S21" "keys, permissions, certificates",
    s23 "S23" "a killed broadcasting consumer",
    s24 "S24" "2,000 simulated groups",
}

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
