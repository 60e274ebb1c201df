//! The configuration of a server, as text.

use std::{collections::BTreeMap, fmt::Write};

/// Reads a configuration: lines `key=value`, by the rules of `java.util.Properties`, from bytes that are Latin-1, as brokers
/// take them (`common/MixAll.java`, `string2Properties`). `None`: a malformed `\uXXXX`.
///
/// What a server answers is UTF-8, written without escapes: split that at line ends and at the first `=` instead.
pub fn parse(text: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let text: String = text.iter().copied().map(char::from).collect();
    for line in logical_lines(&text) {
        let end = end_of_key(&line);
        let (key, rest) = line.split_at_checked(end)?;
        let rest = rest.trim_start_matches(is_blank);
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank);
        found.insert(unescape(key)?, unescape(value)?);
    }
    Some(found)
}

/// Writes a configuration so that [`parse`] and Java read the same: with whatever they would take otherwise
/// escaped. (Java's own writer escapes nothing.)
pub fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        escape(key, true, &mut text);
        text.push('=');
        escape(value, false, &mut text);
        text.push('\n');
    }
    text
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Lines without comments, without what leads them, and with those joined that end in a backslash.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let line = line.trim_start_matches(is_blank);
        let starts = !std::mem::take(&mut continues);
        if starts && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        // An even number of them is backslashes that stand for themselves.
        continues = line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
        let line = if continues { line.strip_suffix('\\').unwrap_or(line) } else { line };
        match lines.last_mut().filter(|_| !starts) {
            Some(begun) => begun.push_str(line),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The key ends at the first separator that is not escaped.
fn end_of_key(line: &str) -> usize {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if !escaped && (is_blank(c) || matches!(c, '=' | ':')) {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    line.len()
}

fn unescape(text: &str) -> Option<String> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text.encode_utf16();
    while let Some(unit) = rest.next() {
        if unit != u16::from(b'\\') {
            units.push(unit);
            continue;
        }
        match rest.next().and_then(|unit| u8::try_from(unit).ok()) {
            Some(b'u') => {
                let digits: Option<Vec<u16>> = (0..4)
                    .map(|_| char::from(u8::try_from(rest.next()?).ok()?).to_digit(16))
                    .map(|digit| u16::try_from(digit?).ok())
                    .collect();
                units.push(digits?.into_iter().fold(0, |unit, digit| unit << 4 | digit));
            }
            Some(b't') => units.push(u16::from(b'\t')),
            Some(b'n') => units.push(u16::from(b'\n')),
            Some(b'r') => units.push(u16::from(b'\r')),
            Some(b'f') => units.push(0x0c),
            Some(other) => units.push(u16::from(other)),
            None => {}
        }
    }
    Some(String::from_utf16_lossy(&units))
}

fn escape(text: &str, is_key: bool, out: &mut String) {
    for (at, c) in text.chars().enumerate() {
        let special = match c {
            '\\' => true,
            '=' | ':' | '#' | '!' => is_key,
            c => is_blank(c) && (is_key || at == 0),
        };
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            ' '..='~' | '\t' | '\u{c}' => {
                out.extend(special.then_some('\\'));
                out.push(c);
            }
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn configurations_are_read_as_java_reads_them() {
        let check = |text: &str, key: &str, value: &str| {
            let found = parse(text.as_bytes()).unwrap();
            assert_eq!(found, [(key.to_owned(), value.to_owned())].into(), "{text:?}");
        };
        check("# c\n! d\n  a = 1", "a", "1");
        check("a=1\\\n  2", "a", "12");
        check("a\\==b", "a=", "b");
        check("a:1\r\n", "a", "1");
        check("a=\\u4e2d", "a", "中");
        assert_eq!(parse(b"a=\\u12"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key in "\\PC{1,12}", value in "[\\PC\\n\\r\\t]{0,24}") {
            let text = write([(key.as_str(), value.as_str())]);
            prop_assert!(text.is_ascii());
            prop_assert_eq!(parse(text.as_bytes()), Some([(key, value)].into()));
        }
    }
}
