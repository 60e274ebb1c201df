//! The store format of messages: what pulls, queries and checks carry.
//!
//! ```text
//! total i32 │ magic i32 │ body crc i32 │ queue id i32 │ flag i32 │ queue offset i64 │ commit-log offset i64 │ sys flag i32 │
//! born time i64 │ born host 4|16 + port i32 │ store time i64 │ store host 4|16 + port i32 │ reconsumed i32 │
//! prepared offset i64 │ body: i32, bytes │ topic: i8 (V1) or i16 (V2), bytes │ properties: i16, bytes
//! ```
//!
//! Upstream: `common/message/MessageDecoder.java`, `store/MessageExtEncoder.java`. Unlike Java, which ignores the total size and gives up
//! at the first message that it cannot read, this decoder holds every message to its total size: one that does not end where it
//! says is damaged, and the next is looked for where it says.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::{
    MessageExt, SysFlag, property,
    stored::{Stored, place},
};

pub(super) const MAGIC_V1: i32 = 0xDAA3_20A7_u32 as i32;
pub(super) const MAGIC_V2: i32 = 0xDAA3_20AB_u32 as i32;

/// The smallest message there can be: fixed fields, IPv4 hosts, nothing else.
const SMALLEST: usize = 91;

/// The messages of a pull, one by one.
///
/// A damaged message is an error of its own and does not hide those behind it.
pub fn decode_messages(body: Bytes) -> Messages {
    Messages { body, at: 0 }
}

/// Iterator of [`decode_messages`].
#[derive(Debug, Clone)]
pub struct Messages {
    body: Bytes,
    /// Where the next message begins.
    at: usize,
}

impl Iterator for Messages {
    type Item = Result<MessageExt, Undecodable>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.body.get(start..).filter(|rest| !rest.is_empty())?;
        let message = first_message(rest);
        // Where the next message begins is not known without it: the rest is one loss.
        self.at += message.unwrap_or(rest).len();
        match message.ok_or(Damage::TotalSize).and_then(Stored::read) {
            Ok(stored) => Some(Ok(stored.message(&self.body, start))),
            Err(damage) => lost(self.body.slice(start..self.at), damage),
        }
    }

    /// Exact: total sizes are looked at, so that what is collected has room at once.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let mut rest = self.body.get(self.at..).unwrap_or_default();
        let mut count = 0;
        while !rest.is_empty() {
            let length = first_message(rest).unwrap_or(rest).len();
            rest = rest.get(length..).unwrap_or_default();
            count += 1;
        }
        (count, Some(count))
    }
}

/// Apart from what is common, which is then written where it is wanted and not carried about.
#[cold]
#[inline(never)]
fn lost(bytes: Bytes, damage: Damage) -> Option<Result<MessageExt, Undecodable>> {
    Some(Err(Undecodable::new(bytes, damage)))
}

/// What the total size says is a message. `None`: it cannot be one, or is not there whole.
#[inline]
fn first_message(rest: &[u8]) -> Option<&[u8]> {
    let total = i32::from_be_bytes(*rest.first_chunk()?);
    rest.get(..usize::try_from(total).ok()?).filter(|message| message.len() >= SMALLEST)
}

/// A message that cannot be read: its bytes, and what can be told about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("undecodable message of {} bytes at queue offset {queue_offset:?}", bytes.len())]
pub struct Undecodable {
    /// Everything from its total size to its end, or to the end of the pull if the end is not known.
    pub bytes: Bytes,
    /// The queue it says it lies in, if that much is there.
    pub queue_id: Option<i32>,
    /// Its position in the queue, if that much is there.
    pub queue_offset: Option<i64>,
    /// Its position in the commit log, if that much is there.
    pub commit_log_offset: Option<i64>,
    /// What is wrong with it.
    #[source]
    pub damage: Damage,
}

