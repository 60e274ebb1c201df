//! Trace records.

use rocketmq_protocol::trace::{TraceRecord, decode};

/// Records that were read survive being written, whatever lies between them.
pub fn trace(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for record in decode(text) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                assert!(text.contains(error.record) && !error.record.contains('\u{2}'));
                continue;
            }
        };
        assert!(record.carrier_keys().count() >= 1);
        let mut written = String::new();
        record.encode(&mut written);
        let again: Vec<_> = decode(&written).collect();
        assert_eq!(again, [Ok(without_an_empty_end(record))]);
    }
}

/// An empty field at the end is lost in every reader, and counts as one that is not there. Only records with more fields than this
/// release knows can have been read with one.
fn without_an_empty_end(mut record: TraceRecord<'_>) -> TraceRecord<'_> {
    match &mut record {
        TraceRecord::Pub(published) => {
            published.client_host.take_if(|host| host.is_empty());
        }
        TraceRecord::SubBefore(before) => {
            before.keys.take_if(|keys| keys.is_empty());
        }
        TraceRecord::SubAfter(after) => {
            after.at.take_if(|(_, group)| group.is_empty());
        }
        _ => {}
    }
    record
}
