//! `cargo xtask bench --peers`: the codec's rows on other clients too, in one run.
//!
//! Every client is a process that reads `ROW TIMES` and answers with the nanoseconds of CPU time it took, so that samples of all
//! alternate and nobody pays for starting. All work on the same files, which our own has written. The CPU time of one thread is what
//! counts: the machine need not be quiet, but a busy one costs everybody cache.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rocketmq_interop::{DEFAULT_VERSION, Distribution};

use crate::shell::{Outcome, cargo, is_ci, left_out, root, step};

/// `None` where a client has no such piece of its own. Neither checks a pull's checksums (M5-crc), nor can it read a tag or one
/// property without reading all (M7, M8): they read all, and M8-pull is decoding and filtering together.
const ROWS: [(&str, &str); 8] = [
    ("M1", "encode a send, binary"),
    ("M2", "encode a send, JSON"),
    ("M3", "decode an answer, JSON"),
    ("M4", "decode an answer, binary"),
    ("M5", "decode a pull of 32 × 1 KiB"),
    ("M7", "find the last of 6 properties"),
    ("M7-all", "list 6 properties"),
    ("M8-pull", "decode that pull, filter 2 tags"),
];
/// Runs before the first sample: enough for Java's compilers.
const WARM_UP: u64 = 50_000;
const SAMPLES: usize = 7;
/// CPU time of one sample.
const SAMPLE_NANOS: f64 = 50e6;

pub(crate) fn run() -> Outcome {
    let inputs = root().join("target/codec-inputs");
    let mut clients = vec![ours(&inputs)?, mxsm(&inputs)?];
    match Distribution::missing_programs(DEFAULT_VERSION)[..] {
        [] => clients.push(java(&inputs)?),
        ref missing => left_out("Java", &format!("{missing:?} are not installed"), is_ci())?,
    }
    for (row, name) in ROWS {
        let medians = compare(&mut clients, row)?;
        let ours = medians.first().copied().unwrap_or_default();
        print!("{row:<7} {name:<32}");
        for (client, nanos) in clients.iter().zip(&medians) {
            print!("  {} {nanos:.1} ns ({:.1} ×)", client.name, nanos / ours);
        }
        println!();
    }
    Ok(())
}

/// Medians of nanoseconds an operation. The clients take turns.
fn compare(clients: &mut [Client], row: &str) -> Outcome<Vec<f64>> {
    let warm = clients.iter_mut().map(|client| {
        client.sample(row, WARM_UP)?;
        Ok((SAMPLE_NANOS / client.sample(row, WARM_UP / 10)?) as u64)
    });
    let times = warm.collect::<Outcome<Vec<u64>>>()?;
    let mut samples = vec![Vec::new(); clients.len()];
    for _ in 0..SAMPLES {
        for ((client, times), samples) in clients.iter_mut().zip(&times).zip(&mut samples) {
            let nanos = client.sample(row, *times)?;
            let name = client.name;
            println!(r#"{{"row":"{row}","client":"{name}","value":{nanos:.1},"unit":"ns"}}"#);
            samples.push(nanos);
        }
    }
    let median = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples.get(SAMPLES / 2).copied().unwrap_or_default()
    };
    Ok(samples.into_iter().map(median).collect())
}

/// Our own, which writes the inputs first.
fn ours(inputs: &Path) -> Outcome<Client> {
    let mut build = cargo(&["build", "--release", "--package", "rocketmq-benches"]);
    step("our codec", build.args(["--bin", "codec"]))?;
    let binary = root().join("target/release/codec");
    step("its inputs", Command::new(&binary).arg("--inputs").arg(inputs))?;
    Client::start("ours", Command::new(binary).arg("--serve"))
}

/// rocketmq-rust, in a workspace of its own.
fn mxsm(inputs: &Path) -> Outcome<Client> {
    let target = root().join("target/peers");
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    build.arg("benches/peers/mxsm/Cargo.toml").arg("--target-dir").arg(&target);
    step("the codec of rocketmq-rust", &mut build)?;
    Client::start("mxsm", Command::new(target.join("release/codec-mxsm")).arg(inputs))
}

/// The genuine Java classes, with the compilers of a server.
fn java(inputs: &Path) -> Outcome<Client> {
    let jars = Distribution::fetch(DEFAULT_VERSION).map_err(|error| error.to_string())?;
    let mut java = Command::new("java");
    java.args(["-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-cp", &jars.class_path()]);
    Client::start("Java", java.arg(root().join("benches/peers/java/Codec.java")).arg(inputs))
}

/// A process that measures rows for us. It ends when this is dropped.
struct Client {
    name: &'static str,
    process: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start(name: &'static str, command: &mut Command) -> Outcome<Self> {
        let failed = |error| format!("{name}: {error}");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(failed)?;
        let asked = process.stdin.take();
        let answers = process.stdout.take().ok_or_else(|| format!("{name} has no output"))?;
        Ok(Self { name, process, asked, answers: BufReader::new(answers) })
    }

    /// Nanoseconds an operation.
    fn sample(&mut self, row: &str, times: u64) -> Outcome<f64> {
        let mut ask = || {
            let mut answer = String::new();
            writeln!(self.asked.as_mut()?, "{row} {times}").ok()?;
            self.answers.read_line(&mut answer).ok()?;
            answer.trim().parse::<f64>().ok()
        };
        let nanos = ask().ok_or_else(|| format!("{} does not measure {row}", self.name))?;
        Ok(nanos / times as f64)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.asked.take());
        drop(self.process.wait());
    }
}
