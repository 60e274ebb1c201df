//! Trace records.

use rocketmq_protocol::trace::decode;

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
        let mut read = decode(&written);
        let again = read.next().expect("one").expect("what we wrote");
        assert!(read.next().is_none());
        // What is empty and stands last is written as null, or read as the default of what is not there: settled after one round.
        let mut settled = String::new();
        again.encode(&mut settled);
        assert_eq!(settled.split('\u{1}').next(), written.split('\u{1}').next());
    }
}
