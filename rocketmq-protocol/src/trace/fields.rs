//! The fields of a record, as they lie in its text.

use std::{borrow::Cow, str::FromStr};

use thiserror::Error;

use super::MessageType;

/// Ends a field.
pub(super) const FIELD_END: char = '\u{1}';
/// What Java writes for a text that is not there.
pub(super) const NULL: &str = "null";

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceDamage {
    /// A later release may know it.
    #[error("its type is unknown")]
    UnknownType,
    /// It ends too early.
    #[error("it lacks field {0}")]
    Missing(usize),
    /// A field is not what it should be.
    #[error("its field {0} is malformed")]
    Malformed(usize),
}

/// More than any record has: what follows is of no interest.
const FIELDS_MAX: usize = 16;

/// The texts between the separators.
pub(super) struct Fields<'a> {
    texts: [&'a str; FIELDS_MAX],
    len: usize,
}

impl<'a> Fields<'a> {
    /// Java's split drops empty fields at the end.
    pub(super) fn of(record: &'a str) -> Self {
        let mut fields = Self { texts: [""; FIELDS_MAX], len: 0 };
        let found = record.trim_end_matches(FIELD_END).split(FIELD_END);
        for (place, text) in fields.texts.iter_mut().zip(found) {
            *place = text;
            fields.len += 1;
        }
        fields
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: usize) -> Option<&'a str> {
        self.texts.get(..self.len)?.get(at).copied()
    }

    fn required(&self, at: usize) -> Result<&'a str, TraceDamage> {
        self.get(at).ok_or(TraceDamage::Missing(at))
    }

    pub(super) fn text(&self, at: usize) -> Result<Cow<'a, str>, TraceDamage> {
        self.required(at).map(Cow::Borrowed)
    }

    pub(super) fn nullable(&self, at: usize) -> Result<Option<Cow<'a, str>>, TraceDamage> {
        Ok(Some(self.text(at)?).filter(|text| text != NULL))
    }

    pub(super) fn number<T: FromStr>(&self, at: usize) -> Result<T, TraceDamage> {
        self.required(at)?.parse().map_err(|_| TraceDamage::Malformed(at))
    }

    pub(super) fn message_type(&self, at: usize) -> Result<MessageType, TraceDamage> {
        MessageType::from_number(self.number(at)?).ok_or(TraceDamage::Malformed(at))
    }
}
