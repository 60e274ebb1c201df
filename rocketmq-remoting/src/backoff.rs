//! [`Backoff`]: how long an address rests after failures in a row.

use std::time::Duration;

/// How long an address rests before it is dialled again. There is no last attempt.
///
/// The default keeps three promises. Nobody is dialled twice within a second. A peer that was away for 20 s is found at
/// most 5 s after it is back, with no more than ten attempts until then; one that stays away for a minute has been tried
/// a dozen times, and is found within ten seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// The rest after the first, the second, … failure in a row; the last repeats for ever.
    /// Default: 1, 2, five times 4, then 8.5 seconds. Empty means no rest.
    pub rests: Vec<Duration>,
    /// Each rest is made longer at random by up to this many percent, so that clients that lost a peer together do not
    /// come back together. Default: 15.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            rests: [1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 8.5].map(Duration::from_secs_f64).to_vec(),
            jitter_percent: 15,
        }
    }
}

impl Backoff {
    /// The rest after `failures` in a row; `chance` in `0.0..1.0` picks the jitter.
    pub(crate) fn rest(&self, failures: u32, chance: f64) -> Duration {
        let index = (failures.max(1) - 1) as usize;
        let rest = self.rests.get(index).or_else(|| self.rests.last()).copied().unwrap_or_default();
        let jitter = f64::from(self.jitter_percent.min(100)) / 100.0;
        rest.mul_f64(1.0 + jitter * chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(backoff: &Backoff, chance: f64) -> Vec<f64> {
        let mut at = 0.0;
        (1..30)
            .map(|failures| {
                let attempt = at;
                at += backoff.rest(failures, chance).as_secs_f64();
                attempt
            })
            .collect()
    }

    #[test]
    fn the_default_keeps_its_promises() {
        for chance in [0.0, 0.5, 0.999] {
            let attempts = attempts(&Backoff::default(), chance);
            let until = |end: f64| attempts.iter().filter(|at| **at < end).count();
            assert!(until(20.0) <= 10, "{attempts:?}");
            assert!((11..=13).contains(&until(60.0)), "{attempts:?}");
            assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= 1.0), "{attempts:?}");
            let found = attempts.iter().find(|at| **at >= 20.0).unwrap();
            assert!(found - 20.0 <= 5.0, "{attempts:?}");
        }
        assert_eq!(
            attempts(&Backoff::default(), 0.0)[..9],
            [0.0, 1.0, 3.0, 7.0, 11.0, 15.0, 19.0, 23.0, 31.5]
        );
    }

    #[test]
    fn it_never_ends_and_never_overflows() {
        let backoff = Backoff { jitter_percent: 500, ..Backoff::default() };
        assert_eq!(backoff.rest(u32::MAX, 0.0), Duration::from_secs_f64(8.5));
        assert_eq!(backoff.rest(0, 1.0), Duration::from_secs(2), "twice as long at most");
        let none = Backoff { rests: Vec::new(), jitter_percent: 0 };
        assert_eq!(none.rest(3, 0.9), Duration::ZERO);
    }
}
