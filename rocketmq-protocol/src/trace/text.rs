//! Records as text: fields that end at 0x01, records that end at 0x02.

use std::{borrow::Cow, fmt::Write};

use thiserror::Error;

use super::{
    EndTransactionTrace, ProducedMessage, PubTrace, RecallTrace, SubAfterTrace, SubBeforeTrace,
    TraceDamage, TraceRecord, TransactionState,
    fields::{FIELD_END, Fields, NULL},
};

const RECORD_END: char = '\u{2}';

impl TraceRecord<'_> {
    /// Appends the record. Texts must not have the separators in them, as properties never do.
    pub fn encode(&self, text: &mut String) {
        match self {
            Self::Pub(record) => record.encode(text),
            Self::SubBefore(record) => record.encode(text),
            Self::SubAfter(record) => record.encode(text),
            Self::EndTransaction(record) => record.encode(text),
            Self::Recall(record) => record.encode(text),
        }
        text.push(RECORD_END);
    }
}

/// Appends fields, each with a separator before it.
macro_rules! write_fields {
    ($text:expr, $($field:expr),* $(,)?) => {{
        $({
            let _infallible = write!($text, "{FIELD_END}{}", $field);
        })*
    }};
}

fn or_null<'a>(text: &'a Option<Cow<'_, str>>) -> &'a str {
    text.as_deref().unwrap_or(NULL)
}

impl ProducedMessage<'_> {
    /// Appends all but the type, whose place depends on the record.
    fn encode(&self, text: &mut String) {
        write_fields!(
            text,
            self.timestamp,
            self.region_id,
            self.group,
            self.topic,
            self.message_id,
            or_null(&self.tags),
            or_null(&self.keys),
            self.store_host,
        );
    }

    fn decode<'a>(fields: &Fields<'a>, type_at: usize) -> Result<ProducedMessage<'a>, TraceDamage> {
        Ok(ProducedMessage {
            timestamp: fields.number(1)?,
            region_id: fields.text(2)?,
            group: fields.text(3)?,
            topic: fields.text(4)?,
            message_id: fields.text(5)?,
            tags: fields.nullable(6)?,
            keys: fields.nullable(7)?,
            store_host: fields.text(8)?,
            message_type: fields.message_type(type_at)?,
        })
    }
}

impl PubTrace<'_> {
    fn encode(&self, text: &mut String) {
        text.push_str("Pub");
        self.message.encode(text);
        write_fields!(
            text,
            self.body_length,
            self.cost_time,
            self.message.message_type as i32,
            or_null(&self.offset_message_id),
            self.success,
        );
        if let Some(host) = &self.client_host {
            write_fields!(text, host);
        }
    }

    fn decode<'a>(fields: &Fields<'a>) -> Result<PubTrace<'a>, TraceDamage> {
        // Older clients do not say where the message is stored.
        let at = match fields.len() {
            ..14 => None,
            _ => Some(12),
        };
        let success = at.map_or(12, |at| at + 1);
        Ok(PubTrace {
            message: ProducedMessage::decode(fields, 11)?,
            body_length: fields.number(9)?,
            cost_time: fields.number(10)?,
            offset_message_id: at.map(|at| fields.nullable(at)).transpose()?.flatten(),
            success: fields.get(success).is_none_or(is_true),
            client_host: fields.get(14).map(Cow::Borrowed),
        })
    }
}

impl SubBeforeTrace<'_> {
    fn encode(&self, text: &mut String) {
        // Java's reader stumbles over an empty last field, and drops every record of the message.
        let keys = self.keys.as_deref().filter(|keys| !keys.is_empty()).unwrap_or(NULL);
        text.push_str("SubBefore");
        write_fields!(
            text,
            self.timestamp,
            self.region_id,
            self.group,
            self.request_id,
            self.message_id,
            self.retry_times,
            keys,
        );
    }

    fn decode<'a>(fields: &Fields<'a>) -> Result<SubBeforeTrace<'a>, TraceDamage> {
        Ok(SubBeforeTrace {
            timestamp: fields.number(1)?,
            region_id: fields.text(2)?,
            group: fields.text(3)?,
            request_id: fields.text(4)?,
            message_id: fields.text(5)?,
            retry_times: fields.number(6)?,
            keys: if fields.len() > 7 { fields.nullable(7)? } else { None },
        })
    }
}

impl SubAfterTrace<'_> {
    fn encode(&self, text: &mut String) {
        text.push_str("SubAfter");
        write_fields!(
            text,
            self.request_id,
            self.message_id,
            self.cost_time,
            self.success,
            or_null(&self.keys),
            self.context_code,
        );
        match &self.at {
            Some((timestamp, group)) => write_fields!(text, timestamp, group),
            None => text.push(FIELD_END),
        }
    }

    fn decode<'a>(fields: &Fields<'a>) -> Result<SubAfterTrace<'a>, TraceDamage> {
        let code = (fields.len() > 6).then(|| fields.number(6)).transpose()?;
        let at = (fields.len() > 8).then(|| Ok((fields.number(7)?, fields.text(8)?)));
        Ok(SubAfterTrace {
            request_id: fields.text(1)?,
            message_id: fields.text(2)?,
            cost_time: fields.number(3)?,
            success: is_true(&fields.text(4)?),
            keys: fields.nullable(5)?,
            context_code: code.unwrap_or(0),
            at: at.transpose()?,
        })
    }
}

