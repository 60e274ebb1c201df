//! Several messages in one request.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use bytes::BytesMut;
use rocketmq_protocol::message::{
    BatchRecord, MessageId, OffsetMessageId, batch_properties, encode_batch_record,
};
use rocketmq_route::MessageQueue;

use super::{
    Producer, QueueKey, SendContext, SendReceipt,
    choosing::Target,
    sending::{Sending, Stored},
    wire::{Kind, Wire},
};
use crate::{Call, Error, Message};

/// What fits into one request by default. A broker adds up what it stores, which is up to 3.6 times as much where bodies are tiny, and
/// its limit is 4 MiB.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

/// Messages of one topic about to be sent together. Await it for one receipt a message, in their order.
///
/// As many requests are made as the size asks for, one after another, so that the order is kept within a queue. Messages that are stored
/// stay stored if a later request fails: [`BatchError`] tells both.
///
/// # Errors
///
/// [`BatchError`]. Before anything is sent, if there is no message, if they are of several topics, if they disagree about
/// [`wait_stored`](Message::wait_stored), or if one of them has a delay or a priority, which would be lost.
///
/// # Cancel safety
///
/// Dropping the future does not take back what was sent.
#[must_use = "nothing is sent until awaited"]
pub struct BatchCall<'a> {
    producer: &'a Producer,
    messages: Vec<Message>,
    target: BatchTarget,
    timeout: Option<Duration>,
    max_bytes: usize,
}

#[derive(Clone)]
enum BatchTarget {
    Any,
    Queue(MessageQueue),
    Hash(i32),
}

impl From<BatchTarget> for Target {
    fn from(target: BatchTarget) -> Self {
        match target {
            BatchTarget::Any => Self::Any,
            BatchTarget::Queue(queue) => Self::Queue(queue),
            BatchTarget::Hash(hash) => Self::Hash(hash),
        }
    }
}

impl<'a> BatchCall<'a> {
    pub(super) fn new(producer: &'a Producer, messages: Vec<Message>) -> Self {
        let target = BatchTarget::Any;
        Self { producer, messages, target, timeout: None, max_bytes: CHUNK_BYTES }
    }

    /// Sends all of them to this queue. Default: each request to the next queue.
    pub fn to_queue(mut self, queue: MessageQueue) -> Self {
        self.target = BatchTarget::Queue(queue);
        self
    }

    /// Sends all of them to the queue that belongs to this key: see [`SendCall::to_queue_for`](super::SendCall::to_queue_for).
    pub fn to_queue_for(mut self, key: impl QueueKey) -> Self {
        self.target = BatchTarget::Hash(key.java_hash());
        self
    }

    /// How long each request may take, all its attempts together. Default: the producer's
    /// [`send_timeout`](super::ProducerBuilder::send_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes go into one request. Default 1 MiB: brokers store more than they are sent, and take 4 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    async fn run(self) -> Result<Vec<SendReceipt>, BatchError> {
        let Self { producer, messages, target, timeout, max_bytes } = self;
        let chunks = match producer.chunks(&messages, max_bytes) {
            Ok(chunks) => chunks,
            Err(error) => return Err(BatchError { stored: Vec::new(), unsent: messages, error }),
        };
        let mut stored = Vec::with_capacity(messages.len());
        for chunk in chunks {
            match producer.send_chunk(chunk, target.clone().into(), timeout).await {
                Ok(receipts) => stored.extend(receipts),
                Err(error) => {
                    let unsent = messages.into_iter().skip(stored.len()).collect();
                    return Err(BatchError { stored, unsent, error });
                }
            }
        }
        Ok(stored)
    }
}

impl<'a> IntoFuture for BatchCall<'a> {
    type Output = Result<Vec<SendReceipt>, BatchError>;
    type IntoFuture = Call<'a, Vec<SendReceipt>, BatchError>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(self.run())
    }
}

impl fmt::Debug for BatchCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCall").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

/// A batch that was not stored as a whole: what was, what was not, and why. Turns into its [`Error`] by `?`.
///
/// If the outcome of its last request is [unknown](Error::outcome_unknown), the first of the
/// [unsent](Self::into_unsent) messages may be stored all the same.
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchError {
    stored: Vec<SendReceipt>,
    unsent: Vec<Message>,
    error: Error,
}

impl BatchError {
    /// The receipts of the first messages, which are stored.
    pub fn stored(&self) -> &[SendReceipt] {
        &self.stored
    }

    /// The messages without a receipt, to be sent again.
    pub fn into_unsent(self) -> Vec<Message> {
        self.unsent
    }

    /// Why they have none.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, all) = (self.stored.len(), self.stored.len() + self.unsent.len());
        write!(f, "{stored} of {all} messages are stored")
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<BatchError> for Error {
    fn from(batch: BatchError) -> Self {
        batch.error
    }
}

/// Messages in the form of one request.
#[derive(Debug)]
pub(super) struct Chunk {
    topic: Arc<str>,
    records: BytesMut,
    ids: Vec<MessageId>,
    wait_stored: bool,
    limit: usize,
}

impl Chunk {
    pub(super) fn new(topic: &Arc<str>, wait_stored: bool, limit: usize) -> Self {
        let topic = Arc::clone(topic);
        Self { topic, records: BytesMut::new(), ids: Vec::new(), wait_stored, limit }
    }

