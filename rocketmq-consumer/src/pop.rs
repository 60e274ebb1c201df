//! POP: messages that brokers hand out for a while, whichever queue they lie in, and receipts to settle them by.
//!
//! ```text
//!   pop ──► out ── acknowledged in time ──► done
//!            │ ▲
//!            │ └── invisible for longer: a new receipt, the old one counts for nothing
//!            │
//!            └──── time is up ──► revived: out again under another receipt, one redelivery more
//! ```
//!
//! Nothing here waits or remembers: it reads answers, and says what to ask for next.

mod lite;

use std::{collections::BTreeMap, fmt, time::Duration};

use rocketmq_protocol::{
    Text,
    header::{ChangeInvisibleTimeResponseHeader, PopMessageResponseHeader},
    message::{MessageExt, Undecodable, property},
    pop::{
        InvalidPopInfo, OrderKey, QueueKey, Receipt, TopicKind, message_offsets, order_counts,
        start_offsets,
    },
};

pub use lite::popped_lite;

/// One popped message, or bytes that should have been one.
#[derive(Clone)]
#[non_exhaustive]
pub struct Popped {
    /// The message. One that comes again shows the topic that it was first sent to.
    pub content: Result<MessageExt, Undecodable>,
    /// What settles it. Absent if its bytes do not even say where it lies: it comes again, and nobody can stop it.
    pub receipt: Option<Receipt>,
}

/// Bodies may be personal: they are not shown.
impl fmt::Debug for Popped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.receipt {
            Some(receipt) => write!(f, "[{receipt}]")?,
            None => f.write_str("[no receipt]")?,
        }
        f.write_str(if self.content.is_err() { " (poison)" } else { "" })
    }
}

/// Puts receipts to the messages of an answer of `broker` (`client/impl/MQClientAPIImpl.java`, `processPopResponse`).
///
/// # Errors
///
/// When the broker's word on where the messages lie cannot be read. They come again when their time is up.
pub fn popped(
    broker: &Text,
    header: &PopMessageResponseHeader,
    messages: Vec<Result<MessageExt, Undecodable>>,
) -> Result<Vec<Popped>, InvalidPopInfo> {
    let mut places = Places::read(header)?;
    let popped = messages.into_iter().map(|mut content| {
        let receipt = match &content {
            Ok(message) => Some(places.of_message(broker, header, message)),
            Err(poison) => places.of_poison(broker, header, poison),
        };
        if let (Ok(message), Some(receipt)) = (&mut content, &receipt) {
            places.count(message, receipt);
        }
        Popped { content, receipt }
    });
    Ok(popped.collect())
}

/// What an answer says about where its messages lie.
struct Places {
    starts: BTreeMap<QueueKey, i64>,
    offsets: BTreeMap<QueueKey, Vec<i64>>,
    counts: BTreeMap<OrderKey, i32>,
    /// How many messages of each queue have been met.
    met: BTreeMap<QueueKey, usize>,
}

impl Places {
    fn read(header: &PopMessageResponseHeader) -> Result<Self, InvalidPopInfo> {
        let text = |info: &Option<Text>| info.as_deref().unwrap_or_default().to_owned();
        Ok(Self {
            starts: start_offsets(&text(&header.start_offset_info))?,
            offsets: message_offsets(&text(&header.msg_offset_info))?,
            counts: order_counts(&text(&header.order_count_info))?,
            met: BTreeMap::new(),
        })
    }

    /// A message that comes again carries its receipt already.
    fn of_message(
        &mut self,
        broker: &Text,
        header: &PopMessageResponseHeader,
        message: &MessageExt,
    ) -> Receipt {
        let carried = message.properties.get(property::POP_CK);
        let carried = carried.and_then(|text| text.parse::<Receipt>().ok());
        let kind = carried
            .as_ref()
            .map_or_else(|| TopicKind::of_topic(&message.topic), |receipt| receipt.kind);
        let key = QueueKey { kind, queue_id: message.queue_id };
        let receipt = self.next(broker, header, key, message.queue_offset);
        carried.unwrap_or(receipt)
    }

    fn of_poison(
        &mut self,
        broker: &Text,
        header: &PopMessageResponseHeader,
        poison: &Undecodable,
    ) -> Option<Receipt> {
        let key = QueueKey { kind: TopicKind::Normal, queue_id: poison.queue_id? };
        Some(self.next(broker, header, key, poison.queue_offset?))
    }