impl Undecodable {
    fn new(bytes: Bytes, damage: Damage) -> Self {
        let place = place(&bytes);
        Self {
            queue_id: place.map(|place| place.0),
            queue_offset: place.map(|place| place.1),
            commit_log_offset: place.map(|place| place.2),
            bytes,
            damage,
        }
    }
}

/// What is wrong with a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The total size is smaller than any message or reaches beyond the bytes.
    #[error("the total size is impossible")]
    TotalSize,
    /// The magic number is none of a message.
    #[error("magic {0:#010x} is unknown")]
    Magic(i32),
    /// A field reaches beyond the message.
    #[error("a field ends behind the message, at byte {0}")]
    Cut(usize),
    /// The fields end before the total size does.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A length is negative.
    #[error("the length at byte {0} is negative")]
    Length(usize),
    /// The port of a host is none.
    #[error("the port at byte {0} is impossible")]
    Port(usize),
    /// The topic is not UTF-8.
    #[error("the topic is not UTF-8")]
    Topic,
    /// The body does not have the checksum it was stored with.
    #[error("the body's checksum does not match")]
    Crc,
}

/// The bits of a checksum that upstream keeps.
pub(super) const CRC_BITS: u32 = 0x7fff_ffff;

/// CRC-32 as upstream stores it, without the highest bit (`common/UtilAll.java`, `crc32`).
pub(super) fn body_crc(body: &[u8]) -> u32 {
    crc32fast::hash(body) & CRC_BITS
}

/// The property in which brokers with `enabledAppendPropCRC` keep a checksum of the whole message, in its form on the wire: ten digits,
/// the lowest first (`common/message/MessageDecoder.java`, `createCrc32`).
pub fn crc_property(crc: u32) -> Vec<u8> {
    let digits: String = format!("{crc:010}").chars().rev().collect();
    format!("{}\u{1}{digits}\u{2}", property::CRC32).into_bytes()
}

/// Writes a message in the store format: V1, or V2 if its topic is longer than 127 bytes. Total size, checksum and the address
/// bits of the system flag are computed; `store_size` and `body_crc` of `message` are not looked at.
///
/// For brokers in tests, and for tools. Lengths that do not fit their words are cut by the caller's duty: topics up to
/// 32,767 bytes and properties likewise.
pub fn encode_message(message: &MessageExt, out: &mut BytesMut) {
    let start = out.len();
    let long_topic = message.topic.len() > 127;
    let flag_of = |address: SocketAddr, bit| if address.is_ipv6() { bit } else { SysFlag(0) };
    let sys_flag = message
        .sys_flag
        .without(SysFlag::BORN_HOST_V6.with(SysFlag::STORE_HOST_V6))
        .with(flag_of(message.born_host, SysFlag::BORN_HOST_V6))
        .with(flag_of(message.store_host, SysFlag::STORE_HOST_V6));
    out.put_i32(0);
    out.put_i32(if long_topic { MAGIC_V2 } else { MAGIC_V1 });
    out.put_u32(body_crc(&message.body));
    out.put_i32(message.queue_id);
    out.put_i32(message.flag);
    out.put_i64(message.queue_offset);
    out.put_i64(message.commit_log_offset);
    out.put_i32(sys_flag.0);
    out.put_i64(message.born_timestamp);
    put_host(message.born_host, out);
    out.put_i64(message.store_timestamp);
    put_host(message.store_host, out);
    out.put_i32(message.reconsume_times);
    out.put_i64(message.prepared_transaction_offset);
    out.put_u32(message.body.len() as u32);
    out.put_slice(&message.body);
    if long_topic {
        out.put_u16(message.topic.len() as u16);
    } else {
        out.put_u8(message.topic.len() as u8);
    }
    out.put_slice(message.topic.as_bytes());
    let properties = message.properties.as_bytes();
    out.put_u16(properties.len() as u16);
    out.put_slice(properties);
    let total = (out.len() - start) as u32;
    if let Some(word) = out.get_mut(start..start + 4) {
        word.copy_from_slice(&total.to_be_bytes());
    }
}

