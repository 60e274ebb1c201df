//! Properties of messages.

use bytes::Bytes;
use rocketmq_protocol::message::{Properties, PropertiesWriter};

/// What is listed is found by its name, the last of equal names; and it survives being written.
pub fn properties(data: &[u8]) {
    let properties = Properties::from_bytes(Bytes::copy_from_slice(data));
    let pairs: Vec<_> = properties.iter().collect();
    let mut later = Vec::new();
    for (name, value) in pairs.iter().rev().take(64) {
        assert!(!name.is_empty() && !value.is_empty());
        // A pair that is not UTF-8 is not listed, but its name may be, and then it hides those before it.
        let found = properties.get_bytes(name).expect("a value");
        if std::str::from_utf8(found).is_ok() && !later.contains(name) {
            assert_eq!(found, value.as_bytes());
            assert_eq!(properties.get_text(name).as_deref(), Some(*value));
            later.push(name);
        }
    }
    let mut writer = PropertiesWriter::default();
    let written: Vec<_> =
        pairs.iter().filter(|(name, value)| writer.put(name, value).is_ok()).copied().collect();
    if let Ok(again) = writer.finish() {
        assert_eq!(again.iter().collect::<Vec<_>>(), written);
    }
}
