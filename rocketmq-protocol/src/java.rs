//! What Java does with strings and times, where the wire depends on it.

use std::cmp::Ordering;

/// Java's `String.hashCode`: what brokers compare instead of tags.
pub fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Java's `String.compareTo`: by UTF-16 units, so that what lies beyond the first 65,536 characters comes before the last of
/// them.
pub fn string_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// Java's `String.trim`: without what is at most a blank in the order of characters, and with any other white space.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// A time, in milliseconds since 1970, as `yyyyMMddHHmmss`: how Java's consumers have and report `consumeTimestamp`
/// (`common/UtilAll.java`). In UTC; Java takes the zone of its machine.
pub fn date_time(millis: i64) -> String {
    let seconds = millis.div_euclid(1_000);
    let Date { year, month, day } = Date::of_day(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Date {
    /// The date of a day counted from 1 January 1970.
    ///
    /// Years are counted from March, so that the leap day is the last of a year; 146,097 days are 400 years.
    pub(crate) fn of_day(day: i64) -> Self {
        let day = day + 719_468;
        let of_era = day.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march_based = (5 * of_year + 2) / 153;
        let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
        Self {
            year: day.div_euclid(146_097) * 400 + year + i64::from(month <= 2),
            // Both are small.
            month: month as u8,
            day: (of_year - (153 * march_based + 2) / 5 + 1) as u8,
        }
    }
}

/// [`string_order`] of texts that have not been checked to be UTF-8, which mostly are ASCII.
#[cfg(feature = "acl")]
pub(crate) fn bytes_order(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    string_order(&String::from_utf8_lossy(a), &String::from_utf8_lossy(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        let check = |text, hash| assert_eq!(string_hash(text), hash, "{text}");
        check("", 0);
        check("TagA", 2_598_919);
        check("hello", 99_162_322);
        check("中文", 646_394);
        check("😀", 1_772_899);
        check("TagA || TagB", 1_359_775_119);
        check("AaAa", string_hash("BBBB"));
    }

    #[test]
    fn days_have_dates() {
        let check = |day, year, month, of_month| {
            assert_eq!(Date::of_day(day), Date { year, month, day: of_month }, "day {day}");
        };
        check(0, 1970, 1, 1);
        check(58, 1970, 2, 28);
        check(59, 1970, 3, 1);
        check(11_016, 2000, 2, 29);
        check(19_662, 2023, 11, 1);
        check(19_691, 2023, 11, 30);
        check(19_722, 2023, 12, 31);
        check(-1, 1969, 12, 31);
        assert_eq!(date_time(1_709_164_800_000), "20240229000000");
        assert_eq!(date_time(-1), "19691231235959");
    }

    #[test]
    fn only_the_old_blanks_are_trimmed() {
        assert_eq!(trim("\t a\u{0}"), "a");
        assert_eq!(trim("\u{a0}a\u{3000}"), "\u{a0}a\u{3000}");
    }

    #[test]
    fn strings_are_sorted_by_utf16_units() {
        assert_eq!(string_order("a", "b"), Ordering::Less);
        assert_eq!(string_order("a", "a\u{0}"), Ordering::Less);
        assert_eq!(string_order("😀", "\u{ffff}"), Ordering::Less);
        assert_eq!("😀".cmp("\u{ffff}"), Ordering::Greater);
    }
}
