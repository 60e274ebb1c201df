//! [`RpcHook`]: what sees every request before it is written, and how each of them ended.

use std::fmt;

use rocketmq_protocol::{Command, code::RequestCode};

use crate::{CallError, Reply};

/// Sees the requests of a client, signs or marks them, and sees how each ended.
///
/// Hooks are part of the [`Config`](crate::Config) and run in its order; whatever signs comes last. Where there are none,
/// requests are written without ever becoming a [`Command`], and cost nothing more.
///
/// Only requests of this side pass through hooks: answers to a peer's requests are neither shown nor signed.
#[doc(alias = "RPCHook")]
pub trait RpcHook: fmt::Debug + Send + Sync + 'static {
    /// A request is about to be written to the peer at `address`. Adding ext fields is what hooks are for; the number and
    /// the flags are set afterwards. Runs in the caller's task, and must not block.
    ///
    /// A request that is sent again passes here again, as a new command.
    fn before_request(&self, address: &str, request: &mut Command) {
        let _ = (address, request);
    }

    /// A request has been answered, or will not be. Not called for one-way requests, nor for those whose caller has
    /// gone. Runs in the task that owns the connection, before the caller sees the answer: must not block.
    fn after_response(
        &self,
        address: &str,
        request: RequestCode,
        outcome: &Result<Reply, CallError>,
    ) {
        let _ = (address, request, outcome);
    }
}
