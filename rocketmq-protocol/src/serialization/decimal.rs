//! Integers as decimal text.

/// Room on the stack for the decimal text of any `i64`.
#[derive(Default)]
pub(super) struct Digits([u8; 20]);

impl Digits {
    /// Two digits a step, from the right.
    pub(super) fn format(&mut self, value: i64) -> &[u8] {
        let mut rest = value.unsigned_abs();
        let mut at = self.0.len();
        let (pairs, _) = self.0.as_chunks_mut::<2>();
        for pair in pairs.iter_mut().rev() {
            *pair = DIGIT_PAIRS[(rest % 100) as usize];
            at -= 2;
            rest /= 100;
            if rest == 0 {
                break;
            }
        }
        at += usize::from(self.0.get(at) == Some(&b'0'));
        if value < 0 {
            at -= 1;
            if let Some(place) = self.0.get_mut(at) {
                *place = b'-';
            }
        }
        self.0.get(at..).unwrap_or_default()
    }
}

/// `00` to `99`.
const DIGIT_PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// An integer as `str::parse` reads it: a sign perhaps, and one digit or more.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    // Below zero there is one number more.
    let below_zero = digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_sub(digit.into())
    })?;
    if negative { Some(below_zero) } else { below_zero.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_heap() {
        for value in [0, 7, -1, 10, 1_700_000_000_000, i64::MAX, i64::MIN] {
            assert_eq!(Digits::default().format(value), value.to_string().as_bytes());
        }
    }

    #[test]
    fn integers_are_read_as_everywhere() {
        for text in [
            "0",
            "-0",
            "+7",
            "007",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "",
            "-",
            "+",
            "+-1",
            "1 ",
            " 1",
            "1.0",
            "/",
            ":",
            "1\u{661}",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
