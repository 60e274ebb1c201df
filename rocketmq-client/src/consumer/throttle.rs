//! [`Throttle`]: no more messages a second than wanted.

use std::time::{Duration, Instant};

/// A bucket that fills by the second and holds what one second brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttle {
    per_second: f64,
    level: f64,
    filled: Instant,
}

impl Throttle {
    pub(super) fn new(now: Instant, per_second: f64) -> Self {
        Self { per_second, level: per_second.max(1.0), filled: now }
    }

    /// How many of `wanted` may go now.
    pub(super) fn allow(&mut self, now: Instant, wanted: usize) -> usize {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.level = (self.level + passed * self.per_second).min(self.per_second.max(1.0));
        wanted.min(self.level as usize)
    }

    /// So many have gone.
    pub(super) fn spend(&mut self, count: usize) {
        self.level -= count as f64;
    }

    /// When the next one may go.
    pub(super) fn next(&self) -> Instant {
        let missing = (1.0 - self.level).max(0.0);
        self.filled + Duration::from_secs_f64((missing / self.per_second).min(60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_so_many() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(now, 10.0);
        assert_eq!(throttle.allow(now, 99), 10);
        throttle.spend(10);
        assert_eq!(throttle.allow(now, 99), 0);
        assert_eq!(throttle.next(), now + Duration::from_millis(100));
        now += Duration::from_millis(500);
        assert_eq!(throttle.allow(now, 99), 5);
        now += Duration::from_secs(60);
        assert_eq!(throttle.allow(now, 99), 10, "what was not used is lost");
    }

    #[test]
    fn less_than_one_a_second_is_a_rate_too() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(now, 0.5);
        assert_eq!(throttle.allow(now, 9), 1);
        throttle.spend(1);
        now += Duration::from_secs(1);
        assert_eq!(throttle.allow(now, 9), 0);
        now += Duration::from_secs(1);
        assert_eq!(throttle.allow(now, 9), 1);
    }
}
