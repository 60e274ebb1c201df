//! [`TransactionProducer`]: messages that are delivered if, and only if, a local transaction commits.
//!
//! ```text
//!   begin ──► Half ──commit──► delivered
//!              │ ──rollback──► dropped
//!              │ ──dropped undecided──► unknown
//!              ▼                           │
//!       (the process dies) ────────────────┴──► the broker asks any producer of the group: its check decides
//! ```

use std::{
    fmt,
    future::Future,
    ops::Deref,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rocketmq_protocol::{
    Text,
    message::{MessageId, SysFlag, property},
    trace::TransactionState,
};

use super::{
    Producer, ProducerBuilder, SendReceipt, SendStatus,
    checks::{Checked, Checker, Checks, HalfMessage},
    ending::{End, Server},
    sending::{Draft, Stored},
    wire::Kind,
};
use crate::{BoxError, Call, Error, ErrorKind, Message};

/// What becomes of a half message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "LocalTransactionState")]
pub enum Resolution {
    /// It is delivered.
    Commit,
    /// It is dropped.
    Rollback,
    /// That is not known yet: the broker asks again.
    Unknown,
}

impl Resolution {
    pub(super) fn flag(self) -> i32 {
        match self {
            Self::Commit => SysFlag::TRANSACTION_COMMIT.0,
            Self::Rollback => SysFlag::TRANSACTION_ROLLBACK.0,
            Self::Unknown => 0,
        }
    }

    pub(super) fn traced(self) -> TransactionState {
        match self {
            Self::Commit => TransactionState::Commit,
            Self::Rollback => TransactionState::Rollback,
            Self::Unknown => TransactionState::Unknown,
        }
    }
}

/// What a check may return: a [`Resolution`], or a `Result` of one, whose error means *unknown*.
#[diagnostic::on_unimplemented(
    message = "a check cannot return `{Self}`",
    note = "return a `Resolution`, or a `Result<Resolution, E>` whose error converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait IntoResolution {
    /// The resolution.
    ///
    /// # Errors
    ///
    /// Why it is not known.
    fn into_resolution(self) -> Result<Resolution, BoxError>;
}

impl IntoResolution for Resolution {
    fn into_resolution(self) -> Result<Resolution, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> IntoResolution for Result<Resolution, E> {
    fn into_resolution(self) -> Result<Resolution, BoxError> {
        self.map_err(Into::into)
    }
}

/// Options of a [`TransactionProducer`], made by [`ProducerBuilder::transactional`]. Ends with [`start`](Self::start).
#[must_use = "a producer does nothing until `start`"]
pub struct TransactionProducerBuilder {
    producer: ProducerBuilder,
    checker: Checker,
}

impl TransactionProducerBuilder {
    pub(super) fn new<F, Fut>(producer: ProducerBuilder, check: F) -> Self
    where
        F: Fn(HalfMessage) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoResolution,
    {
        Self { producer, checker: Checker::new(check) }
    }

    /// How many checks run at once. Default 1, as in Java. At least 1.
    #[doc(alias = "setCheckThreadPoolMaxSize")]
    pub fn check_concurrency(mut self, checks: usize) -> Self {
        self.checker.concurrency = checks.max(1);
        self
    }

    /// How many checks may wait; further ones are dropped, and the broker asks again. Default 2,000, as in Java. At least 1.
    #[doc(alias = "setCheckRequestHoldMax")]
    pub fn check_backlog(mut self, checks: usize) -> Self {
        self.checker.backlog = checks.max(1);
        self
    }

    /// Starts the producer. From the next heartbeat on, brokers ask it about half messages of its group.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a group name that brokers would refuse, and if the group has a transactional producer
    /// in this client already.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened if the future is dropped.
    pub fn start(self) -> Call<'static, TransactionProducer> {
        Call::new(async move {
            let producer = self.producer.start().await?;
            let checks = Checks::start(&producer, self.checker)?;
            Ok(TransactionProducer { producer, checks })
        })
    }
}

impl fmt::Debug for TransactionProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionProducerBuilder")
            .field("producer", &self.producer)
            .finish_non_exhaustive()
    }
}

/// Sends messages that are delivered if, and only if, a local transaction commits. Cheap to clone. It is a [`Producer`] besides.
///
/// Every process of a group must be able to answer checks about every transaction of the group: the broker asks any.
#[derive(Clone)]
#[doc(alias = "TransactionMQProducer")]
pub struct TransactionProducer {
    producer: Producer,
    checks: Arc<Checks>,
}

