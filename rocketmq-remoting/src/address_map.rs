//! [`AddressMap`]: dialling another address than the one a server advertises.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use tokio::time::Instant;

use crate::{ConnectFuture, Connector};

/// Which address to dial for one that is advertised.
///
/// Brokers register under an address that their own network knows. Behind NAT, in containers, through a tunnel, it may
/// mean nothing here. Everything but the dialling goes on under the advertised address.
///
/// ```
/// use rocketmq_remoting::AddressMap;
///
/// let listed = AddressMap::from([("172.17.0.2:10911", "localhost:10911")]);
/// assert_eq!(listed.dialled("172.17.0.2:10911"), "localhost:10911");
/// assert_eq!(listed.dialled("172.17.0.3:10911"), "172.17.0.3:10911");
///
/// let by_rule = AddressMap::by(|advertised| advertised.strip_prefix("172.17.").map(|rest| format!("10.8.{rest}")));
/// assert_eq!(by_rule.dialled("172.17.0.2:10911"), "10.8.0.2:10911");
/// ```
#[derive(Clone, Default)]
pub struct AddressMap(Rule);

#[derive(Clone, Default)]
enum Rule {
    #[default]
    None,
    Listed(Arc<HashMap<String, String>>),
    By(Arc<Translate>),
}

type Translate = dyn Fn(&str) -> Option<String> + Send + Sync;

impl AddressMap {
    /// Asks `translate` for every address that is dialled; `None` leaves it as it is.
    pub fn by(translate: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Rule::By(Arc::new(translate)))
    }

    /// The address to dial for one that is advertised.
    pub fn dialled<'a>(&self, advertised: &'a str) -> Cow<'a, str> {
        let mapped = match &self.0 {
            Rule::None => None,
            Rule::Listed(listed) => listed.get(advertised).cloned(),
            Rule::By(translate) => translate(advertised),
        };
        mapped.map_or(Cow::Borrowed(advertised), Cow::Owned)
    }

    /// A connector that dials what this map says.
    pub fn over<C: Connector>(self, inner: C) -> Mapped<C> {
        Mapped { map: self, inner }
    }
}

/// Pairs of an advertised address and the one to dial.
impl<A: Into<String>, D: Into<String>> FromIterator<(A, D)> for AddressMap {
    fn from_iter<I: IntoIterator<Item = (A, D)>>(pairs: I) -> Self {
        let pairs =
            pairs.into_iter().map(|(advertised, dialled)| (advertised.into(), dialled.into()));
        Self(Rule::Listed(Arc::new(pairs.collect())))
    }
}

impl<A: Into<String>, D: Into<String>, const N: usize> From<[(A, D); N]> for AddressMap {
    fn from(pairs: [(A, D); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for AddressMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::None => f.write_str("AddressMap(none)"),
            Rule::Listed(listed) => f.debug_tuple("AddressMap").field(listed).finish(),
            Rule::By(_) => f.write_str("AddressMap(by rule)"),
        }
    }
}

/// A connector that dials mapped addresses: see [`AddressMap::over`].
#[derive(Debug, Clone)]
pub struct Mapped<C> {
    map: AddressMap,
    inner: C,
}

impl<C: Connector> Connector for Mapped<C> {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        match self.map.dialled(address) {
            Cow::Borrowed(address) => self.inner.connect(address, deadline),
            Cow::Owned(dialled) => Box::pin(async move {
                tracing::debug!(address, dialled, "dialling a mapped address");
                self.inner.connect(&dialled, deadline).await
            }),
        }
    }
}