    /// Makes room for these messages at once, as far as they go into one request.
    fn expect(&mut self, messages: &[Message]) {
        const BESIDE: usize = 160; // about what the record, an id, a tag and a few keys come to
        let bytes: usize = messages.iter().map(|message| message.body().len() + BESIDE).sum();
        self.records.reserve(bytes.min(self.limit));
        self.ids.reserve(messages.len());
    }

    /// Appends a message. One too many for the limit is handed back, unless it is the only one.
    pub(super) fn push(&mut self, id: MessageId, record: &BatchRecord) -> bool {
        let before = self.records.len();
        encode_batch_record(record, &mut self.records);
        if self.records.len() > self.limit && !self.ids.is_empty() {
            self.records.truncate(before);
            return false;
        }
        self.ids.push(id);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.len()
    }
}

impl Producer {
    /// Checks all messages, and packs them into as few requests as hold them.
    fn chunks(&self, messages: &[Message], limit: usize) -> Result<Vec<Chunk>, Error> {
        self.check_open()?;
        let first = messages.first().ok_or_else(|| Error::invalid("a batch without messages"))?;
        let mut chunks: Vec<Chunk> = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            if message.topic() != first.topic() {
                return Err(Error::invalid("a batch with messages of several topics"));
            }
            if message.waits_stored() != first.waits_stored() {
                return Err(Error::invalid(
                    "a batch that is to wait for some messages and not for others",
                ));
            }
            let (id, record) = self.batch_record(message)?;
            let room = chunks.last_mut().is_some_and(|chunk| chunk.push(id, &record));
            if !room {
                let mut chunk = Chunk::new(first.shared_topic(), first.waits_stored(), limit);
                chunk.expect(messages.get(index..).unwrap_or_default());
                chunk.push(id, &record);
                chunks.push(chunk);
            }
        }
        Ok(chunks)
    }

    /// A message as it travels in a batch.
    pub(super) fn batch_record(
        &self,
        message: &Message,
    ) -> Result<(MessageId, BatchRecord), Error> {
        let shared = &self.shared;
        let mut message = Cow::Borrowed(message);
        let mut context = SendContext::default();
        for hook in &*shared.options.hooks {
            hook.before_send(message.to_mut(), &mut context).map_err(super::sending::vetoed)?;
        }
        message.check(shared.options.max_message_size)?;
        message.check_batched()?;
        let core = shared.client.core();
        let id = core.new_message_id();
        let properties = message.wire_properties(&id, &[], core.namespace().name())?;
        let (flag, body) = (message.flag_word(), message.body().clone());
        Ok((id, BatchRecord { flag, body, properties }))
    }

    /// Sends one request, and tells each message's receipt.
    pub(super) async fn send_chunk(
        &self,
        chunk: Chunk,
        mut target: Target,
        timeout: Option<Duration>,
    ) -> Result<Vec<SendReceipt>, Error> {
        let core = self.shared.client.core();
        let topic = core.namespace().wrap(&chunk.topic);
        if let Target::Queue(queue) = &mut target {
            if queue.topic != chunk.topic {
                return Err(Error::invalid(format!(
                    "queue {queue} is not of topic {}",
                    chunk.topic
                )));
            }
            queue.topic = Arc::clone(&topic);
        }
        let id = core.new_message_id();
        let properties = batch_properties(chunk.wait_stored)
            .map_err(|error| Error::invalid("a batch that cannot be sent").with_source(error))?;
        let wire = Wire::of_body(Kind::Batch, chunk.records.freeze(), properties);
        let context = SendContext::default();
        let mut sending = Sending::new(self.clone(), topic, id, wire, target, timeout, context)
            .of_messages(chunk.ids.len());
        let stored = sending.deliver().await?;
        Ok(split(stored, &chunk.ids))
    }
}

/// The receipt of each message: its own id, and the next queue offset. Brokers that store the batch as one message give it one
/// offset id.
fn split(stored: Stored, ids: &[MessageId]) -> Vec<SendReceipt> {
    let all = stored.answer.as_ref().map(|answer| &*answer.msg_id).unwrap_or_default();
    let offset_ids: Vec<Option<OffsetMessageId>> =
        all.split(',').map(|id| id.parse().ok()).collect();
    let one = offset_ids.len() == 1;
    let offset_id = |index: usize| offset_ids.get(if one { 0 } else { index }).copied().flatten();
    ids.iter()
        .enumerate()
        .map(|(index, id)| SendReceipt {
            message_id: *id,
            offset_message_id: offset_id(index),
            queue_offset: stored.receipt.queue_offset + index as i64,
            ..stored.receipt.clone()
        })
        .collect()
}
