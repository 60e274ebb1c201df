//! Transactions: what becomes of half messages.

use super::{EmptyHeader, RpcFields};
use crate::Text;

super::headers! {
    /// Commits or rolls back a half message. One-way (`EndTransactionRequestHeader.java`).
    EndTransactionRequestHeader: END_TRANSACTION -> EmptyHeader [SUCCESS] {
        topic: Option<Text> = "topic",
        producer_group: Text = "producerGroup",
        /// The offset in the queue of half messages.
        tran_state_table_offset: i64 = "tranStateTableOffset",
        commit_log_offset: i64 = "commitLogOffset",
        /// 8 commit, 12 roll back, 0 not decided: the transaction bits of
        /// [`SysFlag`](crate::message::SysFlag).
        commit_or_rollback: i32 = "commitOrRollback",
        /// Whether a broker has asked.
        from_transaction_check: Option<bool> = "fromTransactionCheck",
        /// The unique id.
        msg_id: Text = "msgId",
        transaction_id: Option<Text> = "transactionId",
        ..shared: RpcFields,
    }

    /// From the broker: what became of the half message in the body? One-way, answered by an end of the transaction
    /// (`CheckTransactionStateRequestHeader.java`).
    CheckTransactionStateRequestHeader: CHECK_TRANSACTION_STATE -> EmptyHeader [SUCCESS] {
        /// The topic of half messages: the message's own is in the body.
        topic: Option<Text> = "topic",
        /// The offset in the queue of half messages.
        tran_state_table_offset: i64 = "tranStateTableOffset",
        commit_log_offset: i64 = "commitLogOffset",
        /// The unique id.
        msg_id: Option<Text> = "msgId",
        transaction_id: Option<Text> = "transactionId",
        /// The id of the half message.
        offset_msg_id: Option<Text> = "offsetMsgId",
        ..shared: RpcFields,
    }

    /// From an operator: has a half message checked again that was given up (`ResumeCheckHalfMessageRequestHeader.java`).
    ResumeCheckHalfMessageRequestHeader: RESUME_CHECK_HALF_MESSAGE -> EmptyHeader [SUCCESS] {
        topic: Option<Text> = "topic",
        /// The offset message id.
        msg_id: Option<Text> = "msgId",
    }
}
