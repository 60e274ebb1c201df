//! [`Sending`]: a message on its way, over all attempts.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rocketmq_protocol::{
    Text,
    code::ResponseCode,
    header::SendMessageResponseHeader,
    message::{MessageId, Properties},
};
use rocketmq_route::{Contact, MessageQueue, TopicRoute};
use tokio::time::Instant;

use super::{
    Producer, SendContext, SendReceipt, SendStatus,
    attempt::Attempt,
    choosing::{Choosing, Target},
    wire::{Kind, Wire},
};
use crate::{Error, ErrorKind, Message, client::Core};

/// A message with everything that was said about how to send it.
pub(super) struct Draft {
    pub(super) message: Message,
    pub(super) kind: Kind,
    pub(super) target: Target,
    pub(super) timeout: Option<Duration>,
    /// Properties that the client itself adds.
    pub(super) added: Vec<(&'static str, Text)>,
    /// Why it cannot be sent, if that is known already.
    pub(super) invalid: Option<Error>,
}

impl Draft {
    pub(super) fn new(message: Message) -> Self {
        Self {
            message,
            kind: Kind::Message,
            target: Target::Any,
            timeout: None,
            added: Vec::new(),
            invalid: None,
        }
    }
}

impl Producer {
    /// Everything that can be refused without a broker is refused here.
    pub(super) fn admit(&self, draft: Draft) -> Result<Sending, Error> {
        let shared = &self.shared;
        let Draft { mut message, kind, mut target, timeout, added, invalid } = draft;
        self.check_open()?;
        if let Some(error) = invalid {
            return Err(error);
        }
        let mut context = SendContext::default();
        for hook in &*shared.options.hooks {
            hook.before_send(&mut message, &mut context).map_err(vetoed)?;
        }
        message.check(shared.options.max_message_size)?;
        if kind == Kind::Half {
            message.check_half()?;
        }
        // The topic of replies is the cluster's.
        let topic = match kind {
            Kind::Reply => Arc::clone(message.shared_topic()),
            _ => shared.client.core().namespace().wrap(message.shared_topic()),
        };
        if let Target::Queue(queue) = &mut target {
            if queue.topic != *message.shared_topic() {
                let text = format!("queue {queue} is not of topic {}", message.topic());
                return Err(Error::invalid(text));
            }
            queue.topic = Arc::clone(&topic);
        }
        let id = shared.client.core().new_message_id();
        let properties =
            message.wire_properties(&id, &added, shared.client.core().namespace().name())?;
        let wire = Wire::new(kind, message, properties);
        Ok(Sending::new(self.clone(), topic, id, wire, target, timeout, context))
    }
}

/// A message on its way, over all attempts.
pub(super) struct Sending {
    producer: Producer,
    topic: Arc<str>,
    id: MessageId,
    wire: Wire,
    choosing: Choosing,
    deadline: Instant,
    context: SendContext,
    /// How many messages it stands for.
    messages: u64,
}

impl Sending {
    pub(super) fn new(
        producer: Producer,
        topic: Arc<str>,
        id: MessageId,
        wire: Wire,
        target: Target,
        timeout: Option<Duration>,
        context: SendContext,
    ) -> Self {
        let options = &producer.shared.options;
        let choosing = Choosing::new(target, options.retries);
        let deadline = Instant::now() + timeout.unwrap_or(options.send_timeout);
        Self { producer, topic, id, wire, choosing, deadline, context, messages: 1 }
    }

    /// Counts as so many messages.
    pub(super) fn of_messages(mut self, messages: usize) -> Self {
        self.messages = messages as u64;
        self
    }

    pub(super) fn producer(&self) -> &Producer {
        &self.producer
    }

    pub(super) fn id(&self) -> MessageId {
        self.id
    }

