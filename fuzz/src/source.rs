//! Values made of a fuzzer's bytes.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// Bytes that are taken from the front. When they are used up, everything is zero and empty.
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    pub fn long(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }

    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.byte()) % values.len()]
    }

    /// Up to 65,535 bytes behind a length.
    pub fn bytes(&mut self) -> Bytes {
        let length = usize::from(u16::from_be_bytes(self.array()));
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Bytes::copy_from_slice(taken)
    }

    /// What can be read of up to 255 bytes behind a length.
    pub fn text(&mut self) -> String {
        let length = usize::from(self.byte());
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        String::from_utf8_lossy(taken).into_owned()
    }

    /// A text in which none of these is, and which is not empty.
    pub fn text_without(&mut self, separators: &[char]) -> String {
        let text = self.text().replace(separators, "");
        if text.is_empty() { "x".to_owned() } else { text }
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    /// As many as a byte says, up to 16.
    pub fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = usize::from(self.byte() & 15);
        let mut list = Vec::new();
        while list.len() < count && !self.is_empty() {
            list.push(make(self));
        }
        list
    }

    pub fn address(&mut self) -> SocketAddr {
        let ip: IpAddr =
            if self.flag() { self.array::<16>().into() } else { self.array::<4>().into() };
        SocketAddr::new(ip, u16::from_be_bytes(self.array()))
    }
}
