//! [`Wire`]: the form of a message in which it goes over the wire, the same in every attempt.

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    message::{Compression, Properties, SysFlag, compress},
};
use rocketmq_remoting::Tasks;

use crate::{Message, client::wall_millis};

/// Bodies from here on are compressed where it may block: they take longer than other tasks should wait.
const LONG_WORK: usize = 64 * 1024;

/// What is sent, and by which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    /// A message that is not delivered before its transaction is committed.
    Half,
    /// Several messages in one body.
    Batch,
    /// An answer to a message, which the broker pushes to who waits.
    Reply,
}

/// What is the same in every attempt: built once, so that a repeated message is the same message.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    pub(super) properties: Text,
    pub(super) flag: i32,
    pub(super) sys_flag: SysFlag,
    pub(super) born_timestamp: i64,
    /// As the application gave it, for whoever reports on sends.
    pub(super) plain_length: usize,
}

impl Wire {
    pub(super) fn new(kind: Kind, message: Message, properties: Properties) -> Self {
        let flag = message.flag_word();
        Self { flag, ..Self::of_body(kind, message.into_body(), properties) }
    }

    pub(super) fn of_body(kind: Kind, body: Bytes, properties: Properties) -> Self {
        let sys_flag = match kind {
            Kind::Half => SysFlag::TRANSACTION_PREPARED,
            Kind::Message | Kind::Batch | Kind::Reply => SysFlag::default(),
        };
        Self {
            kind,
            plain_length: body.len(),
            body,
            // What a writer has written is text.
            properties: Text::from_utf8(properties.into_bytes()).unwrap_or_default(),
            flag: 0,
            sys_flag,
            born_timestamp: wall_millis(),
        }
    }

    pub(super) fn properties(&self) -> Properties {
        Properties::from_bytes(Bytes::copy_from_slice(self.properties.as_bytes()))
    }

    /// Whether [`compress`](Self::compress) has something to do.
    pub(super) fn wants_compression(&self, how: &BodyCompression) -> bool {
        let done = self.sys_flag.contains(SysFlag::COMPRESSED) || self.kind == Kind::Batch;
        !done && self.body.len() >= how.threshold
    }

    /// Compresses the body, if it gets smaller by it. Batches are never compressed: brokers look into them.
    pub(super) async fn compress(&mut self, how: &BodyCompression, tasks: &Tasks) {
        if !self.wants_compression(how) {
            return;
        }
        let (compression, level, body) = (how.compression, how.level, self.body.clone());
        let compressed = if body.len() < LONG_WORK {
            compress(compression, &body, level).ok()
        } else {
            let work = tasks.spawn_blocking(move || compress(compression, &body, level));
            work.await.ok().and_then(Result::ok)
        };
        if let Some(smaller) = compressed.filter(|packed| packed.len() < self.body.len()) {
            self.body = smaller;
            let bits = compression.bits();
            self.sys_flag = self.sys_flag.with(SysFlag::COMPRESSED).with_compression_bits(bits);
        }
    }
}

/// How bodies are compressed, and from which length on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyCompression {
    pub(super) compression: Compression,
    pub(super) threshold: usize,
    pub(super) level: u32,
}

/// What every consumer reads, at the level and from the length of Java; nothing in a build without it.
impl Default for BodyCompression {
    fn default() -> Self {
        let threshold = if cfg!(feature = "zlib") { 4_096 } else { usize::MAX };
        Self { compression: Compression::Zlib, threshold, level: 5 }
    }
}
