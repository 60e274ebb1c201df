//! What POP writes as text.

use rocketmq_protocol::pop::{
    OrderKey, QueueKey, RecallHandle, Receipt, lite_order_counts, message_offsets, order_counts,
    push_message_offsets, push_order_count, push_start_offset, start_offsets,
};

/// Receipts, info strings and recall handles: what was read survives being written.
pub fn receipt(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(receipt) = text.parse::<Receipt>() {
        assert_eq!(receipt.to_string().parse(), Ok(receipt.clone()));
        assert!(receipt.kind.real_topic("T", "G").ends_with('T'));
    }
    if let Ok(handle) = text.parse::<RecallHandle>() {
        assert_eq!(handle.to_string().parse(), Ok(handle));
    }
    info(text);
    for count in [1, 2] {
        let counts = lite_order_counts(text, count);
        assert!(counts.is_none_or(|counts| counts.len() == count));
    }
}

fn info(text: &str) {
    let mut written = String::new();
    if let Ok(starts) = start_offsets(text) {
        starts.iter().for_each(|(queue, start)| push_start_offset(&mut written, *queue, *start));
        assert_eq!(start_offsets(&written), Ok(starts));
    }
    written.clear();
    if let Ok(offsets) = message_offsets(text) {
        let pairs: Vec<(&QueueKey, &Vec<i64>)> = offsets.iter().collect();
        pairs.iter().for_each(|(queue, list)| push_message_offsets(&mut written, **queue, list));
        assert_eq!(message_offsets(&written).as_ref(), Ok(&offsets));
    }
    written.clear();
    if let Ok(counts) = order_counts(text) {
        let pairs: Vec<(&OrderKey, &i32)> = counts.iter().collect();
        pairs.iter().for_each(|(key, count)| push_order_count(&mut written, **key, **count));
        assert_eq!(order_counts(&written).as_ref(), Ok(&counts));
    }
}
