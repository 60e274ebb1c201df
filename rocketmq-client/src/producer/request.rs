//! Request and reply: sending a message, and waiting for the message that answers it.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::{
    Command, Text,
    code::ResponseCode,
    header::ReplyMessageRequestHeader,
    message::{BodyLimits, MessageExt, Properties, SysFlag, property},
    names::reply_topic,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{Producer, SendCall, choosing::Target, sending::Draft, wire::Kind};
use crate::{Call, Delivery, Error, ErrorKind, Message, client::wall_millis};

/// A message about to be sent whose answer is waited for. Await it for the [`Reply`].
///
/// # Errors
///
/// As a [send](SendCall), and [`Timeout`](ErrorKind::Timeout) when no reply has come in time. The request may have been
/// consumed then.
///
/// # Cancel safety
///
/// Dropping the future gives up waiting; the request may have been sent.
#[must_use = "nothing is sent until awaited"]
pub struct RequestCall<'a> {
    producer: &'a Producer,
    draft: Draft,
}

impl<'a> RequestCall<'a> {
    pub(super) fn new(producer: &'a Producer, message: Message) -> Self {
        Self { producer, draft: Draft::new(message) }
    }

    /// Sends the request to the queue that belongs to this key: see [`SendCall::to_queue_for`].
    pub fn to_queue_for(mut self, key: impl super::QueueKey) -> Self {
        self.draft.target = Target::Hash(key.java_hash());
        self
    }

    /// Sends the request to this queue.
    pub fn to_queue(mut self, queue: rocketmq_route::MessageQueue) -> Self {
        self.draft.target = Target::Queue(queue);
        self
    }

    /// How long sending and waiting may take together. Default: the producer's
    /// [`send_timeout`](super::ProducerBuilder::send_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = Some(timeout);
        self
    }

    async fn run(self) -> Result<Reply, Error> {
        let Self { producer, mut draft } = self;
        let core = producer.shared.client.core();
        let timeout = draft.timeout.unwrap_or(producer.shared.options.send_timeout);
        let waiting = Waiting::new(&core.replies);
        draft.added = vec![
            (property::CORRELATION_ID, Text::from(&waiting.correlation_id)),
            (property::MESSAGE_REPLY_TO_CLIENT, Text::from(&core.id)),
            (property::MESSAGE_TTL, timeout.as_millis().to_string().into()),
        ];
        let deadline = Instant::now() + timeout;
        let mut sending = producer.admit(draft)?;
        sending.meet_brokers().await?;
        sending.run().await?;
        waiting.reply(deadline).await
    }
}

impl<'a> IntoFuture for RequestCall<'a> {
    type Output = Result<Reply, Error>;
    type IntoFuture = Call<'a, Reply>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(self.run())
    }
}

impl fmt::Debug for RequestCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestCall").field("message", &self.draft.message).finish_non_exhaustive()
    }
}

/// What somebody has answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    message: MessageExt,
}

impl Reply {
    /// The message that is the answer.
    pub fn message(&self) -> &MessageExt {
        &self.message
    }

    /// What it says.
    pub fn body(&self) -> &Bytes {
        &self.message.body
    }

    /// A property of it.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.message.properties.get(name)
    }
}

/// Bodies may be personal: they are not shown.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("body", &format_args!("{} bytes", self.message.body.len()))
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Sends a message and waits for the message that answers it.
    ///
    /// The consumer on the other side answers with [`reply`](Self::reply), in Java with `MessageUtil.createReplyMessage`.
    pub fn request(&self, message: Message) -> RequestCall<'_> {
        RequestCall::new(self, message)
    }

    /// An answer to a message that was sent as a [`request`](Self::request): await it, or choose another way first. The broker
    /// passes it on to who waits; if nobody does any more, that is an error here.
    #[doc(alias = "MessageUtil")]
    pub fn reply(&self, to: &Delivery, body: impl Into<Bytes>) -> SendCall<'_> {
        let need = |name: &'static str| {
            let value = to.property(name).map(|value| (name, Text::from(value.to_owned())));
            value.ok_or_else(|| {
                Error::invalid(format!("the message is no request: it lacks {name}"))
            })
        };
        let cluster = to.property(property::CLUSTER).unwrap_or_default();
        let mut draft = Draft::new(Message::new(reply_topic(cluster), body));
        draft.kind = Kind::Reply;
        // Who waits is known to the broker that took the request.
        draft.target = Target::Broker(Arc::clone(&to.queue().broker_name));
        draft.added.push((property::MESSAGE_TYPE, Text::from_static("reply")));
        let names =
            [property::CORRELATION_ID, property::MESSAGE_REPLY_TO_CLIENT, property::MESSAGE_TTL];
        for pair in names.map(need).into_iter().chain([need(property::CLUSTER)]) {
            match pair {
                Ok((property::CLUSTER, _)) => {}
                Ok(pair) => draft.added.push(pair),
                Err(error) => draft.invalid = Some(error),
            }
        }
        SendCall::new(self, draft)
    }
}

