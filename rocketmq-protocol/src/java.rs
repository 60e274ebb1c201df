//! What Java's strings do, where the wire depends on it.

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
