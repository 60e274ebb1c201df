//! Ids of messages: where one is stored, and what its producer called it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use thiserror::Error;

use crate::java;

/// The longest id in either form: 28 bytes as hexadecimal digits.
const LONGEST: usize = 56;

/// The text of a message id, held in place: no heap, and cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    length: u8,
    text: [u8; LONGEST],
}

impl MessageId {
    /// An id of up to 56 ASCII characters. Anything else is no id that upstream makes.
    pub fn new(text: &str) -> Option<Self> {
        let length = u8::try_from(text.len()).ok()?;
        let mut held = [0; LONGEST];
        held.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        text.is_ascii().then_some(Self { length, text: held })
    }

    /// Upper-case hexadecimal digits, as upstream writes ids.
    fn of_bytes<const N: usize>(parts: [&[u8]; N]) -> Self {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut held = [0; LONGEST];
        let mut places = held.as_chunks_mut::<2>().0.iter_mut();
        for part in parts {
            for (byte, place) in part.iter().zip(&mut places) {
                *place = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            }
        }
        let length = parts.iter().map(|part| 2 * part.len() as u8).sum();
        Self { length, text: held }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for MessageId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Where a message is stored (`common/message/MessageDecoder.java`, `createMessageId`).
///
/// As text: the broker's address, its port and the offset in its commit log, 32 hexadecimal digits for IPv4 and 56 for
/// IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OffsetMessageId {
    /// The broker's address.
    pub store_host: SocketAddr,
    /// The position in its commit log.
    pub commit_log_offset: i64,
}

impl OffsetMessageId {
    /// The id as text.
    pub fn to_message_id(self) -> MessageId {
        let port = i32::from(self.store_host.port()).to_be_bytes();
        let offset = self.commit_log_offset.to_be_bytes();
        match self.store_host.ip() {
            IpAddr::V4(address) => MessageId::of_bytes([&address.octets(), &port, &offset]),
            IpAddr::V6(address) => MessageId::of_bytes([&address.octets(), &port, &offset]),
        }
    }
}

impl fmt::Display for OffsetMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_message_id(), f)
    }
}

/// A text that is no message id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "not a message id: 32 or 56 hexadecimal digits are, with a port up to 65535 in an offset id"
)]
pub struct InvalidMessageId;

impl FromStr for OffsetMessageId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let (bytes, digits) = bytes_of_hex(text)?;
        let (address, rest) = split_address(&bytes, digits)?;
        let (port, rest) = rest.split_first_chunk::<4>().ok_or(InvalidMessageId)?;
        let port = u16::try_from(i32::from_be_bytes(*port)).map_err(|_| InvalidMessageId)?;
        let offset = rest.first_chunk::<8>().ok_or(InvalidMessageId)?;
        Ok(Self {
            store_host: SocketAddr::new(address, port),
            commit_log_offset: i64::from_be_bytes(*offset),
        })
    }
}

/// What is the same in all ids that one process makes (`common/message/MessageClientIDSetter.java`).
///
/// ```text
/// address 4|16 │ process id u16 │ a number of the process u32 │ ms since the month began u32 │ counter u16
/// ```
///
/// The clock is there for people. Ids are unique by address, process, number and counter as long as fewer than 65,536 are made
/// within a millisecond.
#[derive(Debug, Clone, Copy)]
pub struct UniqueIdPrefix {
    address: IpAddr,
    process: u16,
    number: u32,
}

impl UniqueIdPrefix {
    /// `process`: the process id, of which the low 16 bits count. `number`: anything that differs between processes.
    pub fn new(address: IpAddr, process: u32, number: u32) -> Self {
        Self { address, process: process as u16, number }
    }

    /// The id for the `counter`-th message, made at `now`, in milliseconds since 1970.
    pub fn id(&self, now: i64, counter: u32) -> MessageId {
        let process = self.process.to_be_bytes();
        let number = self.number.to_be_bytes();
        // Java keeps 32 bits of the difference; a month has more than fit into 31.
        let millis = ((now - month_start(now)) as u32).to_be_bytes();
        let counter = (counter as u16).to_be_bytes();
        match self.address {
            IpAddr::V4(ip) => {
                MessageId::of_bytes([&ip.octets(), &process, &number, &millis, &counter])
            }
            IpAddr::V6(ip) => {
                MessageId::of_bytes([&ip.octets(), &process, &number, &millis, &counter])
            }
        }
    }
}

