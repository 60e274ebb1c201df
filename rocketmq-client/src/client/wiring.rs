//! What the connections of a client are made of, layer by layer.

use std::sync::{Arc, Weak};

#[cfg(feature = "acl")]
use rocketmq_remoting::Signing;
#[cfg(feature = "_tls")]
use rocketmq_remoting::Tls;
use rocketmq_remoting::{AllowList, Config, Connector};

#[cfg(feature = "acl")]
use super::exposure::Exposure;
use super::{
    builder::{ClientOptions, Wiring},
    inbound::KnownRoutes,
    namespace::InNamespace,
};
use crate::Error;

/// ```text
///   requests ── namespace ── hooks ── signing ── Config
///   streams ─── allow list ── address map ── TLS, or a look at who may listen ── TCP, SOCKS5, or the application's own
/// ```
pub(super) struct Wired {
    pub(super) config: Config,
    pub(super) connector: Arc<dyn Connector>,
    #[cfg(feature = "acl")]
    signing: Option<Signing>,
    #[cfg(feature = "_tls")]
    tls: Option<Tls>,
}

impl Wired {
    pub(super) fn new(
        wiring: Wiring,
        options: &ClientOptions,
        routes: &KnownRoutes,
    ) -> Result<Self, Error> {
        #[cfg(feature = "acl")]
        let exposure = wiring.exposure();
        let mut config = wiring.config;
        if let Some(namespace) = wiring.namespace_v2 {
            // Before all others, as in Java: what they see and sign has it.
            config.hooks.insert(0, Arc::new(InNamespace(namespace)));
        }
        #[cfg(feature = "acl")]
        let signing = match &wiring.credentials {
            None => None,
            Some(credentials) => {
                let signing = Signing::new(credentials).map_err(unusable_credentials)?;
                config.hooks.push(Arc::new(signing.clone()));
                Some(signing)
            }
        };
        let stream = wiring.connector.unwrap_or_else(|| Arc::new(wiring.tcp));
        #[cfg(feature = "acl")]
        let stream = match exposure {
            None => stream,
            Some(exposure) => Arc::new(exposure.over(stream)) as Arc<dyn Connector>,
        };
        #[cfg(feature = "_tls")]
        let tls = wiring.tls.as_ref().map(Tls::new).transpose().map_err(unusable_tls)?;
        #[cfg(feature = "_tls")]
        let stream = match &tls {
            None => stream,
            Some(tls) => Arc::new(tls.over(stream)) as Arc<dyn Connector>,
        };
        let mapped = options.address_map.clone().over(stream);
        let connector: Arc<dyn Connector> = match options.allowed_brokers.clone() {
            None => Arc::new(mapped),
            Some(brokers) => Arc::new(with_name_servers(brokers, routes).over(mapped)),
        };
        Ok(Self {
            config,
            connector,
            #[cfg(feature = "acl")]
            signing,
            #[cfg(feature = "_tls")]
            tls,
        })
    }

    #[cfg(feature = "acl")]
    pub(super) fn replace_credentials(
        &self,
        credentials: &crate::Credentials,
    ) -> Result<(), Error> {
        let signing = self.signing.as_ref();
        let signing =
            signing.ok_or_else(|| Error::invalid("the client was made without credentials"))?;
        signing.replace(credentials).map_err(unusable_credentials)
    }

    #[cfg(feature = "_tls")]
    pub(super) fn replace_tls(&self, options: &crate::TlsOptions) -> Result<(), Error> {
        let tls = self.tls.as_ref();
        let tls = tls.ok_or_else(|| Error::invalid("the client was made without TLS"))?;
        tls.replace(options).map_err(unusable_tls)
    }
}

#[cfg(feature = "acl")]
impl Wiring {
    /// What to do about signed requests that nothing encrypts, if these are.
    fn exposure(&self) -> Option<Exposure> {
        #[cfg(feature = "_tls")]
        let encrypts = self.tls.is_some();
        #[cfg(not(feature = "_tls"))]
        let encrypts = false;
        let is_exposed = self.credentials.is_some() && !encrypts;
        is_exposed.then_some(if self.keeps_credentials_private {
            Exposure::Refused
        } else {
            Exposure::WarnedOf
        })
    }
}

/// Those that the application has named itself.
fn with_name_servers(brokers: AllowList, routes: &KnownRoutes) -> AllowList {
    let routes = Arc::clone(routes);
    AllowList::by(move |address| {
        brokers.allows(address)
            || routes.get().and_then(Weak::upgrade).is_some_and(|routes| {
                routes.name_servers().addresses().iter().any(|known| **known == *address)
            })
    })
}

#[cfg(feature = "acl")]
fn unusable_credentials(error: rocketmq_protocol::acl::EmptyKey) -> Error {
    Error::invalid("credentials that cannot be used").with_source(error)
}

#[cfg(feature = "_tls")]
fn unusable_tls(error: rocketmq_remoting::TlsError) -> Error {
    Error::invalid("TLS options that cannot be used").with_source(error)
}
