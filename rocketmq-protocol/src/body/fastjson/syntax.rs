//! The words of the dialect. Each parser takes one off the front of the text.

use std::borrow::Cow;

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while_m_n, take_while1},
    character::complete::one_of,
    combinator::{map, recognize},
    error::Error,
    multi::many0_count,
};

use crate::serialization::unescape;

/// A value that holds no others, or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// Between quotes, its escapes resolved.
    Text(Cow<'a, str>),
    /// Anything without quotes: a number, `true`, `false`, `null`.
    Bare(&'a str),
}

impl<'a> Word<'a> {
    pub(super) fn is_null(&self) -> bool {
        *self == Self::Bare("null")
    }

    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Bare(text) => Cow::Borrowed(text),
        }
    }
}

/// Blanks. Upstream's parsers forgive NULs too.
pub(super) fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n', '\0'])
}

pub(super) fn word(text: &str) -> IResult<&str, Word<'_>> {
    alt((map(quoted, |inside| Word::Text(resolve(inside))), map(bare, Word::Bare))).parse(text)
}

fn bare(text: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_alphanumeric() || "+-._".contains(c))(text)
}

/// The inside of a string.
fn quoted(text: &str) -> IResult<&str, &str> {
    let unicode = recognize((tag("u"), take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit())));
    let escape = recognize((tag("\\"), alt((unicode, recognize(one_of("\"\\/bfnrt"))))));
    let plain = take_while1(|c| c != '"' && c != '\\');
    let inside = recognize(many0_count(alt((plain, escape))));
    let (rest, (_, inside, _)) = (tag("\""), inside, tag("\"")).parse(text)?;
    Ok((rest, inside))
}

fn resolve(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    // The escapes have been checked, so that this turns UTF-8 into UTF-8.
    Cow::Owned(String::from_utf8(unescape(inside.as_bytes())).unwrap_or_default())
}

/// One whole value, nested ones included, without looking into it.
pub(super) fn skip(text: &str, depth: usize) -> IResult<&str, &str> {
    let mut open = 0_usize;
    let mut rest = text;
    loop {
        rest = blanks(rest);
        rest = match rest.as_bytes().first() {
            Some(b'{' | b'[') if open == depth => return too_deep(rest),
            Some(b'{' | b'[') => {
                open += 1;
                rest.get(1..).unwrap_or_default()
            }
            Some(b'}' | b']') if open > 0 => {
                open -= 1;
                rest.get(1..).unwrap_or_default()
            }
            Some(b':' | b',') if open > 0 => rest.get(1..).unwrap_or_default(),
            _ => alt((quoted, bare)).parse(rest)?.0,
        };
        if open == 0 {
            let length = text.len() - rest.len();
            return Ok((rest, text.get(..length).unwrap_or_default()));
        }
    }
}

fn too_deep<T>(text: &str) -> IResult<&str, T> {
    Err(nom::Err::Failure(Error::new(text, nom::error::ErrorKind::TooLarge)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_they_end() {
        let check = |text: &str, word_is: Word<'_>, rest: &str| {
            assert_eq!(word(text), Ok((rest, word_is)), "{text}");
        };
        check(r#""a\"}b",1"#, Word::Text("a\"}b".into()), ",1");
        check(r#""":"#, Word::Text("".into()), ":");
        check(r#""\ud83e\udd80\\""#, Word::Text("🦀\\".into()), "");
        check("-1:x", Word::Bare("-1"), ":x");
        check("1.0E-7}", Word::Bare("1.0E-7"), "}");
        check("null]", Word::Bare("null"), "]");
        for text in ["", "\"", "\"a", "\"a\\\"", "{", ",", "'a'", r#""\x""#, r#""\u12""#] {
            assert!(word(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_skipped_whole() {
        let check = |text: &str, value: &str| {
            assert_eq!(skip(text, 8).unwrap().1, value, "{text}");
        };
        check(r#"{"a":[1,{}],"}":2}:5"#, r#"{"a":[1,{}],"}":2}"#);
        check("[ ],1", "[ ]");
        check("17}", "17");
        assert!(skip(&"[".repeat(9), 8).is_err());
        assert!(skip("[", 8).is_err());
        assert!(skip("]", 8).is_err());
    }
}