/// Makes ids, without a lock: any number of threads may ask at once.
///
/// No two are alike, however the clock is set back and however many are made in a millisecond: the time in an id never goes
/// back, and moves on by itself when the counter has come round.
#[derive(Debug)]
pub struct UniqueIds {
    prefix: UniqueIdPrefix,
    /// The last id's milliseconds since 1970 in the upper 48 bits, its counter in the lower 16.
    last: AtomicU64,
}

impl UniqueIds {
    /// Ids that begin alike.
    pub fn new(prefix: UniqueIdPrefix) -> Self {
        Self { prefix, last: AtomicU64::new(0) }
    }

    /// The next id. `now`: milliseconds since 1970.
    pub fn next(&self, now: i64) -> MessageId {
        let now = u64::try_from(now).unwrap_or(0);
        let step = |last: u64| {
            let counter = (last as u16).wrapping_add(1);
            let time = (last >> 16).max(now);
            // The counter goes round once in 65,536 ids; where they are all of one millisecond, it is over.
            let over = counter == 0 && time == last >> 16;
            (time + u64::from(over)) << 16 | u64::from(counter)
        };
        let taken = |last| Some(step(last));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        let id = step(last.unwrap_or_else(|last| last));
        self.prefix.id((id >> 16) as i64, (id & 0xffff) as u32)
    }
}

/// An id made by a producer, taken apart. Nothing but people looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniqueId {
    /// The producer's address, as it knew it.
    pub address: IpAddr,
    /// The low 16 bits of its process id.
    pub process: u16,
    /// A number of the process.
    pub number: u32,
    /// Milliseconds since the month began in which it was made.
    pub millis: u32,
    /// Which of the ids of the process it is, in 16 bits.
    pub counter: u16,
}

impl UniqueId {
    /// When it was made, in milliseconds since 1970, if that was in the month before `now` or in the one before that. Java counts
    /// months in the time zone of the machine, here it is UTC.
    pub fn made_at(&self, now: i64) -> i64 {
        let month = month_start(now);
        let this_month = month + i64::from(self.millis);
        if this_month < now { this_month } else { month_start(month - 1) + i64::from(self.millis) }
    }
}

impl FromStr for UniqueId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let (bytes, length) = bytes_of_hex(text)?;
        let (address, rest): (IpAddr, &[u8]) = split_address(&bytes, length)?;
        let (process, rest) = rest.split_first_chunk().ok_or(InvalidMessageId)?;
        let (number, rest) = rest.split_first_chunk().ok_or(InvalidMessageId)?;
        let (millis, rest) = rest.split_first_chunk().ok_or(InvalidMessageId)?;
        let counter = rest.first_chunk().ok_or(InvalidMessageId)?;
        Ok(Self {
            address,
            process: u16::from_be_bytes(*process),
            number: u32::from_be_bytes(*number),
            millis: u32::from_be_bytes(*millis),
            counter: u16::from_be_bytes(*counter),
        })
    }
}

/// The bytes of hexadecimal digits, and how many digits there were.
fn bytes_of_hex(text: &str) -> Result<([u8; LONGEST / 2], usize), InvalidMessageId> {
    let mut bytes = [0; LONGEST / 2];
    let digits = text.as_bytes();
    let held = bytes.get_mut(..digits.len() / 2).ok_or(InvalidMessageId)?;
    let value = |digit: u8| char::from(digit).to_digit(16).ok_or(InvalidMessageId);
    for (byte, [high, low]) in held.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = (value(*high)? << 4 | value(*low)?) as u8;
    }
    Ok((bytes, digits.len()))
}

