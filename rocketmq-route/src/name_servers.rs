//! [`NameServers`]: which name server to ask next.

use std::sync::Arc;

use thiserror::Error;

/// The name servers a client may ask, and which of them answered last.
///
/// The one that answered is asked first until it fails. Java's way of one attempt a request, however many servers there are, is not
/// followed: [`candidates`](Self::candidates) are all to be tried within the deadline of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServers {
    addresses: Vec<Arc<str>>,
    preferred: usize,
}

/// A list that names no server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameServerListError {
    /// Nothing but separators.
    #[error("the list of name servers is empty")]
    Empty,
    /// An entry without a port.
    #[error("name server `{0}` has no port: `host:port` is expected")]
    Port(String),
}

impl NameServers {
    /// Reads a list in Java's form, `host:port` joined by semicolons; commas are understood too, and `http://` in
    /// front of an entry is ignored as Java ignores it. `start` decides who is asked first.
    ///
    /// # Errors
    ///
    /// When there is no entry, or one without a port.
    pub fn parse(list: &str, start: usize) -> Result<Self, NameServerListError> {
        let mut addresses: Vec<Arc<str>> = Vec::new();
        for entry in list.split([';', ',']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let address = entry.rsplit('/').next().unwrap_or(entry);
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(NameServerListError::Port(address.to_owned()));
            }
            if !addresses.iter().any(|known| &**known == address) {
                addresses.push(address.into());
            }
        }
        match addresses.len() {
            0 => Err(NameServerListError::Empty),
            count => Ok(Self { addresses, preferred: start % count }),
        }
    }

    /// Takes another list. Whoever is asked first stays so if the list has it. Returns the servers that are gone.
    pub fn replace(&mut self, list: Self) -> Vec<Arc<str>> {
        let first = self.addresses.get(self.preferred).cloned();
        let old = std::mem::replace(self, list).addresses;
        if let Some(first) = first {
            self.answered(&first);
        }
        old.into_iter().filter(|address| !self.addresses.contains(address)).collect()
    }

    /// Every server once, in the order in which to try them.
    pub fn candidates(&self) -> impl Iterator<Item = &Arc<str>> {
        let (tried_last, tried_first) =
            self.addresses.split_at(self.preferred.min(self.addresses.len()));
        tried_first.iter().chain(tried_last)
    }

    /// This server has answered: ask it first from now on.
    pub fn answered(&mut self, address: &str) {
        if let Some(found) = self.addresses.iter().position(|known| &**known == address) {
            self.preferred = found;
        }
    }

    /// This server has not answered: if it was first, ask the next first from now on.
    pub fn failed(&mut self, address: &str) {
        if self.addresses.get(self.preferred).is_some_and(|first| &**first == address) {
            self.preferred = (self.preferred + 1) % self.addresses.len().max(1);
        }
    }

    /// All of them, in the order given.
    pub fn addresses(&self) -> &[Arc<str>] {
        &self.addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(servers: &NameServers) -> String {
        servers.candidates().map(|address| address.split(':').next().unwrap()).collect()
    }

    #[test]
    fn lists_are_read_as_java_writes_them() {
        let check = |list: &str, expected: &str| {
            assert_eq!(
                NameServers::parse(list, 0).map(|servers| order(&servers)),
                Ok(expected.into())
            );
        };
        check("a:9876", "a");
        check("a:9876;b:9876; c:1;", "abc");
        check("a:1,b:2;a:1", "ab");
        check("http://a:9876", "a");
        let v6 = NameServers::parse("[::1]:9876", 0).unwrap();
        assert_eq!(v6.addresses(), [Arc::from("[::1]:9876")]);
        assert_eq!(NameServers::parse(" ; ", 0), Err(NameServerListError::Empty));
        assert_eq!(NameServers::parse("a", 0), Err(NameServerListError::Port("a".into())));
        assert_eq!(NameServers::parse("a:x", 0), Err(NameServerListError::Port("a:x".into())));
    }

    #[test]
    fn a_new_list_keeps_what_it_can() {
        let mut servers = NameServers::parse("a:1;b:1;c:1", 1).unwrap();
        let gone = servers.replace(NameServers::parse("d:1;b:1", 0).unwrap());
        assert_eq!(order(&servers), "bd");
        assert_eq!(gone, [Arc::from("a:1"), Arc::from("c:1")]);
        servers.replace(NameServers::parse("x:1;y:1", 1).unwrap());
        assert_eq!(order(&servers), "yx");
    }

    #[test]
    fn the_one_that_answered_is_asked_first() {
        let mut servers = NameServers::parse("a:1;b:1;c:1", 4).unwrap();
        assert_eq!(order(&servers), "bca");
        servers.answered("c:1");
        assert_eq!(order(&servers), "cab");
        servers.failed("a:1");
        assert_eq!(order(&servers), "cab", "it was not first");
        servers.failed("c:1");
        assert_eq!(order(&servers), "abc");
        servers.answered("unknown:1");
        assert_eq!(order(&servers), "abc");
    }
}
