//! [`AllowList`]: which servers may be connected to.

use std::{error::Error, fmt, io, net::IpAddr, sync::Arc};

use thiserror::Error;
use tokio::time::Instant;

use crate::{ConnectFuture, Connector, cidr::Cidr};

/// Which servers may be connected to, by their hosts.
///
/// A client goes where name servers send it: whoever has taken one over can send it to a server of his own, with all its messages
/// and signatures. What is not on this list is not dialled.
///
/// ```
/// use rocketmq_remoting::AllowList;
///
/// let list = AllowList::new(["10.1.0.0/16", "192.168.0.7", "broker-a.example", "*.mq.example"])?;
/// assert!(list.allows("10.1.2.3:10911") && list.allows("192.168.0.7:10911"));
/// assert!(list.allows("Broker-A.example:10911") && list.allows("b.mq.example:10911"));
/// assert!(!list.allows("10.2.0.1:10911") && !list.allows("mq.example:10911"));
/// # Ok::<_, rocketmq_remoting::AllowListError>(())
/// ```
#[derive(Clone)]
pub struct AllowList(Rule);

#[derive(Clone)]
enum Rule {
    Listed(Arc<[Entry]>),
    By(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Range(Cidr),
    Host(String),
    /// With the dot that it begins with.
    Domain(String),
}

/// An entry that is neither an address, a range of addresses, nor a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is neither an address, a range such as `10.0.0.0/8`, a host name, nor a domain such as `*.mq.example`"
)]
pub struct AllowListError(String);

impl AllowList {
    /// Addresses, ranges of addresses, host names, and domains whose hosts are meant. A host that is advertised by its name is
    /// compared by its name, and not by what that resolves to.
    ///
    /// # Errors
    ///
    /// For an entry that is none of these.
    pub fn new<E: AsRef<str>>(
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Self, AllowListError> {
        let entries = entries.into_iter().map(|entry| Entry::parse(entry.as_ref()));
        Ok(Self(Rule::Listed(entries.collect::<Result<_, _>>()?)))
    }

    /// Asks `allows` about every address (`host:port`) that is to be dialled.
    pub fn by(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::By(Arc::new(allows)))
    }

    /// Whether the server at `address` (`host:port`) may be connected to.
    pub fn allows(&self, address: &str) -> bool {
        match &self.0 {
            Rule::By(allows) => allows(address),
            Rule::Listed(entries) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
                let ip = host.parse().ok();
                entries.iter().any(|entry| entry.fits(&host, ip))
            }
        }
    }

    /// A connector that dials nothing else.
    pub fn over<C: Connector>(self, inner: C) -> Guarded<C> {
        Guarded { list: self, inner }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, AllowListError> {
        let bad = || AllowListError(text.to_owned());
        let text = text.trim();
        if text.contains('/') {
            return text.parse().map(Self::Range).map_err(|()| bad());
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Range(ip.into()));
        }
        let (name, is_domain) = match text.strip_prefix('*') {
            Some(domain) => (domain, true),
            None => (text, false),
        };
        let labels = if is_domain { name.strip_prefix('.').ok_or_else(bad)? } else { name };
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if !labels.split('.').all(is_label) {
            return Err(bad());
        }
        let name = name.to_ascii_lowercase();
        Ok(if is_domain { Self::Domain(name) } else { Self::Host(name) })
    }

    fn fits(&self, host: &str, ip: Option<IpAddr>) -> bool {
        match self {
            Self::Range(range) => ip.is_some_and(|ip| range.contains(ip)),
            Self::Host(name) => name == host,
            Self::Domain(domain) => ip.is_none() && host.ends_with(domain),
        }
    }
}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Listed(entries) => f.debug_tuple("AllowList").field(entries).finish(),
            Rule::By(_) => f.write_str("AllowList(by rule)"),
        }
    }
}

/// A connector that dials listed servers only: see [`AllowList::over`].
#[derive(Debug, Clone)]
pub struct Guarded<C> {
    list: AllowList,
    inner: C,
}

impl<C: Connector> Connector for Guarded<C> {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        if self.list.allows(address) {
            return self.inner.connect(address, deadline);
        }
        tracing::warn!(address, "a server that is not on the list of allowed ones is not dialled");
        let forbidden = io::Error::new(io::ErrorKind::PermissionDenied, NotAllowed);
        Box::pin(std::future::ready(Err(forbidden)))
    }
}

/// The cause of an error of [`Guarded`].
#[derive(Debug)]
struct NotAllowed;

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not on the list of allowed servers")
    }
}

impl Error for NotAllowed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_told_apart() {
        let check = |text: &str, entry: Entry| assert_eq!(Entry::parse(text), Ok(entry));
        check(" 10.0.0.0/8 ", Entry::Range("10.0.0.0/8".parse().unwrap()));
        check("[fd00::1]", Entry::Range("fd00::1/128".parse().unwrap()));
        check("Broker-A", Entry::Host("broker-a".into()));
        check("*.Example", Entry::Domain(".example".into()));
        for bad in ["", "*", "*example", "a b", "host:1", "10.0.0.0/33", "a..b", "*.*"] {
            assert_eq!(Entry::parse(bad), Err(AllowListError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn what_is_not_listed_is_not_allowed() {
        let list = AllowList::new(["10.0.0.0/8", "fd00::/8", "broker-a", "*.example"]).unwrap();
        for good in ["10.9.9.9:1", "[fd00::1]:1", "BROKER-A:1", "x.y.example:1"] {
            assert!(list.allows(good), "{good}");
        }
        for bad in ["11.0.0.1:1", "[fe80::1]:1", "broker-b:1", "example:1", "x.example.evil:1", ""]
        {
            assert!(!list.allows(bad), "{bad}");
        }
        assert!(
            !AllowList::new([""; 0]).unwrap().allows("10.0.0.1:1"),
            "an empty list allows none"
        );
    }
}
