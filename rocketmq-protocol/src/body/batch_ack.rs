//! Acknowledging several popped messages at once (5.1.3).

use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected},
};

/// Java's decoder does not ask for the padding, and its encoder writes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Acknowledges popped messages of one broker (`BatchAckMessageRequestBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAckMessageRequestBody {
    /// One for each group of messages that were popped together.
    pub acks: Vec<BatchAck>,
    /// The broker.
    pub broker_name: String,
}

/// Messages of one queue that were popped together (`BatchAck.java`, whose members have one letter or two on the wire).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchAck {
    /// Which of them. Never written empty: brokers read that as null and fail.
    #[serde(rename = "b", alias = "bitSet", skip_serializing_if = "AckBits::is_empty")]
    pub bits: AckBits,
    /// The group.
    #[serde(rename = "c", alias = "consumerGroup")]
    pub consumer_group: String,
    /// How long they stay out, in milliseconds.
    #[serde(rename = "it", alias = "invisibleTime")]
    pub invisible_time: i64,
    /// Milliseconds since 1970, by the broker's clock.
    #[serde(rename = "pt", alias = "popTime")]
    pub pop_time: i64,
    /// The number of the queue.
    #[serde(rename = "q", alias = "queueId")]
    pub queue_id: i32,
    /// `0`: of the topic; `1`, `2`: of its retry topic of the first or second kind.
    #[serde(rename = "r", alias = "retry")]
    pub retry: String,
    /// The queue in which the broker keeps what was popped.
    #[serde(rename = "rq", alias = "reviveQueueId")]
    pub revive_queue_id: i32,
    /// The offset that bit 0 stands for.
    #[serde(rename = "so", alias = "startOffset")]
    pub start_offset: i64,
    /// The topic, even if they are of its retry topic.
    #[serde(rename = "t", alias = "topic")]
    pub topic: String,
}

/// Offsets from a first one on, one bit each (`BitSetSerializerDeserializer.java`). On the wire it is base64 of bytes, lowest
/// bit first, without zero bytes at the end.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AckBits(Vec<u8>);

impl AckBits {
    /// Offsets that one set may span: more are no messages that were popped together.
    const SPAN_MAX: u32 = 1 << 16;

    /// Adds the offset that is `distance` from the first. Those beyond 65,535 are none of the set: returns false.
    pub fn insert(&mut self, distance: u32) -> bool {
        if distance >= Self::SPAN_MAX {
            return false;
        }
        let at = (distance / 8) as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        if let Some(byte) = self.0.get_mut(at) {
            *byte |= 1 << (distance % 8);
        }
        true
    }

    /// The distances from the first offset, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.0).flat_map(|(at, byte)| {
            (0..8_u32).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit)
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

impl FromIterator<u32> for AckBits {
    fn from_iter<I: IntoIterator<Item = u32>>(distances: I) -> Self {
        let mut bits = Self::default();
        for distance in distances {
            bits.insert(distance);
        }
        bits
    }
}

impl fmt::Debug for AckBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for AckBits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for AckBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unexpected = || D::Error::invalid_value(Unexpected::Str(&text), &"base64");
        let mut bytes = BASE64.decode(&text).map_err(|_| unexpected())?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;

    #[test]
    fn offsets_are_bits() {
        let bits: AckBits = [0, 2, 9, 15].into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 2, 9, 15]);
        assert_eq!(serde_json::to_string(&bits).unwrap(), r#""BYI=""#);
        assert_eq!(serde_json::from_str::<AckBits>(r#""BYIAAA==""#).unwrap(), bits);
        assert_eq!(serde_json::from_str::<AckBits>(r#""BYI""#).unwrap(), bits);
        assert!(serde_json::from_str::<AckBits>(r#""B!I=""#).is_err());
        assert!(!AckBits::default().insert(1 << 16));
    }

    #[test]
    fn an_empty_set_is_left_out() {
        let text = body::encode(&BatchAck::default());
        assert!(!text.windows(4).any(|part| part == br#""b":"#));
    }
}