    /// On the wire.
    pub(super) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn core(&self) -> &Core {
        self.producer.shared.client.core()
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn properties(&self) -> Properties {
        self.wire.properties()
    }

    pub(super) fn size(&self) -> usize {
        self.wire.body.len()
    }

    /// Of the body as the application gave it.
    pub(super) fn plain_length(&self) -> usize {
        self.wire.plain_length
    }

    pub(super) async fn run(&mut self) -> Result<SendReceipt, Error> {
        self.deliver().await.map(|stored| stored.receipt)
    }

    /// Sends the message, from the attempt on that is begun, and tells everybody how that ended.
    pub(super) async fn deliver_and_tell(&mut self, begun: Option<Begun>) -> Result<Stored, Error> {
        self.compress().await;
        let began = self.producer.shared.tracer.as_ref().map(|_| Instant::now());
        let outcome = self.attempts(begun).await;
        self.ended(began, &outcome);
        outcome
    }

    /// Tells everybody how the send ended; `began` where there is a tracer.
    pub(super) fn ended(&mut self, began: Option<Instant>, outcome: &Result<Stored, Error>) {
        let shared = &self.producer.shared;
        shared.counters.ended(self.messages, outcome);
        for hook in &*shared.options.hooks {
            hook.after_send(&mut self.context, outcome.as_ref().map(|stored| &stored.receipt));
        }
        if let (Some(tracer), Some(began), Ok(stored)) = (&shared.tracer, began, outcome) {
            self.trace(tracer, began, stored);
        }
    }

    /// Makes sure that every broker of the topic knows this client.
    pub(super) async fn meet_brokers(&self) -> Result<(), Error> {
        let route = self.route().await?;
        let core = self.core();
        for broker_name in route.publish_brokers() {
            if let Err(cause) = core.meet(broker_name, self.deadline).await {
                tracing::debug!(%cause, "a broker does not know this client");
            }
        }
        Ok(())
    }

    /// Hands the message to a connection, once.
    pub(super) async fn hand_over(&mut self) -> Result<(), Error> {
        self.compress().await;
        let route = self.route().await?;
        let step = self.step(&route)?.ok_or_else(|| self.no_queue())?;
        let step = Step { deadline: self.deadline, ..step };
        self.attempt(&step).oneway().await?;
        self.producer.shared.counters.oneway.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The first attempt, if nothing has to be waited for before it, and nobody takes the time of it.
    pub(super) fn first_step(&mut self) -> Option<Result<Step, Error>> {
        let shared = &self.producer.shared;
        let plain = self.wire.kind == Kind::Message
            && !self.wire.wants_compression(&shared.options.compression)
            && shared.faults.is_none()
            && shared.tracer.is_none();
        if !plain {
            return None;
        }
        let route = self.core().routes.table().route(&self.topic).cloned();
        let route = route.filter(|route| !route.publish_queues().is_empty())?;
        Some(self.step(&route).and_then(|step| step.ok_or_else(|| self.no_queue())))
    }

    async fn compress(&mut self) {
        let shared = &self.producer.shared;
        self.wire.compress(&shared.options.compression, &shared.client.core().tasks).await;
    }

    /// One attempt after another, each on another broker if there is one, until one succeeds, the error is final, or the
    /// deadline has passed (`client/impl/producer/DefaultMQProducerImpl.java`, `sendDefaultImpl`).
    async fn attempts(&mut self, mut begun: Option<Begun>) -> Result<Stored, Error> {
        let mut made = Made::default();
        loop {
            let Begun { step, outcome } = match begun.take() {
                Some(begun) => begun,
                None => match self.next_step().await? {
                    Ok(step) => Begun { step, outcome: None },
                    Err(error) => return made.end(error),
                },
            };
            made.attempts += 1;
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => self.attempt_at(&step, made.attempts).await,
            };
            let settled = self.is_settled(&step, &outcome);
            let error = match outcome {
                Ok(stored) if settled => return Ok(stored),
                Ok(stored) => {
                    made.unsafely = Some(stored);
                    None
                }
                Err(error) => Some(error),
            };
            let final_error = error.as_ref().is_some_and(|error| !self.is_worth_another(error));
            made.last = error.map(|error| made.note(error));
            if final_error || !self.choosing.may_retry() || Instant::now() >= self.deadline {
                return made.end(Error::timeout("the message was stored"));
            }
            tracing::debug!(queue = %step.queue, cause = ?made.last, "attempt to send failed");
            self.producer.shared.counters.retries.fetch_add(1, Ordering::Relaxed);
            self.choosing.failed(&step.queue.broker_name);
            self.core().routes.want(&self.topic);
        }
    }

    /// Where the next attempt goes; the inner error ends the attempts, the outer one is the outcome whatever they came to.
    async fn next_step(&mut self) -> Result<Result<Step, Error>, Error> {
        let route = match self.route().await {
            Ok(route) => route,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.step(&route)?.ok_or_else(|| self.no_queue()))
    }

    /// A step along a route. `None`: there is no queue.
    fn step(&mut self, route: &TopicRoute) -> Result<Option<Step>, Error> {
        let shared = &self.producer.shared;
        let queue = self.choosing.next(shared, &self.topic, route.publish_queues())?;
        let Some(queue) = queue else { return Ok(None) };
        for hook in &*shared.options.hooks {
            hook.before_attempt(&queue, &self.context).map_err(vetoed)?;
        }
        let elsewhere = self.choosing.may_retry() && route.has_several_brokers();
        Ok(Some(Step { queue, elsewhere, deadline: self.attempt_deadline(elsewhere) }))
    }

    async fn attempt_at(&self, step: &Step, nth: u32) -> Result<Stored, Error> {
        let shared = &self.producer.shared;
        let Some(faults) = &shared.faults else {
            return self.attempt(step).run(nth).await;
        };
        let began = Instant::now();
        let outcome = self.attempt(step).run(nth).await;
        let contact = match &outcome {
            Err(error) if error.response_code().is_none() => Contact::Lost,
            _ => Contact::Answered(began.elapsed()),
        };
        faults.record(&step.queue.broker_name, contact);
        outcome
    }

    /// Half of what is left, if another broker can have the other half: one that is silent must not use up the whole.
    fn attempt_deadline(&self, elsewhere: bool) -> Instant {
        if !elsewhere {
            return self.deadline;
        }
        let (now, limit) = (Instant::now(), self.producer.shared.options.attempt_timeout);
        let left = self.deadline.saturating_duration_since(now);
        now + limit.unwrap_or(left / 2).min(left)
    }

    /// The route of the topic, or where a topic that does not exist yet will be created.
    async fn route(&self) -> Result<Arc<TopicRoute>, Error> {
        let (core, topic) = (self.core(), &self.topic);
        let options = &self.producer.shared.options;
        if let Some(route) = core.routes.find(topic, self.deadline).await?
            && !route.publish_queues().is_empty()
        {
            return Ok(route);
        }
        let new = match options.create_topics {
            true => {
                core.routes.for_new_topic(topic, options.new_topic_queues, self.deadline).await?
            }
            false => None,
        };
        new.filter(|route| !route.publish_queues().is_empty())
            .map(Arc::new)
            .ok_or_else(|| self.no_queue())
    }

    pub(super) fn attempt<'a>(&'a self, step: &'a Step) -> Attempt<'a> {
        let shared = &self.producer.shared;
        Attempt {
            core: shared.client.core(),
            group: &shared.wire_group,
            queue: &step.queue,
            id: self.id,
            wire: &self.wire,
            keep_answer: self.wire.kind != Kind::Message || shared.tracer.is_some(),
            new_topic_queues: shared.options.new_topic_queues,
            deadline: step.deadline,
        }
    }

    /// Stored as the application wants it. If not, another broker may do better, and two of it will be stored then.
    pub(super) fn is_settled(&self, step: &Step, outcome: &Result<Stored, Error>) -> bool {
        let strict = self.producer.shared.options.retry_unless_safe && step.elsewhere;
        let safe = |stored: &Stored| stored.receipt.status() == SendStatus::Stored;
        outcome.as_ref().is_ok_and(|stored| !strict || safe(stored))
    }

    /// Whether another broker may do better: anything but an answer that says otherwise
    /// (`DefaultMQProducer.retryResponseCodes`).
    fn is_worth_another(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Protocol => true,
            ErrorKind::Refused => error.response_code().is_some_and(|code| {
                is_retried(code) || self.producer.shared.options.also_retried.contains(&code)
            }),
            _ => false,
        }
    }