impl TransactionProducer {
    /// Stores a message that nobody sees yet, and returns the handle that decides about it.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`]; [`Invalid`](ErrorKind::Invalid) for a message with a delay. A half message that is stored less
    /// safely than the broker is configured for is rolled back, as in Java, and is an error.
    ///
    /// # Cancel safety
    ///
    /// A half message may be stored if the future is dropped; the broker asks about it.
    pub fn begin(&self, message: Message) -> Call<'_, Half> {
        Call::new(self.prepare(message))
    }

    async fn prepare(&self, message: Message) -> Result<Half, Error> {
        let group = &self.producer.shared.wire_group;
        let mut draft = Draft::new(message);
        draft.kind = Kind::Half;
        draft.added = vec![
            (property::TRANSACTION_PREPARED, Text::from_static("true")),
            (property::PRODUCER_GROUP, Text::from(group)),
        ];
        let (tag, keys) = (draft.message.tag_text().cloned(), draft.message.keys_text().to_owned());
        let mut sending = self.producer.admit(draft)?;
        // From before it is stored, so that a check that overtakes the answer finds it.
        let open = self.checks.open(sending.id());
        let stored = sending.deliver().await?;
        let status = stored.receipt.status();
        let Stored { receipt, answer } = stored;
        let half = Half {
            end: Some(End {
                message_id: *receipt.message_id(),
                offset: receipt.queue_offset(),
                commit_log_offset: receipt.offset_message_id().map_or(0, |id| id.commit_log_offset),
                transaction_id: answer.and_then(|answer| Some(answer.transaction_id?.detach())),
                topic: Arc::clone(sending.topic()),
                at: Server::Broker(receipt.queue().clone()),
                asked: false,
                tag,
                keys,
            }),
            producer: self.producer.clone(),
            receipt,
            _open: open,
        };
        if status == SendStatus::Stored {
            return Ok(half);
        }
        half.rollback().await?;
        let text = format!("the half message was rolled back, since it was stored with {status:?}");
        Err(Error::new(ErrorKind::Refused, text))
    }

    /// How many checks were dropped because too many were waiting. The broker has asked, or will ask, again.
    pub fn dropped_checks(&self) -> u64 {
        self.checks.dropped.load(Ordering::Relaxed)
    }

    /// Answers no more checks, and then does what [`Producer::shutdown`] does.
    ///
    /// # Cancel safety
    ///
    /// As [`Producer::shutdown`].
    pub async fn shutdown(self, deadline: Duration) -> usize {
        self.checks.stop();
        self.producer.shutdown(deadline).await
    }
}

/// Everything that is no transaction.
impl Deref for TransactionProducer {
    type Target = Producer;

    fn deref(&self) -> &Producer {
        &self.producer
    }
}

impl fmt::Debug for TransactionProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionProducer")
            .field("group", &self.producer.group())
            .finish_non_exhaustive()
    }
}

/// A half message, stored and not delivered: commit it or roll it back.
///
/// Dropped undecided it answers *unknown*, never *rollback*: the local transaction may have committed just before the `?` or the
/// cancellation, and only the check can tell. While the handle lives, checks about its message are answered *unknown* without
/// asking the application: the local transaction is still running.
#[must_use = "an undecided transaction waits for the broker's check"]
pub struct Half {
    end: Option<End>,
    producer: Producer,
    receipt: SendReceipt,
    _open: Checked,
}

impl Half {
    /// Where the half message is stored.
    pub fn receipt(&self) -> &SendReceipt {
        &self.receipt
    }

    /// The id of the message, under which the local transaction can be remembered for the check.
    pub fn message_id(&self) -> &MessageId {
        self.receipt.message_id()
    }

    /// Has the message delivered.
    ///
    /// # Errors
    ///
    /// The broker did not confirm it, or refuses it: it will ask, and the check has to say *commit* again. If the outcome is
    /// [unknown](Error::outcome_unknown), the message may be delivered already.
    ///
    /// # Cancel safety
    ///
    /// The decision stands once this is polled: a future dropped then leaves it to the broker's check, or has it delivered.
    pub async fn commit(self) -> Result<(), Error> {
        self.decide(Resolution::Commit).await
    }

    /// Has the message dropped.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// As [`commit`](Self::commit).
    pub async fn rollback(self) -> Result<(), Error> {
        self.decide(Resolution::Rollback).await
    }

    /// From here on it is decided, and never again: dropping the future sends nothing else.
    async fn decide(mut self, resolution: Resolution) -> Result<(), Error> {
        match self.end.take() {
            Some(end) => end.send(&self.producer, resolution).await,
            None => Ok(()),
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let producer = self.producer.clone();
            self.producer.shared.client.core().tasks.spawn("undecided", async move {
                end.send_and_log(&producer, Resolution::Unknown).await;
            });
        }
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}
