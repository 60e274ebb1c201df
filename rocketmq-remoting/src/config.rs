//! [`Config`]: the limits and habits of connections.

use std::{sync::Arc, time::Duration};

use rocketmq_protocol::{FrameLimits, Serialization};

use crate::{Backoff, RpcHook};

/// How connections behave. `Config::default()` is meant for production; change single fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The most that resolving a name and connecting may take together, however long callers are willing to wait.
    /// Default: 3 s, as upstream (`remoting/netty/NettySystemConfig.java`, `connectTimeoutMillis`).
    pub connect_timeout: Duration,
    /// How long an address rests after failed attempts.
    pub backoff: Backoff,
    /// The form in which headers are written. Codes that the binary form cannot express are written in JSON whatever
    /// this says; answers are read in the form they come in. Default: JSON, as upstream.
    pub serialization: Serialization,
    /// What a frame may measure. Default: 16 MiB, as upstream.
    pub frame_limits: FrameLimits,
    /// The bytes that may wait for the socket on each connection. Senders beyond it wait, each until its deadline; a
    /// single larger request is let through alone. Default: 4 MiB, upstream's largest message.
    pub queued_bytes: usize,
    /// A frame that is not complete so long after its first byte ends the connection. Default: 10 s.
    pub frame_timeout: Duration,
    /// A request that runs out of time while nothing at all has been heard for so long ends the connection. Counted
    /// from the first request after the last byte, so that an idle connection is not blamed. Default: 8 s: a
    /// connection that stopped working under load is given up within 10 s, and the pauses that a broker's garbage
    /// collection or disk are known for are survived. Other than upstream (`clientCloseSocketIfTimeout`) no single
    /// timeout closes anything.
    pub silence: Duration,
    /// How long closing waits for what is already queued (one-way requests, answers) to be taken by the socket.
    /// Default: 1 s.
    pub linger: Duration,
    /// Requests of the peer that are worked on at a time, on each connection. Default: 16.
    pub inbound_concurrency: usize,
    /// Requests of the peer that may wait for their turn, on each connection. Beyond it they are refused with
    /// `SYSTEM_BUSY`, or dropped if they are one-way. Default: 256.
    pub inbound_backlog: usize,
    /// Requests that a peer may make in a second, on each connection, and in one burst. Beyond it they are dropped without
    /// a word: brokers stay far below, and an answer would only cost more. Default: 1,000.
    pub inbound_rate: u32,
    /// What sees every request before it is written, in this order. Default: nothing.
    pub hooks: Vec<Arc<dyn RpcHook>>,
    /// The number of the first request on each connection; the following ones count on and wrap. Default: 0. Tests
    /// start near `i32::MAX`.
    pub first_opaque: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            backoff: Backoff::default(),
            serialization: Serialization::Json,
            frame_limits: FrameLimits::default(),
            queued_bytes: 4 << 20,
            frame_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(8),
            linger: Duration::from_secs(1),
            inbound_concurrency: 16,
            inbound_backlog: 256,
            inbound_rate: 1_000,
            hooks: Vec::new(),
            first_opaque: 0,
        }
    }
}
