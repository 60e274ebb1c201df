//! What a stretch of requests cost.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use rocketmq_benches::cpu::process_time;
use rocketmq_remoting::Channel;

/// What one round has shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Microseconds of CPU a request.
    pub(crate) cpu: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) per_second: f64,
    pub(crate) writes: f64,
    pub(crate) reads: f64,
}

#[derive(Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// Each figure's own median.
    pub(crate) fn median(&self) -> Sample {
        let of = |figure: fn(&Sample) -> f64| {
            let mut figures: Vec<f64> = self.0.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Sample {
            cpu: of(|sample| sample.cpu),
            p50: of(|sample| sample.p50),
            per_second: of(|sample| sample.per_second),
            writes: of(|sample| sample.writes),
            reads: of(|sample| sample.reads),
        }
    }
}

/// What a stretch of time cost.
pub(crate) struct Meter {
    cpu: Duration,
    pub(crate) began: Instant,
    stats: rocketmq_remoting::Stats,
}

impl Meter {
    pub(crate) fn start(channel: &Channel) -> Result<Self, Box<dyn Error>> {
        Ok(Self { cpu: process_time()?, began: Instant::now(), stats: channel.stats() })
    }

    pub(crate) fn stop(
        self,
        channel: &Channel,
        requests: usize,
        latencies: Vec<Duration>,
    ) -> Result<Sample, Box<dyn Error>> {
        let (stats, requests) = (channel.stats(), requests as f64);
        let mut sample = sample(self.cpu, self.began, requests, latencies)?;
        sample.writes = (stats.writes - self.stats.writes) as f64 / requests;
        sample.reads = (stats.reads - self.stats.reads) as f64 / requests;
        Ok(sample)
    }
}

pub(crate) fn sample(
    cpu: Duration,
    began: Instant,
    requests: f64,
    mut latencies: Vec<Duration>,
) -> Result<Sample, Box<dyn Error>> {
    let (elapsed, cpu) = (began.elapsed(), process_time()?.saturating_sub(cpu));
    latencies.sort_unstable();
    let p50 = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
    Ok(Sample {
        cpu: cpu.as_secs_f64() * 1e6 / requests,
        p50: p50.as_secs_f64() * 1e6,
        per_second: requests / elapsed.as_secs_f64(),
        writes: 0.0,
        reads: 0.0,
    })
}
