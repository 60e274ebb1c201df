//! Messages of one broker, in memory.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Text,
    message::{MessageExt, Properties, SysFlag, encode_message, property, string_hash},
};

/// A queue's place: topic and number.
pub(crate) type QueueKey = (Arc<str>, i32);

/// What a broker has stored: an ever growing commit log, and for each queue the places of its messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    queues: BTreeMap<QueueKey, Vec<Stored>>,
    end: i64,
    /// By commit-log offset, for look-ups.
    places: BTreeMap<i64, (QueueKey, usize)>,
}

/// One stored message.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) message: MessageExt,
    /// In the store format: what pulls answer.
    pub(crate) bytes: Bytes,
    /// What the broker compares with subscriptions: the hash of the whole tag text, 0 without one.
    pub(crate) tag_hash: i64,
}

/// A message to store.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) topic: Arc<str>,
    pub(crate) queue_id: i32,
    pub(crate) flag: i32,
    pub(crate) sys_flag: i32,
    pub(crate) born_timestamp: i64,
    pub(crate) born_host: SocketAddr,
    pub(crate) reconsume_times: i32,
    pub(crate) body: Bytes,
    pub(crate) properties: Properties,
}

impl Log {
    /// Appends a message to its queue.
    pub(crate) fn append(&mut self, draft: Draft, store_host: SocketAddr, now: i64) -> &Stored {
        let key = (Arc::clone(&draft.topic), draft.queue_id);
        let queue = self.queues.entry(key.clone()).or_default();
        let message = MessageExt {
            topic: Text::from(&draft.topic),
            queue_id: draft.queue_id,
            queue_offset: queue.len() as i64,
            commit_log_offset: self.end,
            flag: draft.flag,
            sys_flag: SysFlag(draft.sys_flag),
            born_timestamp: draft.born_timestamp,
            born_host: draft.born_host,
            store_timestamp: now,
            store_host,
            reconsume_times: draft.reconsume_times,
            prepared_transaction_offset: 0,
            body_crc: 0,
            body: draft.body,
            properties: draft.properties,
            store_size: 0,
        };
        let mut bytes = BytesMut::new();
        encode_message(&message, &mut bytes);
        self.places.insert(self.end, (key, queue.len()));
        self.end += bytes.len() as i64;
        let tag_hash = message.tag().map_or(0, |tag| i64::from(string_hash(tag)));
        queue.push(Stored { message, bytes: bytes.freeze(), tag_hash });
        &queue[queue.len() - 1]
    }

    /// One past the last offset of a queue.
    pub(crate) fn max_offset(&self, key: &QueueKey) -> i64 {
        self.queues.get(key).map_or(0, |queue| queue.len() as i64)
    }

    /// Damages the body of a message, in the form in which it is read.
    pub(crate) fn corrupt_body(&mut self, key: &QueueKey, offset: i64) {
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(stored) = self.queues.get_mut(key).and_then(|queue| queue.get_mut(index)) else {
            return;
        };
        // With its length, or a short body would be found in a timestamp.
        let body = &stored.message.body;
        let measured = [&(body.len() as u32).to_be_bytes()[..], body].concat();
        let mut bytes = BytesMut::from(&stored.bytes[..]);
        if let Some(at) = bytes.windows(measured.len()).position(|window| window == measured) {
            bytes[at + 4] ^= 1;
        }
        stored.bytes = bytes.freeze();
    }

    /// The messages of a queue from an offset on.
    pub(crate) fn from(&self, key: &QueueKey, offset: i64) -> &[Stored] {
        let queue = self.queues.get(key).map_or(&[][..], Vec::as_slice);
        usize::try_from(offset).ok().and_then(|start| queue.get(start..)).unwrap_or_default()
    }

    /// The first message of a queue that was stored at this time or later; the end if there is none.
    pub(crate) fn offset_at(&self, key: &QueueKey, timestamp: i64) -> i64 {
        let queue = self.from(key, 0);
        queue.partition_point(|stored| stored.message.store_timestamp < timestamp) as i64
    }

    /// The message at a commit-log offset.
    pub(crate) fn at(&self, commit_log_offset: i64) -> Option<&Stored> {
        let (key, index) = self.places.get(&commit_log_offset)?;
        self.queues.get(key)?.get(*index)
    }

    /// Every message of a topic, queue by queue.
    pub(crate) fn of_topic<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Stored> {
        let queues = self.queues.iter().filter(move |((known, _), _)| &**known == topic);
        queues.flat_map(|(_, queue)| queue)
    }
}

/// The properties of a message with some of them replaced or added.
pub(crate) fn with_properties(before: &Properties, changes: &[(&str, String)]) -> Properties {
    let mut pairs: Vec<(String, String)> =
        before.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push(((*name).to_owned(), value.clone()));
    }
    let text: String =
        pairs.iter().map(|(name, value)| format!("{name}\u{1}{value}\u{2}")).collect();
    Properties::from_bytes(text.into())
}

/// The delay level that a message asks for.
pub(crate) fn delay_level(properties: &Properties) -> u32 {
    properties.get(property::DELAY_TIME_LEVEL).and_then(|level| level.parse().ok()).unwrap_or(0)
}
