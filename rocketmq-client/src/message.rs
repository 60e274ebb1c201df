//! [`Message`]: what an application hands to a producer.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    message::{MessageId, Properties, PropertiesWriter, PropertyError, property},
    names,
};

use crate::{Error, scratch};

/// A message to send: a topic, a body, and properties that travel with it.
///
/// ```
/// use rocketmq_client::Message;
///
/// let message = Message::new("orders", "hello").tag("paid").key("42").property("currency", "EUR");
/// assert_eq!(message.topic(), "orders");
/// ```
///
/// A message is a value: it can be cloned cheaply (the body is shared) and sent more than once, and sending does not
/// change it. What is wrong with it (an empty body, a forbidden character, a reserved name) is said when it is sent,
/// before anything goes over the wire.
#[derive(Clone)]
#[must_use = "a message does nothing until it is sent"]
pub struct Message {
    topic: Arc<str>,
    body: Bytes,
    flag: i32,
    tag: Option<Text>,
    keys: String,
    delay: Delay,
    priority: Option<u32>,
    wait_stored: bool,
    properties: Vec<(Text, Text)>,
    /// Rarer ones that the system gives a meaning.
    system: Vec<(&'static str, Text)>,
}

/// When a message is to be delivered. One of these: a level and a time together would mean the level
/// (`broker/util/HookUtils.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delay {
    None,
    Level(u8),
    After(Duration),
    /// In milliseconds since 1970.
    At(u64),
}

