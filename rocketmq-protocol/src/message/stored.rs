//! [`Stored`]: a stored message taken apart, not yet copied.

use std::{net::SocketAddr, ops::Range};

use bytes::Bytes;

use super::{
    MessageExt, Properties, SysFlag,
    codec::{Damage, MAGIC_V1, MAGIC_V2},
};
use crate::Text;

/// The parts of a message where they lie. All are there: nothing can go wrong any more.
pub(super) struct Stored<'a> {
    before_hosts: &'a [u8; 48],
    born_host: Host<'a>,
    store_timestamp: &'a [u8; 8],
    store_host: Host<'a>,
    behind_hosts: &'a [u8; 16],
    body: Range<usize>,
    topic: Range<usize>,
    properties: Range<usize>,
}

impl<'a> Stored<'a> {
    #[inline]
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Damage> {
        let mut reader = Reader { bytes: message, at: 0 };
        let before_hosts = reader.take()?;
        let magic = word(before_hosts, 1);
        if !matches!(magic, MAGIC_V1 | MAGIC_V2) {
            return Err(Damage::Magic(magic));
        }
        let sys_flag = SysFlag(word(before_hosts, 9));
        let born_host = reader.host(sys_flag.contains(SysFlag::BORN_HOST_V6))?;
        let store_timestamp = reader.take()?;
        let store_host = reader.host(sys_flag.contains(SysFlag::STORE_HOST_V6))?;
        let behind_hosts = reader.take()?;
        let body = reader.part(word(behind_hosts, 3))?;
        let topic_len = match magic {
            MAGIC_V1 => i32::from(i8::from_be_bytes(*reader.take()?)),
            _ => i32::from(i16::from_be_bytes(*reader.take()?)),
        };
        let topic = reader.part(topic_len)?;
        let name = message.get(topic.clone()).unwrap_or_default();
        if !name.is_ascii() && std::str::from_utf8(name).is_err() {
            return Err(Damage::Topic);
        }
        let properties_len = i16::from_be_bytes(*reader.take()?);
        let properties = reader.part(i32::from(properties_len))?;
        if reader.at != message.len() {
            return Err(Damage::LeftOver(message.len() - reader.at));
        }
        Ok(Self {
            before_hosts,
            born_host,
            store_timestamp,
            store_host,
            behind_hosts,
            body,
            topic,
            properties,
        })
    }

    /// The message, which `pull` has from `start` on. Its fields in their order on the wire.
    #[inline]
    pub(super) fn message(&self, pull: &Bytes, start: usize) -> MessageExt {
        // References are counted as few as can be, and before numbers are read: they are what reading costs.
        let place = |part: &Range<usize>| start + part.start..start + part.end;
        let shared = |part: &Range<usize>| pull.slice(place(part));
        let (mut before, mut behind) = (Fields(self.before_hosts), Fields(self.behind_hosts));
        let [total, _magic] = [before.i32(), before.i32()];
        MessageExt {
            body: shared(&self.body),
            topic: Text::within_frame(pull, place(&self.topic)),
            properties: Properties::from_bytes(shared(&self.properties)),
            store_size: total.cast_unsigned(),
            body_crc: before.i32().cast_unsigned(),
            queue_id: before.i32(),
            flag: before.i32(),
            queue_offset: before.i64(),
            commit_log_offset: before.i64(),
            sys_flag: SysFlag(before.i32()),
            born_timestamp: before.i64(),
            born_host: self.born_host.into(),
            store_timestamp: i64::from_be_bytes(*self.store_timestamp),
            store_host: self.store_host.into(),
            reconsume_times: behind.i32(),
            prepared_transaction_offset: behind.i64(),
        }
    }
}

/// Its queue, and its positions there and in the commit log. Fixed positions say something only if the magic says that they are
/// those of a message.
pub(super) fn place(message: &[u8]) -> Option<(i32, i64, i64)> {
    let mut fields = Fields(message.first_chunk::<36>()?);
    let [_total, magic, _crc, queue_id, _flag] = [(); 5].map(|()| fields.i32());
    matches!(magic, MAGIC_V1 | MAGIC_V2).then(|| (queue_id, fields.i64(), fields.i64()))
}

/// One of several words of 32 bits.
#[inline]
fn word<const N: usize>(words: &[u8; N], index: usize) -> i32 {
    words.as_chunks().0.get(index).copied().map_or(0, i32::from_be_bytes)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], Damage> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.first_chunk::<N>().ok_or(Damage::Cut(self.at))?;
        self.at += N;
        Ok(found)
    }

    #[inline]
    fn host(&mut self, v6: bool) -> Result<Host<'a>, Damage> {
        let address = if v6 { Address::V6(self.take()?) } else { Address::V4(self.take()?) };
        let at = self.at;
        let port = i32::from_be_bytes(*self.take()?);
        Ok(Host { address, port: port.try_into().map_err(|_| Damage::Port(at))? })
    }

    #[inline]
    fn part(&mut self, length: i32) -> Result<Range<usize>, Damage> {
        let length = usize::try_from(length).map_err(|_| Damage::Length(self.at))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let part = self.at..end.ok_or(Damage::Cut(self.at))?;
        self.at = part.end;
        Ok(part)
    }
}

/// Fields side by side: they are there, or else none of them is asked for.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *taken
    }

    #[inline]
    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    #[inline]
    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }
}

/// A host where it lies: an address is made of it once the message is known to be whole.
#[derive(Clone, Copy)]
struct Host<'a> {
    address: Address<'a>,
    port: u16,
}

#[derive(Clone, Copy)]
enum Address<'a> {
    V4(&'a [u8; 4]),
    V6(&'a [u8; 16]),
}

impl From<Host<'_>> for SocketAddr {
    #[inline]
    fn from(host: Host<'_>) -> Self {
        match host.address {
            Address::V4(octets) => Self::new((*octets).into(), host.port),
            Address::V6(octets) => Self::new((*octets).into(), host.port),
        }
    }
}
