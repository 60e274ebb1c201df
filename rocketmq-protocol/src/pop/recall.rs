//! [`RecallHandle`]: what takes a timer message back.

use std::{fmt, str::FromStr};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use thiserror::Error;

const VERSION: &str = "v1";

/// Java's decoder does not ask for the padding, and its encoder writes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What takes a timer message back, as the answer to its sending says (`common/producer/RecallMessageHandle.java`, 5.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallHandle {
    /// The topic it will be delivered to.
    pub topic: String,
    /// The broker that holds it.
    pub broker_name: String,
    /// When it is due, in milliseconds since 1970.
    pub deliver_time: i64,
    /// The id made by its producer.
    pub message_id: String,
}

/// A text that is no recall handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a recall handle: `v1`, topic, broker, time and message id, in URL-safe Base64, are")]
pub struct InvalidRecallHandle;

impl FromStr for RecallHandle {
    type Err = InvalidRecallHandle;

    fn from_str(text: &str) -> Result<Self, InvalidRecallHandle> {
        let decoded = BASE64.decode(text).map_err(|_| InvalidRecallHandle)?;
        let decoded = String::from_utf8(decoded).map_err(|_| InvalidRecallHandle)?;
        let mut parts = decoded.split(' ');
        let mut next = || parts.next().ok_or(InvalidRecallHandle);
        if next()? != VERSION {
            return Err(InvalidRecallHandle);
        }
        Ok(Self {
            topic: next()?.to_owned(),
            broker_name: next()?.to_owned(),
            deliver_time: next()?.parse().map_err(|_| InvalidRecallHandle)?,
            message_id: next()?.to_owned(),
        })
    }
}

impl fmt::Display for RecallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, broker_name, deliver_time, message_id } = self;
        let text = format!("{VERSION} {topic} {broker_name} {deliver_time} {message_id}");
        f.write_str(&BASE64.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_have_the_form_of_java() {
        let handle = RecallHandle {
            topic: "TopicTest".into(),
            broker_name: "broker-a".into(),
            deliver_time: 1_700_000_060_001,
            message_id: "7F0000010F1C18B4AAC2000186A00000".into(),
        };
        let text = "djEgVG9waWNUZXN0IGJyb2tlci1hIDE3MDAwMDAwNjAwMDEgN0YwMDAwMDEwRjFDMThCNEFBQzIwMDAxODZBMDAwMDA=";
        assert_eq!(handle.to_string(), text);
        assert_eq!(text.parse(), Ok(handle.clone()));
        assert_eq!(text.trim_end_matches('=').parse(), Ok(handle));
    }

    #[test]
    fn other_texts_are_no_handles() {
        for text in
            ["", "x", "!!!!", "djE=", "djIgdCBiIDEgaQ==", "djEgdCBiIDE=", "djEgdCBiIDEgaQ==\n"]
        {
            assert_eq!(text.parse::<RecallHandle>(), Err(InvalidRecallHandle), "{text}");
        }
    }
}
