//! Delay levels: the ladder of waiting times that a broker has.

use std::time::Duration;

/// The ladder of waiting times of a broker, level 1 first (`messageDelayLevel`, `store/config/MessageStoreConfig.java`).
///
/// Clients cannot see how a broker is set up; the default is what almost all are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayLevels(Vec<Duration>);

impl Default for DelayLevels {
    /// 1s 5s 10s 30s, 1m to 10m, 20m 30m, 1h 2h.
    fn default() -> Self {
        const SECONDS: [u64; 18] = [
            1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600,
            7_200,
        ];
        Self(SECONDS.map(Duration::from_secs).into())
    }
}

impl DelayLevels {
    /// Reads a broker's setting: numbers with `s`, `m`, `h` or `d`, separated by single blanks. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let level = |text: &str| {
            let seconds = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
            let (number, unit) = seconds
                .iter()
                .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)))?;
            Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(unit)?))
        };
        text.split(' ').map(level).collect::<Option<_>>().map(Self)
    }

    /// The waiting time of a level. Levels beyond the last wait as long as the last; there is none below 1.
    pub fn wait(&self, level: i32) -> Option<Duration> {
        let level = usize::try_from(level).ok()?.min(self.0.len());
        self.0.get(level.checked_sub(1)?).copied()
    }

    /// The highest level.
    pub fn max_level(&self) -> usize {
        self.0.len()
    }

    /// The lowest level that waits at least this long.
    pub fn at_least(&self, wait: Duration) -> Option<usize> {
        self.0.iter().position(|level| *level >= wait).map(|at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_java_has() {
        let text = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";
        assert_eq!(DelayLevels::parse(text), Some(DelayLevels::default()));
    }

    #[test]
    fn levels_wait() {
        let levels = DelayLevels::parse("1s 1m 1d").unwrap();
        let seconds = |level| levels.wait(level).map(|wait| wait.as_secs());
        assert_eq!(
            [-1, 0, 1, 2, 3, 4].map(seconds),
            [None, None, Some(1), Some(60), Some(86_400), Some(86_400)]
        );
        assert_eq!(levels.at_least(Duration::from_secs(2)), Some(2));
        assert_eq!(levels.at_least(Duration::from_secs(86_401)), None);
        for wrong in ["", "s", "10", "1x", "1s  2s", "1.5s"] {
            assert_eq!(DelayLevels::parse(wrong), None, "{wrong}");
        }
    }
}