    /// The receipt of the next message of a queue. The broker's list counts; where there is none, the message's own word.
    fn next(
        &mut self,
        broker: &Text,
        header: &PopMessageResponseHeader,
        key: QueueKey,
        own_offset: i64,
    ) -> Receipt {
        let met = self.met.entry(key).or_default();
        let listed = self.offsets.get(&key).and_then(|offsets| offsets.get(*met)).copied();
        *met += 1;
        Receipt {
            // Without a checkpoint of the broker's, the first message of the queue begins it.
            start_offset: *self.starts.entry(key).or_insert(own_offset),
            pop_time: header.pop_time,
            invisible_time: header.invisible_time,
            revive_queue_id: header.revive_qid,
            kind: key.kind,
            broker_name: broker.clone(),
            queue_id: key.queue_id,
            queue_offset: listed.unwrap_or(own_offset),
            commit_log_offset: None,
        }
    }

    /// Queues that are popped in order count deliveries beside the messages, which stay as they were stored.
    fn count(&self, message: &mut MessageExt, receipt: &Receipt) {
        let queue = QueueKey { kind: receipt.kind, queue_id: receipt.queue_id };
        let of_message = self.counts.get(&OrderKey::Message(queue, receipt.queue_offset));
        let count = of_message.or_else(|| self.counts.get(&OrderKey::Queue(queue)));
        if let Some(count) = count.filter(|count| **count > 0) {
            message.reconsume_times = *count;
        }
    }
}

/// The receipt that takes the place of `receipt` once the broker has answered a change of its invisible time. All zeros: the
/// broker has changed nothing (an orderly pop that has been committed), and the old receipt stays.
pub fn changed(receipt: &Receipt, answer: &ChangeInvisibleTimeResponseHeader) -> Receipt {
    if answer.pop_time == 0 {
        return receipt.clone();
    }
    Receipt {
        start_offset: receipt.queue_offset,
        pop_time: answer.pop_time,
        invisible_time: answer.invisible_time,
        revive_queue_id: answer.revive_qid,
        ..receipt.clone()
    }
}

/// How long a message stays out of sight after each failure, in seconds
/// (`DefaultMQPushConsumerImpl.popDelayLevel`).
const LADDER: [u64; 16] =
    [10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];

/// How long a message is to stay out of sight that has failed after so many redeliveries: 10 s, 30 s, 1 min, … 2 h. A number
/// beyond the ladder is its last rung.
pub fn delay_after(redeliveries: u32) -> Duration {
    let last = LADDER.len() - 1;
    let rung = usize::try_from(redeliveries).unwrap_or(last).min(last);
    Duration::from_secs(LADDER[rung])
}

