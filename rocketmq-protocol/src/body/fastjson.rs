//! fastjson's dialect, rewritten as JSON.
//!
//! fastjson writes the keys of a map as values: numbers and words stand without quotes, and a key that is an object stands as
//! that object, `{{"brokerName":"a","queueId":0,"topic":"t"}:5}`. A bare key gets quotes here, and an object key becomes the
//! string of its JSON, which is how other writers express the same map.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while, take_while1},
    character::complete::one_of,
    combinator::recognize,
    error::{Error, ErrorKind},
};

use super::DecodeBodyError;

/// Deeper nesting is no body of any server.
const DEPTH_MAX: usize = 64;

type Parsed<'a, T = ()> = IResult<&'a [u8], T>;

pub(super) fn normalise(input: &[u8]) -> Result<Vec<u8>, DecodeBodyError> {
    let mut output = Vec::with_capacity(input.len() + input.len() / 8);
    let at = |rest: &[u8]| input.len() - rest.len();
    match value(input, &mut output, 0).and_then(|(rest, ())| blanks(rest)) {
        Ok(([], _)) => Ok(output),
        Ok((rest, _)) => {
            Err(DecodeBodyError::Syntax { at: at(rest), what: "text after the document" })
        }
        Err(nom::Err::Failure(error)) if error.code == ErrorKind::Verify => {
            Err(DecodeBodyError::Reference(at(error.input)))
        }
        Err(nom::Err::Failure(error)) if error.code == ErrorKind::TooLarge => {
            Err(DecodeBodyError::Syntax { at: at(error.input), what: "nested too deeply" })
        }
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => {
            Err(DecodeBodyError::Syntax { at: at(error.input), what: "unexpected text" })
        }
        Err(nom::Err::Incomplete(_)) => {
            Err(DecodeBodyError::Syntax { at: input.len(), what: "the document ends here" })
        }
    }
}

fn failure<T>(input: &[u8], kind: ErrorKind) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Error::new(input, kind)))
}

fn blanks(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(|byte: u8| byte.is_ascii_whitespace() || byte == 0)(input)
}

fn value<'a>(input: &'a [u8], output: &mut Vec<u8>, depth: usize) -> Parsed<'a> {
    let (input, _) = blanks(input)?;
    if depth > DEPTH_MAX {
        return failure(input, ErrorKind::TooLarge);
    }
    match input.first() {
        Some(b'{') => object(input, output, depth),
        Some(b'[') => array(input, output, depth),
        _ => {
            let (rest, text) = alt((string, scalar)).parse(input)?;
            output.extend_from_slice(text);
            Ok((rest, ()))
        }
    }
}

/// A string with its quotes, as it stands.
fn string(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (body, _) = tag(&b"\""[..])(input)?;
    let mut escaped = false;
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(split(input, at + 2)),
            _ => {}
        }
    }
    failure(input, ErrorKind::Eof)
}

fn split(input: &[u8], at: usize) -> (&[u8], &[u8]) {
    let (text, rest) = input.split_at_checked(at).unwrap_or((input, &[]));
    (rest, text)
}

/// A number, `true`, `false` or `null`, as it stands.
fn scalar(input: &[u8]) -> Parsed<'_, &[u8]> {
    recognize(take_while1(|byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte)))
        .parse(input)
}

fn array<'a>(input: &'a [u8], output: &mut Vec<u8>, depth: usize) -> Parsed<'a> {
    sequence(input, output, b'[', b']', |input, output| value(input, output, depth + 1))
}

fn object<'a>(input: &'a [u8], output: &mut Vec<u8>, depth: usize) -> Parsed<'a> {
    sequence(input, output, b'{', b'}', |input, output| {
        let (input, ()) = key(input, output, depth + 1)?;
        let (input, _) = blanks(input)?;
        let (input, _) = tag(&b":"[..])(input)?;
        output.push(b':');
        value(input, output, depth + 1)
    })
}

/// Items between brackets, joined by commas.
fn sequence<'a>(
    input: &'a [u8],
    output: &mut Vec<u8>,
    open: u8,
    close: u8,
    mut item: impl FnMut(&'a [u8], &mut Vec<u8>) -> Parsed<'a>,
) -> Parsed<'a> {
    let (input, _) = tag(&[open][..])(input)?;
    output.push(open);
    let (mut input, _) = blanks(input)?;
    if input.first() == Some(&close) {
        output.push(close);
        return Ok((split(input, 1).0, ()));
    }
    loop {
        let (rest, ()) = item(input, output)?;
        let (rest, _) = blanks(rest)?;
        let ends = [b',', close];
        let (rest, found) = one_of(&ends[..])(rest)?;
        output.push(found as u8);
        if found == char::from(close) {
            return Ok((rest, ()));
        }
        input = blanks(rest)?.0;
    }
}

fn key<'a>(input: &'a [u8], output: &mut Vec<u8>, depth: usize) -> Parsed<'a> {
    match input.first() {
        Some(b'"') => {
            let (rest, text) = string(input)?;
            if text == b"\"$ref\"" {
                return failure(input, ErrorKind::Verify);
            }
            output.extend_from_slice(text);
            Ok((rest, ()))
        }
        Some(b'{') => {
            let mut inner = Vec::new();
            let (rest, ()) = value(input, &mut inner, depth)?;
            quote(&inner, output);
            Ok((rest, ()))
        }
        _ => {
            let (rest, text) = scalar(input)?;
            quote(text, output);
            Ok((rest, ()))
        }
    }
}

/// Writes JSON text as a JSON string. It has no control characters outside its own strings' escapes.
fn quote(text: &[u8], output: &mut Vec<u8>) {
    output.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            output.push(b'\\');
        }
        output.push(*byte);
    }
    output.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_becomes_json() {
        let check = |input: &str, expected: &str| {
            let output = normalise(input.as_bytes()).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(output.unwrap(), expected);
        };
        check(r#"{0:"a",-1:{"b":null}}"#, r#"{"0":"a","-1":{"b":null}}"#);
        check(r#"{true:1,"x":[1,2,{}]}"#, r#"{"true":1,"x":[1,2,{}]}"#);
        check(
            r#"{"t":{{"brokerName":"a","queueId":0}:5}}"#,
            r#"{"t":{"{\"brokerName\":\"a\",\"queueId\":0}":5}}"#,
        );
        check(" { \"a\" : 1 , \"b\" : [ ] } ", r#"{"a":1,"b":[]}"#);
        check(r#"{"a\"}":"\\"}"#, r#"{"a\"}":"\\"}"#);
    }

    #[test]
    fn what_is_neither_is_an_error_with_its_place() {
        let check = |input: &str, expected: &str| {
            assert_eq!(normalise(input.as_bytes()).unwrap_err().to_string(), expected, "{input}");
        };
        check("{", "a body that is no JSON, at byte 1: unexpected text");
        check(r#"{"a":1}}"#, "a body that is no JSON, at byte 7: text after the document");
        check(r#"{"a":"x"#, "a body that is no JSON, at byte 5: unexpected text");
        check(r#"{0:{"$ref":"$"}}"#, "a body with a reference (`$ref`) at byte 4");
        check(&"[".repeat(100), "a body that is no JSON, at byte 65: nested too deeply");
        check(&"{{".repeat(100), "a body that is no JSON, at byte 65: nested too deeply");
    }
}