/// The requests of a client that wait for replies.
#[derive(Default)]
pub(crate) struct Replies {
    waiting: Mutex<HashMap<Arc<str>, oneshot::Sender<MessageExt>>>,
    late: AtomicU64,
}

impl Replies {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Arc<str>, oneshot::Sender<MessageExt>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker brings a reply. One that nobody waits for any more is counted, and is no error: the broker can do nothing about it
    /// (`client/impl/ClientRemotingProcessor.java`, `receiveReplyMessage`).
    pub(crate) fn arrived(&self, request: &Command) -> Command {
        let Some(message) = read(request) else {
            return Command::answer(request, ResponseCode::SYSTEM_ERROR)
                .with_remark("the reply cannot be read");
        };
        let id = message.properties.get(property::CORRELATION_ID).unwrap_or_default();
        let waiting = self.waiting().remove(id);
        if waiting.is_none_or(|waiting| waiting.send(message).is_err()) {
            self.late.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("a reply that nobody waits for");
        }
        Command::answer(request, ResponseCode::SUCCESS)
    }

    /// Replies that nobody waited for.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }
}

fn read(request: &Command) -> Option<MessageExt> {
    let header: ReplyMessageRequestHeader = request.header().ok()?;
    let properties = header.properties.as_deref().unwrap_or_default().to_owned();
    let message = MessageExt {
        topic: header.topic.detach(),
        queue_id: header.queue_id,
        queue_offset: 0,
        commit_log_offset: 0,
        flag: header.flag,
        sys_flag: SysFlag(header.sys_flag),
        born_timestamp: header.born_timestamp,
        born_host: address(&header.born_host),
        store_timestamp: header.store_timestamp,
        store_host: address(&header.store_host),
        reconsume_times: header.reconsume_times.unwrap_or(0),
        prepared_transaction_offset: 0,
        body_crc: 0,
        body: request.body.clone(),
        properties: Properties::from_bytes(with_arrival(properties).into()),
        store_size: 0,
    };
    let body = message.plain_body(&BodyLimits::default()).ok()?;
    Some(MessageExt { body, ..message })
}

fn with_arrival(properties: String) -> String {
    let end = if properties.is_empty() || properties.ends_with('\u{2}') { "" } else { "\u{2}" };
    format!("{properties}{end}{}\u{1}{}\u{2}", property::REPLY_MESSAGE_ARRIVE_TIME, wall_millis())
}

/// `/host:port`, as Java shows addresses.
fn address(text: &str) -> SocketAddr {
    let unknown = || SocketAddr::from(([0; 4], 0));
    text.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap_or_else(unknown)
}

/// A request that waits for its reply, and does so no longer once it is dropped.
struct Waiting<'a> {
    replies: &'a Replies,
    correlation_id: Arc<str>,
    reply: oneshot::Receiver<MessageExt>,
}

impl<'a> Waiting<'a> {
    fn new(replies: &'a Replies) -> Self {
        let correlation_id: Arc<str> = random_uuid().into();
        let (sender, reply) = oneshot::channel();
        replies.waiting().insert(Arc::clone(&correlation_id), sender);
        Self { replies, correlation_id, reply }
    }

    async fn reply(mut self, deadline: Instant) -> Result<Reply, Error> {
        match timeout_at(deadline, &mut self.reply).await {
            Ok(Ok(message)) => Ok(Reply { message }),
            Ok(Err(_)) => Err(Error::closed("client").unknown_outcome()),
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                "the request was stored, and no reply came before the deadline",
            )
            .unknown_outcome()),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.replies.waiting().remove(&self.correlation_id);
    }
}

/// A random UUID, version 4, as Java makes correlation ids.
fn random_uuid() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_ids_are_uuids() {
        let id = random_uuid();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_ne!(id, random_uuid());
    }

    #[test]
    fn who_gives_up_waits_no_longer() {
        let replies = Replies::default();
        let waiting = Waiting::new(&replies);
        assert_eq!(replies.waiting().len(), 1);
        drop(waiting);
        assert!(replies.waiting().is_empty());
    }

    #[test]
    fn addresses_are_read_as_java_shows_them() {
        assert_eq!(address("/127.0.0.1:7"), ([127, 0, 0, 1], 7).into());
        assert_eq!(address("host/10.0.0.1:7"), ([10, 0, 0, 1], 7).into());
        assert_eq!(address("nonsense").port(), 0);
    }
}