/// 32 digits begin with an IPv4 address, 56 with an IPv6 address.
fn split_address(bytes: &[u8], digits: usize) -> Result<(IpAddr, &[u8]), InvalidMessageId> {
    match digits {
        32 => bytes.split_first_chunk::<4>().map(|(ip, rest)| (IpAddr::from(*ip), rest)),
        56 => bytes.split_first_chunk::<16>().map(|(ip, rest)| (IpAddr::from(*ip), rest)),
        _ => None,
    }
    .ok_or(InvalidMessageId)
}

const DAY: i64 = 86_400_000;

/// Midnight of the first day of the month, in milliseconds since 1970. Java takes local time; nothing depends on it.
fn month_start(now: i64) -> i64 {
    let day = now.div_euclid(DAY);
    (day - i64::from(java::Date::of_day(day).day) + 1) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_ids_have_the_form_of_java() {
        let check = |host: &str, offset, text: &str| {
            let id =
                OffsetMessageId { store_host: host.parse().unwrap(), commit_log_offset: offset };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.to_lowercase().parse(), Ok(id));
        };
        check("10.0.0.2:10911", 123_456, "0A00000200002A9F000000000001E240");
        check(
            "[2001:db8::2]:10911",
            123_456,
            "20010DB800000000000000000000000200002A9F000000000001E240",
        );
        for wrong in
            ["", "0A", "0A00000200012A9F000000000001E240", "xA00000200002A9F000000000001E240"]
        {
            assert_eq!(wrong.parse::<OffsetMessageId>(), Err(InvalidMessageId), "{wrong}");
        }
    }

    #[test]
    fn unique_ids_have_the_form_of_java() {
        let check = |address: &str, process, number, since, counter, text: &str| {
            let november_2023: i64 = 1_698_796_800_000;
            let prefix = UniqueIdPrefix::new(address.parse().unwrap(), process, number);
            assert_eq!(prefix.id(november_2023 + since, counter).as_str(), text);
        };
        check("127.0.0.1", 3868, 0x18B4_AAC2, 100_000, 0, "7F0000010F1C18B4AAC2000186A00000");
        let later = 1_203_200_000;
        check("10.0.0.1", 70_000, 0x18B4_AAC2, later, 65_537, "0A000001117018B4AAC247B760000001");
        let v6 = "20010DB80000000000000000000000010001DEADBEEF47B760000001";
        check("2001:db8::1", 1, 0xDEAD_BEEF, later, 1, v6);
    }

    /// F39: ids are unique, whatever the clock does.
    #[test]
    fn f39_ids_are_unique_while_the_clock_is_set_back() {
        let ids = UniqueIds::new(UniqueIdPrefix::new([10, 0, 0, 1].into(), 1, 2));
        let now = 1_700_000_000_000;
        let clocks = [now, now - 3_600_000, now + 1, now - 1];
        let made: std::collections::BTreeSet<_> =
            clocks.iter().flat_map(|now| (0..70_000).map(|_| ids.next(*now))).collect();
        assert_eq!(made.len(), clocks.len() * 70_000);
    }

    /// F39: several threads never get the same id.
    #[test]
    fn f39_threads_share_a_generator_without_a_lock() {
        let ids = UniqueIds::new(UniqueIdPrefix::new([10, 0, 0, 1].into(), 1, 2));
        let made = std::sync::Mutex::new(std::collections::BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mine: Vec<_> = (0..50_000).map(|_| ids.next(1_700_000_000_000)).collect();
                    made.lock().unwrap().extend(mine);
                });
            }
        });
        assert_eq!(made.into_inner().unwrap().len(), 200_000);
    }

    #[test]
    fn unique_ids_are_taken_apart() {
        let id: UniqueId = "0A000001117018B4AAC247B760000001".parse().unwrap();
        assert_eq!(id.address, IpAddr::from([10, 0, 0, 1]));
        assert_eq!((id.process, id.number, id.counter), (0x1170, 0x18B4_AAC2, 1));
        assert_eq!(id.made_at(1_700_000_000_001), 1_700_000_000_000);
        assert_eq!(id.made_at(1_702_000_000_000), 1_698_796_800_000 + 1_203_200_000);
    }
}
