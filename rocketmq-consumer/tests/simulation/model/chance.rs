//! [`Chance`]: numbers that decide, from a seed or from bytes.

use std::collections::VecDeque;

/// Draws numbers. The same beginning gives the same numbers.
#[derive(Debug)]
pub(crate) struct Chance {
    /// Drawn from first: two bytes a number.
    bytes: VecDeque<u8>,
    state: u64,
}

impl Chance {
    pub(crate) fn of_seed(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9;
        Self { bytes: VecDeque::new(), state }
    }

    /// When the bytes are used up, numbers go on as from a seed.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.iter().copied().collect(), ..Self::of_seed(bytes.len() as u64) }
    }

    fn next(&mut self) -> u64 {
        if let Some(high) = self.bytes.pop_front() {
            return u64::from(u16::from_be_bytes([high, self.bytes.pop_front().unwrap_or(0)]));
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }
}
