//! What POP writes as text: receipts of single messages, and what an answer says about all of its messages.

mod info;
#[cfg(feature = "base64")]
mod recall;
mod receipt;

pub use info::{
    InvalidPopInfo, OrderKey, QueueKey, lite_order_counts, lite_order_counts_by_offset,
    message_offsets, order_counts, push_message_offsets, push_order_count, push_start_offset,
    start_offsets,
};
#[cfg(feature = "base64")]
pub use recall::{InvalidRecallHandle, RecallHandle};
pub use receipt::{InvalidReceipt, ORDERLY_REVIVE_QUEUE, Receipt, TopicKind};