/// When to ask for more time for a handler that is still at work: when a third of the time is left, and never later than 5 s
/// before its end. `None`: too little is granted to be renewed at all.
pub fn renew_after(invisible: Duration) -> Option<Duration> {
    let spare = (invisible / 3).max(Duration::from_secs(5));
    invisible.checked_sub(spare).filter(|after| !after.is_zero())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rocketmq_protocol::message::{Properties, decode_messages, encode_message};

    use super::*;

    pub(super) fn message_with(properties: &str) -> MessageExt {
        message_at(0, 0, properties.to_owned())
    }

    fn message(queue_id: i32, offset: i64, receipt: Option<&str>) -> MessageExt {
        let properties = receipt.map(|text| format!("{}\u{1}{text}\u{2}", property::POP_CK));
        message_at(queue_id, offset, properties.unwrap_or_default())
    }

    fn message_at(queue_id: i32, offset: i64, properties: String) -> MessageExt {
        let address = ([127, 0, 0, 1], 1).into();
        let message = MessageExt {
            topic: Text::from("t"),
            queue_id,
            queue_offset: offset,
            commit_log_offset: 0,
            flag: 0,
            sys_flag: Default::default(),
            born_timestamp: 0,
            born_host: address,
            store_timestamp: 0,
            store_host: address,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: 0,
            body: "x".into(),
            properties: Properties::from_bytes(properties.into()),
            store_size: 0,
        };
        let mut bytes = BytesMut::new();
        encode_message(&message, &mut bytes);
        decode_messages(bytes.freeze()).next().unwrap().unwrap()
    }

    fn header(starts: &str, offsets: &str, counts: &str) -> PopMessageResponseHeader {
        let info = |text: &str| (!text.is_empty()).then(|| Text::from(text.to_owned()));
        PopMessageResponseHeader {
            pop_time: 1_700,
            invisible_time: 60,
            revive_qid: 2,
            rest_num: 0,
            start_offset_info: info(starts),
            msg_offset_info: info(offsets),
            order_count_info: info(counts),
        }
    }

    fn receipts(header: &PopMessageResponseHeader, messages: Vec<MessageExt>) -> Vec<String> {
        let messages = messages.into_iter().map(Ok).collect();
        let popped = popped(&Text::from("b"), header, messages).unwrap();
        popped.iter().map(|popped| popped.receipt.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn the_broker_says_where_messages_lie() {
        let header = header("0 3 100;1 0 7;0 4 1", "0 3 100,102;1 0 7;0 4 9", "");
        let again = "7 1600 60 1 1 b 0 7";
        let messages = vec![
            message(3, 100, None),
            message(0, 7, Some(again)),
            message(3, 102, None),
            message(4, 5, None),
        ];
        let expected =
            ["100 1700 60 2 0 b 3 100", again, "100 1700 60 2 0 b 3 102", "1 1700 60 2 0 b 4 9"];
        assert_eq!(receipts(&header, messages), expected);
    }

    #[test]
    fn where_the_broker_is_silent_messages_speak_for_themselves() {
        let messages = vec![message(3, 100, None), message(3, 102, None)];
        let expected = ["100 1700 60 2 0 b 3 100", "100 1700 60 2 0 b 3 102"];
        assert_eq!(receipts(&header("", "", ""), messages), expected);
    }

    #[test]
    fn orderly_answers_count_deliveries_beside_the_messages() {
        let header = header("0 3 1", "0 3 1,2", "0 3 1;0 qo3%2 4");
        let messages = vec![Ok(message(3, 1, None)), Ok(message(3, 2, None))];
        let popped = popped(&Text::from("b"), &header, messages).unwrap();
        let times = |popped: &Popped| popped.content.as_ref().unwrap().reconsume_times;
        assert_eq!(popped.iter().map(times).collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn poison_keeps_its_place_and_can_be_settled() {
        let mut bytes = BytesMut::new();
        encode_message(&message(3, 100, None), &mut bytes);
        let mut bytes = bytes.to_vec();
        let length = bytes.len();
        bytes[84..88].copy_from_slice(&(length as u32).to_be_bytes());
        let content = decode_messages(bytes.into()).next().unwrap();
        assert!(content.is_err());
        let popped = popped(
            &Text::from("b"),
            &header("0 3 100", "0 3 100,101", ""),
            vec![content, Ok(message(3, 101, None))],
        )
        .unwrap();
        let receipt = |at: usize| popped[at].receipt.as_ref().unwrap().queue_offset;
        assert_eq!((receipt(0), receipt(1)), (100, 101));
    }

    #[test]
    fn what_the_broker_cannot_mean_is_an_error() {
        let messages = vec![Ok(message(3, 100, None))];
        assert!(popped(&Text::from("b"), &header("0 3", "", ""), messages).is_err());
    }

    #[test]
    fn a_changed_receipt_begins_at_the_message() {
        let receipt: Receipt = "100 1700 60 2 0 b 3 102".parse().unwrap();
        let answer = ChangeInvisibleTimeResponseHeader {
            pop_time: 1_800,
            invisible_time: 90,
            revive_qid: 5,
        };
        assert_eq!(changed(&receipt, &answer).to_string(), "102 1800 90 5 0 b 3 102");
        assert_eq!(changed(&receipt, &ChangeInvisibleTimeResponseHeader::default()), receipt);
    }

    #[test]
    fn failures_climb_a_ladder() {
        let seconds = |redeliveries| delay_after(redeliveries).as_secs();
        assert_eq!([seconds(0), seconds(1), seconds(15), seconds(99)], [10, 30, 7_200, 7_200]);
    }

    #[test]
    fn renewal_comes_in_time_or_not_at_all() {
        let check = |seconds, expected: Option<u64>| {
            let after = renew_after(Duration::from_secs(seconds));
            assert_eq!(after.map(|after| after.as_secs()), expected, "{seconds} s");
        };
        check(60, Some(40));
        check(10, Some(5));
        check(5, None);
        check(0, None);
    }
}
