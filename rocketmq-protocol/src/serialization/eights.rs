//! Looking for bytes in text, eight at a time: half of the work of writing and reading JSON headers is here.
//!
//! Marks are the top bits of bytes. The first byte that is looked for is marked for certain; what is marked behind it may not be one.

/// How many bytes lie before the first that `marks` marks.
#[inline(always)]
pub(super) fn length_until(text: &[u8], marks: impl Fn(u64) -> u64) -> usize {
    let mut length = 0;
    let (eights, tail) = text.as_chunks();
    for eight in eights {
        let marked = marks(u64::from_le_bytes(*eight)) & (ONES * 0x80);
        if marked != 0 {
            return length + marked.trailing_zeros() as usize / 8; // the first byte is the lowest
        }
        length += 8;
    }
    let unmarked = |byte: &&u8| marks(ONES * u64::from(**byte)) & 0x80 == 0;
    length + tail.iter().take_while(unmarked).count()
}

/// Marks what JSON has to escape: quotes, backslashes, control characters; and perhaps what is beyond ASCII.
#[inline(always)]
pub(super) fn specials(eight: u64) -> u64 {
    equal(eight, b'"') | equal(eight, b'\\') | below(eight, b' ')
}

/// Marks this byte; and perhaps what is beyond ASCII.
#[inline(always)]
pub(super) fn equal(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * u64::from(byte)), 1)
}

/// A byte below n turns its top bit on when n is taken away from it; the borrow disturbs later bytes only.
#[inline(always)]
fn below(eight: u64, n: u8) -> u64 {
    eight.wrapping_sub(ONES * u64::from(n))
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
