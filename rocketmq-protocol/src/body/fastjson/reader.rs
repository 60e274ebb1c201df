//! Reads the dialect straight into types.
//!
//! What servers and other clients do differently is forgiven here, once, and not by every type: members that are null count
//! as absent, numbers may come as text and text as numbers.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::syntax::{self, Word};
use crate::body::DecodeBodyError;

/// Deeper nesting is no body of any server.
const DEPTH_MAX: usize = 64;

/// Reads a whole document.
pub(in crate::body) fn read<'de, T: Deserialize<'de>>(
    text: &'de str,
) -> Result<T, DecodeBodyError> {
    let mut reader = Reader { rest: text, depth: 0 };
    let value = T::deserialize(&mut reader).and_then(|value| {
        reader.rest = syntax::blanks(reader.rest);
        if reader.rest.is_empty() {
            Ok(value)
        } else {
            Err(Failure::Syntax("text after the document"))
        }
    });
    value.map_err(|failure| failure.at(text.len() - reader.rest.len()))
}

/// What is left of the text.
struct Reader<'de> {
    rest: &'de str,
    depth: usize,
}

/// What went wrong, wherever the reader is.
#[derive(Debug)]
enum Failure {
    Syntax(&'static str),
    Reference,
    Shape(String),
}

impl Failure {
    fn shape(what: &str) -> Self {
        Self::Shape(what.to_owned())
    }

    fn at(self, at: usize) -> DecodeBodyError {
        match self {
            Self::Syntax(what) => DecodeBodyError::Syntax { at, what },
            Self::Reference => DecodeBodyError::Reference(at),
            Self::Shape(what) => DecodeBodyError::Shape { at, what },
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::Reference => f.write_str("a reference"),
            Self::Shape(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Shape(message.to_string())
    }
}

impl<'de> Reader<'de> {
    /// The first character of what comes next.
    fn peek(&mut self) -> Option<u8> {
        self.rest = syntax::blanks(self.rest);
        self.rest.as_bytes().first().copied()
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn word(&mut self) -> Result<Word<'de>, Failure> {
        if self.peek().is_none() {
            return Err(Failure::Syntax("the document ends here"));
        }
        let (rest, word) =
            syntax::word(self.rest).map_err(|_| Failure::Syntax("unexpected text"))?;
        self.rest = rest;
        Ok(word)
    }

    /// Any value, unread.
    fn skip(&mut self) -> Result<&'de str, Failure> {
        self.rest = syntax::blanks(self.rest);
        let skipped = syntax::skip(self.rest, DEPTH_MAX - self.depth);
        let (rest, value) = skipped.map_err(|error| match error {
            nom::Err::Failure(_) => Failure::Syntax("nested too deeply"),
            _ => Failure::Syntax("unexpected text"),
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// Takes a null, if one is next.
    fn null(&mut self) -> bool {
        match self.peek().map(|_| syntax::word(self.rest)) {
            Some(Ok((rest, word))) if word.is_null() => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads what is between brackets.
    fn nested<T>(
        &mut self,
        open: u8,
        close: u8,
        read: impl FnOnce(&mut Items<'_, 'de>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !self.eat(open) {
            return Err(Failure::shape(if open == b'{' {
                "an object is missing"
            } else {
                "a list is missing"
            }));
        }
        if self.depth == DEPTH_MAX {
            return Err(Failure::Syntax("nested too deeply"));
        }
        self.depth += 1;
        let mut items = Items { reader: self, close, first: true };
        let value = read(&mut items)?;
        if items.next()? {
            return Err(Failure::shape("more elements than expected"));
        }
        self.depth -= 1;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        self.nested(b'{', b'}', |items| visitor.visit_map(items))
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        self.nested(b'[', b']', |items| visitor.visit_seq(items))
    }
}

/// Walks what is between brackets. Its closing one ends it.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    close: u8,
    first: bool,
}

impl Items<'_, '_> {
    /// Whether there is another item, which is next then. Otherwise the closing bracket is taken; asking again is no harm.
    fn next(&mut self) -> Result<bool, Failure> {
        if self.close == 0 {
            return Ok(false);
        }
        if self.reader.eat(self.close) {
            self.close = 0;
            return Ok(false);
        }
        if !self.first && !self.reader.eat(b',') {
            return Err(Failure::Syntax(if self.reader.rest.is_empty() {
                "the document ends here"
            } else {
                "a comma or a closing bracket is missing"
            }));
        }
        self.first = false;
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        while self.next()? {
            let key = match self.reader.peek() {
                Some(b'{') => Cow::Borrowed(self.reader.skip()?),
                _ => self.reader.word()?.into_text(),
            };
            if key == "$ref" {
                return Err(Failure::Reference);
            }
            if !self.reader.eat(b':') {
                return Err(Failure::Syntax("a colon is missing"));
            }
            if !self.reader.null() {
                return seed.deserialize(Scalar(Word::Text(key))).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        while self.next()? {
            if !self.reader.null() {
                return seed.deserialize(&mut *self.reader).map(Some);
            }
        }
        Ok(None)
    }
}

/// A word as whatever is asked for.
struct Scalar<'de>(Word<'de>);

impl<'de> Scalar<'de> {
    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.0.into_text();
        if let Ok(number) = text.parse::<i64>() {
            return visitor.visit_i64(number);
        }
        match text.parse::<f64>() {
            // Java cuts fractions off as well.
            Ok(number) if number.is_finite() => visitor.visit_i64(number as i64),
            _ => Err(Failure::shape("a number is missing")),
        }
    }
}

impl<'de> Deserializer<'de> for Scalar<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Word::Bare("true") => visitor.visit_bool(true),
            Word::Bare("false") => visitor.visit_bool(false),
            Word::Bare("null") => visitor.visit_unit(),
            Word::Bare(text) if text.parse::<i64>().is_err() => {
                let number = text.parse::<f64>();
                visitor.visit_f64(number.map_err(|_| Failure::Syntax("unexpected text"))?)
            }
            Word::Bare(_) => self.number(visitor),
            Word::Text(_) => self.deserialize_str(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0.into_text() {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.number(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let number = self.0.into_text().parse();
        visitor.visit_f64(number.map_err(|_| Failure::shape("a number is missing"))?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &*self.0.into_text() {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            _ => Err(Failure::shape("true or false is missing")),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Takes the next word and reads it as a scalar of this kind.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            Scalar(self.word()?).$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.peek() {
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.array(visitor),
            _ => Scalar(self.word()?).deserialize_any(visitor),
        }
    }

    scalars! { deserialize_bool deserialize_i32 deserialize_i64 deserialize_f64 deserialize_str deserialize_string }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.array(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.object(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(self.word()?.into_text().into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