fn put_host(host: SocketAddr, out: &mut BytesMut) {
    match host.ip() {
        IpAddr::V4(address) => out.put_slice(&address.octets()),
        IpAddr::V6(address) => out.put_slice(&address.octets()),
    }
    out.put_i32(i32::from(host.port()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Text, message::Properties};

    fn message(topic: &'static str, host: &str) -> MessageExt {
        let host = host.parse().unwrap();
        MessageExt {
            topic: Text::from(topic),
            queue_id: 3,
            queue_offset: 100,
            commit_log_offset: 123_456,
            flag: 0,
            sys_flag: SysFlag(0),
            born_timestamp: 1_700_000_000_000,
            born_host: host,
            store_timestamp: 1_700_000_000_123,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: body_crc(b"hello rocketmq"),
            body: Bytes::from_static(b"hello rocketmq"),
            properties: Properties::from_bytes(Bytes::from_static(b"TAGS\x01TagA\x02")),
            store_size: 0,
        }
    }

    fn encoded(message: &MessageExt) -> Bytes {
        let mut out = BytesMut::new();
        encode_message(message, &mut out);
        out.freeze()
    }

    #[test]
    fn what_is_written_is_read() {
        for (topic, host) in [("T", "10.0.0.1:50000"), ("T", "[2001:db8::1]:1")] {
            let original = message(topic, host);
            let bytes = encoded(&original);
            let read = decode_messages(bytes.clone()).next().unwrap().unwrap();
            assert_eq!(read.store_size as usize, bytes.len());
            let sys_flag = if host.starts_with('[') { SysFlag(0x30) } else { SysFlag(0) };
            assert_eq!(read, MessageExt { store_size: read.store_size, sys_flag, ..original });
            let with_crc = |body_crc| MessageExt { body_crc, ..read.clone() };
            assert!(read.crc_matches() && with_crc(read.body_crc | 0x8000_0000).crc_matches());
            assert!(!with_crc(read.body_crc ^ 1).crc_matches());
            assert_eq!(read.tag(), Some("TagA"));
            assert_eq!(read.properties.get(property::KEYS), None);
        }
    }

    #[test]
    fn a_damaged_message_does_not_hide_its_neighbours() {
        let good = encoded(&message("T", "10.0.0.1:1"));
        let damaged = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            bytes
        };
        let check = |bad: Vec<u8>, damage: Damage| {
            let pull = [&good[..], &bad, &good].concat();
            let read: Vec<_> = decode_messages(pull.into()).collect();
            assert!(read.len() == 3 && read[0].is_ok() && read[2].is_ok(), "{damage:?}");
            let lost = read[1].as_ref().unwrap_err();
            assert_eq!(lost.damage, damage);
            assert_eq!(&lost.bytes, &bad);
        };
        check(damaged(7, 0), Damage::Magic(0xDAA3_2000_u32 as i32));
        check(damaged(good.len() - 11, 9), Damage::LeftOver(1));
        check(damaged(87, 13), Damage::Cut(102));
        check(damaged(84, 0x80), Damage::Length(88));
        check(damaged(84, 0x7f), Damage::Cut(88));
        check(damaged(53, 1), Damage::Port(52));
    }

    #[test]
    fn a_total_size_that_leads_nowhere_ends_the_pull() {
        let good = encoded(&message("T", "10.0.0.1:1"));
        let pull = [&good[..], &[0, 0, 0, 1, 9, 9]].concat();
        let mut messages = decode_messages(pull.into());
        assert_eq!(messages.size_hint(), (2, Some(2)));
        let read: Vec<_> = messages.by_ref().collect();
        assert_eq!((read.len(), messages.size_hint()), (2, (0, Some(0))));
        assert_eq!(read[1].as_ref().unwrap_err().damage, Damage::TotalSize);
    }
}
