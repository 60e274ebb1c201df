//! [`Random`]: numbers from a seed, for spreading timers apart.

use std::time::Duration;

/// SplitMix64: enough to keep members of a group out of step.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// This duration, less up to a tenth of it.
    pub(crate) fn shorten(&mut self, duration: Duration) -> Duration {
        let tenth = (duration.as_millis() as u64 / 10).max(1);
        duration.saturating_sub(Duration::from_millis(self.next() % tenth))
    }
}