impl EndTransactionTrace<'_> {
    fn encode(&self, text: &mut String) {
        text.push_str("EndTransaction");
        self.message.encode(text);
        write_fields!(
            text,
            self.message.message_type as i32,
            or_null(&self.transaction_id),
            self.state.as_str(),
            self.from_check,
        );
    }

    fn decode<'a>(fields: &Fields<'a>) -> Result<EndTransactionTrace<'a>, TraceDamage> {
        let state = fields.text(11)?;
        let known = |known: &TransactionState| known.as_str() == state;
        Ok(EndTransactionTrace {
            message: ProducedMessage::decode(fields, 9)?,
            transaction_id: fields.nullable(10)?,
            state: TransactionState::ALL
                .into_iter()
                .find(known)
                .ok_or(TraceDamage::Malformed(11))?,
            from_check: is_true(&fields.text(12)?),
        })
    }
}

impl RecallTrace<'_> {
    fn encode(&self, text: &mut String) {
        text.push_str("Recall");
        write_fields!(
            text,
            self.timestamp,
            self.region_id,
            self.group,
            self.topic,
            self.message_id,
            self.success,
        );
    }

    fn decode<'a>(fields: &Fields<'a>) -> Result<RecallTrace<'a>, TraceDamage> {
        Ok(RecallTrace {
            timestamp: fields.number(1)?,
            region_id: fields.text(2)?,
            group: fields.text(3)?,
            topic: fields.text(4)?,
            message_id: fields.text(5)?,
            success: is_true(&fields.text(6)?),
        })
    }
}

/// As Java's `Boolean.parseBoolean`.
fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// The records of a text. A damaged one is an error of its own; in Java it costs all.
pub fn decode(text: &str) -> TraceRecords<'_> {
    TraceRecords { rest: text }
}

/// Iterator of [`decode`].
#[derive(Debug, Clone)]
pub struct TraceRecords<'a> {
    rest: &'a str,
}

/// A record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a trace record of {} bytes is damaged", record.len())]
pub struct InvalidTrace<'a> {
    /// The record.
    pub record: &'a str,
    /// What is wrong with it.
    #[source]
    pub damage: TraceDamage,
}

impl<'a> Iterator for TraceRecords<'a> {
    type Item = Result<TraceRecord<'a>, InvalidTrace<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.trim_start_matches(RECORD_END);
        if text.is_empty() {
            return None;
        }
        let (record, rest) = text.split_once(RECORD_END).unwrap_or((text, ""));
        self.rest = rest;
        Some(decode_one(record).map_err(|damage| InvalidTrace { record, damage }))
    }
}

fn decode_one(record: &str) -> Result<TraceRecord<'_>, TraceDamage> {
    let fields = Fields::of(record);
    match fields.get(0) {
        Some("Pub") => PubTrace::decode(&fields).map(TraceRecord::Pub),
        Some("SubBefore") => SubBeforeTrace::decode(&fields).map(TraceRecord::SubBefore),
        Some("SubAfter") => SubAfterTrace::decode(&fields).map(TraceRecord::SubAfter),
        Some("EndTransaction") => {
            EndTransactionTrace::decode(&fields).map(TraceRecord::EndTransaction)
        }
        Some("Recall") => RecallTrace::decode(&fields).map(TraceRecord::Recall),
        _ => Err(TraceDamage::UnknownType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::MessageType;

    fn published() -> PubTrace<'static> {
        PubTrace {
            message: ProducedMessage {
                timestamp: 1_700_000_000_000,
                region_id: "DefaultRegion".into(),
                group: "PG".into(),
                topic: "TopicTest".into(),
                message_id: "ID1".into(),
                tags: None,
                keys: Some("k1 k2".into()),
                store_host: "10.0.0.2:10911".into(),
                message_type: MessageType::Normal,
            },
            body_length: 14,
            cost_time: 5,
            offset_message_id: Some("OID".into()),
            success: true,
            client_host: None,
        }
    }

    fn encoded(record: &TraceRecord<'_>) -> String {
        let mut text = String::new();
        record.encode(&mut text);
        text
    }

    #[test]
    fn a_record_is_that_of_java() {
        let record = TraceRecord::Pub(published());
        let text = encoded(&record);
        assert_eq!(
            text.replace(FIELD_END, "|"),
            "Pub|1700000000000|DefaultRegion|PG|TopicTest|ID1|null|k1 k2|10.0.0.2:10911|14|5|0|OID|true\u{2}"
        );
        assert_eq!(record.carrier_keys().collect::<Vec<_>>(), ["ID1", "k1", "k2"]);
        assert_eq!(decode(&text).collect::<Vec<_>>(), [Ok(record)]);
    }

    #[test]
    fn the_address_of_the_client_is_read_and_written() {
        let record = TraceRecord::Pub(PubTrace { client_host: Some("h".into()), ..published() });
        assert_eq!(decode(&encoded(&record)).collect::<Vec<_>>(), [Ok(record)]);
    }

    #[test]
    fn a_damaged_record_does_not_hide_its_neighbours() {
        let good = encoded(&TraceRecord::Pub(published()));
        let text = format!("{good}Pub\u{1}x\u{2}Later\u{1}1\u{2}{good}");
        let read: Vec<_> = decode(&text).collect();
        assert!(read.len() == 4 && read[0].is_ok() && read[3].is_ok());
        assert_eq!(read[1].as_ref().unwrap_err().damage, TraceDamage::Malformed(1));
        assert_eq!(read[2].as_ref().unwrap_err().damage, TraceDamage::UnknownType);
    }

    #[test]
    fn no_record_ends_in_an_empty_field() {
        let record = TraceRecord::SubBefore(SubBeforeTrace {
            timestamp: 1,
            region_id: "r".into(),
            group: "g".into(),
            request_id: "q".into(),
            message_id: "id".into(),
            retry_times: 0,
            keys: Some("".into()),
        });
        assert!(encoded(&record).ends_with("0\u{1}null\u{2}"));
    }
}