    fn no_queue(&self) -> Error {
        let topic = self.core().namespace().unwrap(&self.topic);
        Error::new(
            ErrorKind::TopicNotFound,
            format!("topic {topic} has no queue that can be written"),
        )
    }
}

/// The codes after which Java tries another broker, and `FLOW_CONTROL`.
fn is_retried(code: ResponseCode) -> bool {
    crate::error::passes_with_time(code)
        || matches!(
            code,
            ResponseCode::NO_PERMISSION
                | ResponseCode::NO_BUYER_ID
                | ResponseCode::NOT_IN_CURRENT_UNIT
        )
}

pub(super) fn vetoed(cause: crate::BoxError) -> Error {
    Error::new(ErrorKind::Vetoed, "a hook refuses the message").with_source(cause)
}

/// An attempt: where it goes, and until when it may take.
pub(super) struct Step {
    queue: MessageQueue,
    /// Another broker can have the next attempt.
    elsewhere: bool,
    deadline: Instant,
}

/// A first attempt that somebody else has begun, or made.
pub(super) struct Begun {
    pub(super) step: Step,
    pub(super) outcome: Option<Result<Stored, Error>>,
}

/// A stored message, with what the broker says beyond the receipt.
pub(super) struct Stored {
    pub(super) receipt: SendReceipt,
    /// The whole answer, where somebody looks at it: otherwise it would be carried along for nothing.
    pub(super) answer: Option<Box<SendMessageResponseHeader>>,
}

/// The attempts so far: what the message's fate is if there is no other.
#[derive(Default)]
struct Made {
    attempts: u32,
    outcome_unknown: bool,
    last: Option<Error>,
    unsafely: Option<Stored>,
}

impl Made {
    fn note(&mut self, error: Error) -> Error {
        self.outcome_unknown |= error.outcome_unknown();
        error
    }

    /// What is stored is stored, however later attempts ended; otherwise the last attempt's error, or `error` if none was made.
    fn end(self, error: Error) -> Result<Stored, Error> {
        if let Some(stored) = self.unsafely {
            return Ok(stored);
        }
        let error = self.last.unwrap_or(error);
        Err(if self.outcome_unknown { error.unknown_outcome() } else { error })
    }
}
