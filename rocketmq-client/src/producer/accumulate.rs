//! [`Accumulator`]: sends that come close together travel as one.
//!
//! ```text
//!             first message            full, or the time is over
//!   (none) ──────────────────► Open ─────────────────────────────► sent: every message gets its own receipt
//!                              │  ▲
//!                              └──┘ further messages
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    PendingReceipt, Producer, SendReceipt, batch::Chunk, choosing::Target, room::Place,
    sending::Draft, wire::Kind,
};
use crate::{Error, Message};

/// When messages that were sent one by one travel as one ([`ProducerBuilder::batching`](super::ProducerBuilder::batching)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ProduceAccumulator")]
pub struct Batching {
    /// How long the first message of a batch waits for others. Default 10 ms, as in Java (`batchMaxDelayMs`).
    pub linger: Duration,
    /// A batch of so many bytes is sent at once. Default 32 KiB, as in Java (`batchMaxBytes`).
    pub max_bytes: usize,
    /// A batch of so many messages is sent at once. Default 1,000; Java has no such limit.
    pub max_messages: usize,
}

impl Default for Batching {
    fn default() -> Self {
        Self { linger: Duration::from_millis(10), max_bytes: 32 * 1024, max_messages: 1_000 }
    }
}

/// The open batches of a producer.
pub(super) struct Accumulator {
    options: Batching,
    open: Mutex<Batches>,
}

#[derive(Default)]
struct Batches {
    by_key: HashMap<Key, Open>,
    opened: u64,
}

/// What may travel together.
type Key = (Arc<str>, bool);

struct Open {
    /// Tells this batch from a later one under the same key.
    number: u64,
    chunk: Chunk,
    waiting: Vec<Waiting>,
}

struct Waiting {
    answer: oneshot::Sender<Result<SendReceipt, Error>>,
    _place: Option<Place>,
}

impl Accumulator {
    pub(super) fn new(options: Batching) -> Self {
        Self { options, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Batches> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message for the accumulator.
pub(super) struct Adding<'a> {
    pub(super) producer: &'a Producer,
    pub(super) accumulator: &'a Arc<Accumulator>,
    pub(super) message: Message,
}

impl Producer {
    /// Where a message may wait for others. Chosen queues, timeouts of their own, delays and the like may not
    /// (`client/producer/DefaultMQProducer.java`, `canBatch`).
    pub(super) fn accumulator_for(&self, draft: &Draft) -> Option<&Arc<Accumulator>> {
        let accumulator = self.shared.accumulator.as_ref()?;
        let plain = draft.kind == Kind::Message
            && matches!(draft.target, Target::Any)
            && draft.timeout.is_none()
            && draft.added.is_empty()
            && draft.message.check_batched().is_ok()
            && draft.message.body().len() < accumulator.options.max_bytes;
        plain.then_some(accumulator)
    }
}

impl Adding<'_> {
    pub(super) async fn wait(self) -> Result<SendReceipt, Error> {
        self.add(None)?.await
    }

    pub(super) async fn enqueue(self) -> Result<PendingReceipt, Error> {
        let deadline = Instant::now() + self.producer.shared.options.send_timeout;
        let place = Place::wait(self.producer, self.message.body().len(), deadline).await?;
        self.add(Some(place))
    }

    fn add(self, place: Option<Place>) -> Result<PendingReceipt, Error> {
        let Self { producer, accumulator, message } = self;
        producer.check_open()?;
        let key = (Arc::clone(message.shared_topic()), message.waits_stored());
        let wait_stored = key.1;
        let (id, record) = producer.batch_record(&message)?;
        let (answer, receipt) = oneshot::channel();
        let waiting = Waiting { answer, _place: place };
        let mut open = accumulator.open();
        if let Some(batch) = open.by_key.get_mut(&key)
            && batch.chunk.push(id, &record)
        {
            batch.waiting.push(waiting);
        } else {
            let mut chunk = Chunk::new(&key.0, wait_stored, accumulator.options.max_bytes);
            chunk.push(id, &record);
            open.opened += 1;
            let batch = Open { number: open.opened, chunk, waiting: vec![waiting] };
            producer.dispatch_later(accumulator, key.clone(), batch.number);
            if let Some(full) = open.by_key.insert(key.clone(), batch) {
                producer.dispatch(full);
            }
        }
        let options = &accumulator.options;
        let full = open.by_key.get(&key).is_some_and(|batch| {
            batch.chunk.bytes() >= options.max_bytes || batch.chunk.len() >= options.max_messages
        });
        if let Some(batch) = full.then(|| open.by_key.remove(&key)).flatten() {
            producer.dispatch(batch);
        }
        Ok(PendingReceipt(receipt))
    }
}

impl Producer {
    /// Sends a batch when its time is over, if it has not gone by then.
    fn dispatch_later(&self, accumulator: &Arc<Accumulator>, key: Key, number: u64) {
        let (producer, accumulator) = (self.clone(), Arc::clone(accumulator));
        self.shared.client.core().tasks.spawn("linger", async move {
            tokio::select! {
                () = sleep(accumulator.options.linger) => {}
                () = producer.shared.client.core().tasks.cancelled() => {}
            }
            let mut open = accumulator.open();
            if open.by_key.get(&key).is_some_and(|batch| batch.number == number)
                && let Some(batch) = open.by_key.remove(&key)
            {
                drop(open);
                producer.dispatch(batch);
            }
        });
    }

    /// Sends a batch, and hands each message its own receipt, or the one error that all of them share.
    fn dispatch(&self, batch: Open) {
        let producer = self.clone();
        self.shared.client.core().tasks.spawn("batch", async move {
            let outcome = producer.send_chunk(batch.chunk, Target::Any, None).await;
            // Whoever waited may have gone; the outcome is nobody's then.
            match outcome {
                Ok(receipts) => {
                    for (waiting, receipt) in batch.waiting.into_iter().zip(receipts) {
                        let _ = waiting.answer.send(Ok(receipt));
                    }
                }
                Err(error) => {
                    for waiting in batch.waiting {
                        let _ = waiting.answer.send(Err(error.duplicate()));
                    }
                }
            }
        });
    }
}
