//! [`Message`]: what an application hands to a producer.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    message::{MessageId, Properties, PropertiesWriter, PropertyError, property},
    names,
};

use crate::Error;

/// The largest body that is sent: 4 MiB, as Java and the brokers' default have it (`maxMessageSize`).
pub(crate) const BODY_MAX: usize = 4 * 1024 * 1024;

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
    delay_level: u8,
    properties: Vec<(Text, Text)>,
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
            delay_level: 0,
            properties: Vec::new(),
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
    /// delay.
    #[doc(alias = "setDelayTimeLevel")]
    pub fn delay_level(mut self, level: u8) -> Self {
        self.delay_level = level;
        self
    }

    /// A number that the servers carry along without looking at it. Default 0.
    #[doc(alias = "setFlag")]
    pub fn flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Where it goes.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What it says.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn shared_topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(crate) fn flag_word(&self) -> i32 {
        self.flag
    }

    /// Checks what can be checked without a broker (`client/Validators.java`, `checkMessage`).
    pub(crate) fn check(&self) -> Result<(), Error> {
        names::validate_topic(&self.topic)
            .map_err(|error| Error::invalid("a topic that cannot be sent to").with_source(error))?;
        if self.body.is_empty() {
            return Err(Error::invalid("a message without a body: brokers do not take one"));
        }
        if self.body.len() > BODY_MAX {
            let text = format!("a body of {} bytes is larger than {BODY_MAX}", self.body.len());
            return Err(Error::invalid(text));
        }
        Ok(())
    }

    /// The properties in their form on the wire, with the message's id among them.
    pub(crate) fn wire_properties(&self, id: &MessageId) -> Result<Properties, Error> {
        let written = self.write_properties(id);
        written.map_err(|error| Error::invalid("properties that cannot be sent").with_source(error))
    }

    fn write_properties(&self, id: &MessageId) -> Result<Properties, PropertyError> {
        let own = self.properties.iter().map(|(name, value)| name.len() + value.len() + 2);
        let mut writer = PropertiesWriter::with_capacity(96 + self.keys.len() + own.sum::<usize>());
        for (name, value) in &self.properties {
            writer.put_user(name, value)?;
        }
        if !self.keys.is_empty() {
            writer.put(property::KEYS, &self.keys)?;
        }
        writer.put(property::UNIQ_KEY, id.as_str())?;
        writer.put(property::WAIT_STORE_MSG_OK, "true")?;
        if let Some(tag) = &self.tag {
            writer.put(property::TAGS, tag)?;
        }
        if self.delay_level > 0 {
            writer.put(property::DELAY_TIME_LEVEL, &self.delay_level.to_string())?;
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

    fn id() -> MessageId {
        MessageId::new("ID").unwrap()
    }

    #[test]
    fn properties_are_written_as_java_reads_them() {
        let message =
            Message::new("t", "b").tag("T").key(1).key("two").property("mine", "x").delay_level(3);
        let properties = message.wire_properties(&id()).unwrap();
        assert_eq!(
            properties.as_bytes(),
            "mine\u{1}x\u{2}KEYS\u{1}1 two\u{2}UNIQ_KEY\u{1}ID\u{2}WAIT\u{1}true\u{2}TAGS\u{1}T\u{2}DELAY\u{1}3\u{2}"
        );
    }

    #[test]
    fn what_brokers_would_refuse_is_refused_here() {
        let check = |message: Message, accepted: bool| {
            let checked = message.check().and_then(|()| message.wire_properties(&id()).map(drop));
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
