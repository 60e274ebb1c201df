//! [`Report`]: the line of figures.

use std::{fs, io, time::Duration};

use rocketmq_benches::cpu::process_time;
use tokio::time::Instant;

use crate::job::Job;

/// What a piece of work came to.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) job: &'a Job,
    pub(crate) messages: u64,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) ok: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

impl Report<'_> {
    pub(crate) fn print(mut self) {
        self.latencies.sort_unstable();
        let micros = |share: f64| {
            let nth = (self.latencies.len() as f64 * share) as usize;
            let last = self.latencies.len().saturating_sub(1);
            self.latencies.get(nth.min(last)).map_or(0, Duration::as_micros)
        };
        let (work, size, concurrency) = (&self.job.work, self.job.size, self.job.concurrency);
        let (wall, cpu, messages) =
            (self.wall.as_secs_f64(), self.cpu.as_secs_f64(), self.messages as f64);
        println!(
            "{{\"peer\":\"ours\",\"work\":\"{work}\",\"n\":{messages},\"size\":{size},\"conc\":{concurrency},\
             \"wall_s\":{wall:.4},\"cpu_s\":{cpu:.4},\"cpu_us_per_msg\":{:.3},\"msgs_per_s\":{:.0},\
             \"p50_us\":{},\"p99_us\":{},\"p999_us\":{},\"rss_peak_kb\":{},\"ok\":{},\"lost\":{},\"dup\":{}}}",
            cpu * 1e6 / messages,
            messages / wall,
            micros(0.5),
            micros(0.99),
            micros(0.999),
            peak_rss_kib().unwrap_or(0),
            self.ok,
            self.lost,
            self.repeated,
        );
    }

    pub(crate) fn unsupported(work: &str) {
        println!("{{\"peer\":\"ours\",\"work\":\"{work}\",\"unsupported\":true}}");
    }
}

/// A moment, on the clock and in CPU time of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    cpu: Duration,
}

impl Mark {
    pub(crate) fn now() -> io::Result<Self> {
        Ok(Self { at: Instant::now(), cpu: process_time()? })
    }

    pub(crate) fn cpu_until(self, later: Self) -> Duration {
        later.cpu.saturating_sub(self.cpu)
    }
}

fn peak_rss_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
