//! [`QueueTable`]: a map whose keys are queues.

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

use super::{MessageQueue, fastjson};

/// Something for each of several queues.
///
/// Java writes a queue that is a key as an object, which is not JSON: [`encode`](super::encode) does the same, because servers
/// refuse anything else. Written as JSON by other means, the key is the text of that object. Both forms are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTable<V>(pub BTreeMap<MessageQueue, V>);

impl<V> Default for QueueTable<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Deref for QueueTable<V> {
    type Target = BTreeMap<MessageQueue, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<V> DerefMut for QueueTable<V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<V> FromIterator<(MessageQueue, V)> for QueueTable<V> {
    fn from_iter<I: IntoIterator<Item = (MessageQueue, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for QueueTable<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A queue is an object of a text, a number and a text: it can be written.
        let key = |queue| serde_json::to_string(queue).unwrap_or_default();
        serializer.collect_map(self.0.iter().map(|(queue, value)| (key(queue), value)))
    }
}

/// Whether a key of a map is one that this table has written.
pub(super) fn is_queue_key(key: &[u8]) -> bool {
    key.starts_with(br#"{"brokerName":"#)
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for QueueTable<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for TableVisitor<V> {
    type Value = QueueTable<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of queues")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((key, value)) = pairs.next_entry::<String, V>()? {
            table.insert(
                fastjson::read(&key).map_err(|_| A::Error::custom("a key that is no queue"))?,
                value,
            );
        }
        Ok(QueueTable(table))
    }
}
