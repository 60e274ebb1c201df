//! What came of a message that an operator had consumed.

use serde::{Deserialize, Serialize};

use super::words::words;

/// The outcome (`ConsumeMessageDirectlyResult.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeMessageDirectlyResult {
    /// Of ordered consumption: whether offsets are committed without being asked for.
    pub auto_commit: bool,
    /// What the handler returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_result: Option<CMResult>,
    /// Whether it was consumed in order.
    pub order: bool,
    /// An error, usually.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// How long it took, in milliseconds.
    pub spent_time_mills: i64,
}

impl Default for ConsumeMessageDirectlyResult {
    fn default() -> Self {
        Self {
            auto_commit: true,
            consume_result: None,
            order: false,
            remark: None,
            spent_time_mills: 0,
        }
    }
}

words! {
    /// What a handler returned (`CMResult.java`).
    pub enum CMResult {
        /// Consumed.
        #[default]
        Success = "CR_SUCCESS",
        /// Again later.
        Later = "CR_LATER",
        /// Of transactions within ordered consumption: rolled back.
        Rollback = "CR_ROLLBACK",
        /// Of transactions within ordered consumption: committed.
        Commit = "CR_COMMIT",
        /// It failed.
        ThrowException = "CR_THROW_EXCEPTION",
        /// It returned nothing.
        ReturnNull = "CR_RETURN_NULL",
    }
}
