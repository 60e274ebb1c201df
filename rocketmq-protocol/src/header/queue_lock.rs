//! Leases of queues.

use super::{EmptyHeader, RpcFields};

super::headers! {
    /// Leases the queues in the body (`LockBatchMqRequestHeader.java`).
    LockBatchMqRequestHeader: LOCK_BATCH_MQ -> EmptyHeader [SUCCESS] {
        ..shared: RpcFields,
    }

    /// Gives leases back (`UnlockBatchMqRequestHeader.java`).
    UnlockBatchMqRequestHeader: UNLOCK_BATCH_MQ -> EmptyHeader [SUCCESS] {
        ..shared: RpcFields,
    }
}