impl Message {
    /// A message for `topic`. Bodies may have 1 byte to 4 MiB.
    pub fn new(topic: impl Into<Arc<str>>, body: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            body: body.into(),
            flag: 0,
            tag: None,
            keys: String::new(),
            delay: Delay::None,
            priority: None,
            wait_stored: true,
            properties: Vec::new(),
            system: Vec::new(),
        }
    }

    /// Gives the message its one tag, which subscriptions can select by. Setting it again replaces it.
    #[doc(alias = "setTags")]
    pub fn tag(mut self, tag: impl Into<Text>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Adds a key under which the message can be looked up. A blank in it makes two keys of it.
    #[doc(alias = "setKeys")]
    pub fn key(mut self, key: impl fmt::Display) -> Self {
        let blank = if self.keys.is_empty() { "" } else { " " };
        self.keys = format!("{}{blank}{key}", self.keys);
        self
    }

    /// Adds a property of the application's own. Names that the system uses are refused when the message is sent.
    #[doc(alias = "putUserProperty")]
    pub fn property(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Has the broker deliver the message only after the delay of this level: 1 to 18 stand for 1 s, 5 s, 10 s, 30 s,
    /// 1 to 10 min by the minute, 20 min, 30 min, 1 h and 2 h, unless the broker is configured otherwise. Default 0: no
    /// delay. Replaces another delay.
    #[doc(alias = "setDelayTimeLevel")]
    pub fn delay_level(mut self, level: u8) -> Self {
        self.delay = if level == 0 { Delay::None } else { Delay::Level(level) };
        self
    }

    /// Has the broker deliver the message at this time, to a precision of 1 s and by its own clock; at once if the time has
    /// passed. Brokers from 5.0 on, at most three days ahead unless configured otherwise. Replaces another delay.
    #[doc(alias = "setDeliverTimeMs")]
    pub fn deliver_at(mut self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.delay = Delay::At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Has the broker deliver the message so long after it has stored it. As [`deliver_at`](Self::deliver_at) otherwise.
    #[doc(alias = "setDelayTimeMs")]
    #[doc(alias = "setDelayTimeSec")]
    pub fn deliver_after(mut self, delay: Duration) -> Self {
        self.delay = Delay::After(delay);
        self
    }

    /// Gives the message a priority, from 0: on topics of type PRIORITY, higher ones are popped first. Brokers from 5.4 on.
    #[doc(alias = "setPriority")]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Whether the broker is to answer only when the message is flushed and copied as the broker is configured. Default yes.
    #[doc(alias = "setWaitStoreMsgOK")]
    pub fn wait_stored(mut self, wait: bool) -> Self {
        self.wait_stored = wait;
        self
    }

    /// What keeps messages in one order, for readers of the message: the queue is chosen by
    /// [`to_queue_for`](crate::SendCall::to_queue_for).
    pub fn sharding_key(mut self, key: impl Into<Text>) -> Self {
        self.system.push((property::SHARDING_KEY, key.into()));
        self
    }

    /// Of a topic of type LITE, the lite topic that the message belongs to. Brokers from 5.5 on.
    #[doc(alias = "setLiteTopic")]
    pub fn lite_topic(mut self, lite_topic: impl Into<Text>) -> Self {
        self.system.push((property::LITE_TOPIC, lite_topic.into()));
        self
    }

    /// How long the broker waits before it asks for the first time what became of this message's transaction. Default: the
    /// broker's `transactionTimeOut`, 6 s.
    pub fn first_check_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs().to_string().into();
        self.system.push((property::CHECK_IMMUNITY_TIME_IN_SECONDS, seconds));
        self
    }

    /// A number that the servers carry along without looking at it. Default 0.
    #[doc(alias = "setFlag")]
    pub fn flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Adds a property, as [`property`](Self::property) does, to a message that is only borrowed: what
    /// [hooks](crate::SendHook) do.
    pub fn add_property(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        self.properties.push((name.into(), value.into()));
    }

    /// Where it goes.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What it says.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn into_body(self) -> Bytes {
        self.body
    }

    pub(crate) fn shared_topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(crate) fn tag_text(&self) -> Option<&Text> {
        self.tag.as_ref()
    }

    pub(crate) fn keys_text(&self) -> &str {
        &self.keys
    }

    pub(crate) fn flag_word(&self) -> i32 {
        self.flag
    }

    /// Checks what can be checked without a broker (`client/Validators.java`, `checkMessage`).
    pub(crate) fn check(&self, body_max: usize) -> Result<(), Error> {
        names::validate_topic(&self.topic)
            .map_err(|error| Error::invalid("a topic that cannot be sent to").with_source(error))?;
        if self.body.is_empty() {
            return Err(Error::invalid("a message without a body: brokers do not take one"));
        }
        if self.body.len() > body_max {
            let text = format!("a body of {} bytes is larger than {body_max}", self.body.len());
            return Err(Error::invalid(text));
        }
        Ok(())
    }

    /// A half message is delivered when its transaction is committed, and not at another time besides.
    pub(crate) fn check_half(&self) -> Result<(), Error> {
        match self.delay {
            Delay::None => Ok(()),
            _ => Err(Error::invalid("a message of a transaction with a delay: it would be lost")),
        }
    }

    /// Whether several messages of this kind can travel as one (`common/message/MessageBatch.java`): brokers look only at what
    /// the batch says as a whole, so that a delay would be lost.
    pub(crate) fn check_batched(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::invalid(format!("a batched message {why}")));
        if self.delay != Delay::None {
            return refused("with a delay: it would be lost");
        }
        if self.priority.is_some() {
            return refused("with a priority: it would be lost");
        }
        if names::is_retry_topic(&self.topic) {
            return refused("for a retry topic: brokers do not take one");
        }
        Ok(())
    }

    pub(crate) fn waits_stored(&self) -> bool {
        self.wait_stored
    }

    /// The properties in their form on the wire, with the message's id, and what the client adds of its own.
    pub(crate) fn wire_properties(
        &self,
        id: &MessageId,
        added: &[(&'static str, Text)],
        namespace: Option<&str>,
    ) -> Result<Properties, Error> {
        let written = self.write_properties(id, added, namespace);
        written.map_err(|error| Error::invalid("properties that cannot be sent").with_source(error))
    }

    fn write_properties(
        &self,
        id: &MessageId,
        added: &[(&'static str, Text)],
        namespace: Option<&str>,
    ) -> Result<Properties, PropertyError> {
        let own = self.properties.iter().map(|(name, value)| name.len() + value.len() + 2);
        let tag = self.tag.as_ref().map_or(0, |tag| tag.len());
        let room = 96 + tag + self.keys.len() + own.sum::<usize>();
        let mut writer = PropertiesWriter::with_buffer(scratch::buffer(room));
        for (name, value) in &self.properties {
            writer.put_user(name, value)?;
        }
        if !self.keys.is_empty() {
            writer.put(property::KEYS, &self.keys)?;
        }
        writer.put(property::UNIQ_KEY, id.as_str())?;
        writer.put(property::WAIT_STORE_MSG_OK, if self.wait_stored { "true" } else { "false" })?;
        if let Some(tag) = &self.tag {
            writer.put(property::TAGS, tag)?;
        }
        match self.delay {
            Delay::None => {}
            Delay::Level(level) => writer.put(property::DELAY_TIME_LEVEL, &level.to_string())?,
            Delay::After(delay) => {
                writer.put(property::TIMER_DELAY_MS, &delay.as_millis().to_string())?;
            }
            Delay::At(time) => writer.put(property::TIMER_DELIVER_MS, &time.to_string())?,
        }
        if let Some(priority) = self.priority {
            writer.put(property::PRIORITY, &priority.to_string())?;
        }
        if let Some(namespace) = namespace {
            writer.put(property::INSTANCE_ID, namespace)?;
        }
        for (name, value) in self.system.iter().chain(added) {
            writer.put(name, value)?;
        }
        writer.finish()
    }
}

/// Bodies and values may be personal: neither is shown.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("tag", &self.tag)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY_MAX: usize = 4 * 1024 * 1024;

    fn id() -> MessageId {
        MessageId::new("ID").unwrap()
    }

    #[test]
    fn properties_are_written_as_java_reads_them() {
        let message =
            Message::new("t", "b").tag("T").key(1).key("two").property("mine", "x").delay_level(3);
        let properties = message.wire_properties(&id(), &[], None).unwrap();
        assert_eq!(
            properties.as_bytes(),
            "mine\u{1}x\u{2}KEYS\u{1}1 two\u{2}UNIQ_KEY\u{1}ID\u{2}WAIT\u{1}true\u{2}TAGS\u{1}T\u{2}DELAY\u{1}3\u{2}"
        );
    }

    #[test]
    fn a_message_has_one_delay() {
        let check = |message: Message, expected: &str| {
            let properties = message.wire_properties(&id(), &[], None).unwrap();
            let text = String::from_utf8(properties.as_bytes().to_vec()).unwrap();
            assert_eq!(text.split_once("true\u{2}").unwrap().1, expected);
        };
        let message = || Message::new("t", "b").delay_level(3);
        check(message(), "DELAY\u{1}3\u{2}");
        check(message().delay_level(0), "");
        check(
            message().deliver_after(Duration::from_millis(1_500)),
            "TIMER_DELAY_MS\u{1}1500\u{2}",
        );
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_001);
        check(message().deliver_at(time), "TIMER_DELIVER_MS\u{1}1700000000001\u{2}");
        check(
            message().deliver_at(UNIX_EPOCH - Duration::from_secs(1)),
            "TIMER_DELIVER_MS\u{1}0\u{2}",
        );
        check(Message::new("t", "b").priority(7), "_SYS_MSG_PRIORITY_\u{1}7\u{2}");
    }

    #[test]
    fn what_brokers_would_refuse_is_refused_here() {
        let check = |message: Message, accepted: bool| {
            let checked = message.check(BODY_MAX);
            let checked =
                checked.and_then(|()| message.wire_properties(&id(), &[], None).map(drop));
            assert_eq!(checked.is_ok(), accepted, "{message:?}: {checked:?}");
        };
        check(Message::new("t", "b"), true);
        check(Message::new("t", ""), false);
        check(Message::new("", "b"), false);
        check(Message::new("a b", "b"), false);
        check(Message::new("t", vec![0; BODY_MAX]), true);
        check(Message::new("t", vec![0; BODY_MAX + 1]), false);
        check(Message::new("t", "b").property("TAGS", "x"), false);
        check(Message::new("t", "b").property("x", "a\u{1}b"), false);
        check(Message::new("t", "b").property("x", "y".repeat(40_000)), false);
    }

    #[test]
    fn a_body_does_not_show() {
        let shown = format!("{:?}", Message::new("t", "secret").property("token", "secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
