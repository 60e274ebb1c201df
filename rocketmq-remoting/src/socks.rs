//! [`SocksProxies`]: connecting through SOCKS5.

use std::io;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;

use crate::cidr::Cidr;

/// Which SOCKS5 proxy to take to which server. Names are resolved by the proxy.
#[derive(Debug, Clone, Default)]
pub struct SocksProxies(Vec<(Cidr, SocksProxy)>);

/// A SOCKS5 proxy.
#[derive(Debug, Clone)]
pub struct SocksProxy {
    pub(crate) address: String,
    login: Option<(String, SecretString)>,
}

/// A map of proxies that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SocksProxiesError {
    /// The text is not the JSON that upstream takes.
    #[error("the map of SOCKS proxies is not `{{\"10.0.0.0/8\":{{\"addr\":\"host:port\"}}}}`: {0}")]
    Json(String),
    /// A key is not a range of addresses.
    #[error("`{0}` is not a range of addresses such as `10.0.0.0/8`")]
    Range(String),
}

impl SocksProxies {
    /// Every connection through one proxy.
    pub fn all(proxy: SocksProxy) -> Self {
        Self(vec![(Cidr::ALL, proxy)])
    }

    /// Adds a proxy for a range of addresses, such as `10.0.0.0/8`. `0.0.0.0/0` is every server, those known by a name
    /// included. The narrowest range that fits decides.
    ///
    /// # Errors
    ///
    /// When `range` is none.
    pub fn with(mut self, range: &str, proxy: SocksProxy) -> Result<Self, SocksProxiesError> {
        let range = range.parse().map_err(|()| SocksProxiesError::Range(range.to_owned()))?;
        self.0.push((range, proxy));
        self.0.sort_by_key(|(range, _)| std::cmp::Reverse(range.prefix()));
        Ok(self)
    }

    /// Reads the map that Java takes (`com.rocketmq.socks.proxy.config`):
    /// `{"0.0.0.0/0":{"addr":"127.0.0.1:1080","username":"u","password":"p"}}`.
    ///
    /// # Errors
    ///
    /// When the text is not such a map.
    #[doc(alias = "socksProxyConfig")]
    pub fn from_json(text: &str) -> Result<Self, SocksProxiesError> {
        #[derive(Deserialize)]
        struct Entry {
            addr: String,
            username: Option<String>,
            password: Option<String>,
        }
        let entries: std::collections::BTreeMap<String, Entry> =
            rocketmq_protocol::body::decode(text.as_bytes())
                .map_err(|error| SocksProxiesError::Json(error.to_string()))?;
        entries.into_iter().try_fold(Self::default(), |proxies, (range, entry)| {
            let mut proxy = SocksProxy::new(entry.addr);
            if let Some(user) = entry.username.filter(|user| !user.is_empty()) {
                proxy = proxy.login(user, entry.password.unwrap_or_default());
            }
            proxies.with(&range, proxy)
        })
    }

    /// The proxy for a `host:port`.
    pub(crate) fn proxy_for(&self, address: &str) -> Option<&SocksProxy> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let ip = host.trim_matches(['[', ']']).parse().ok();
        let fits = |range: &Cidr| *range == Cidr::ALL || ip.is_some_and(|ip| range.contains(ip));
        self.0.iter().find(|(range, _)| fits(range)).map(|(_, proxy)| proxy)
    }
}

impl SocksProxy {
    /// A proxy at `address` (`host:port`) that asks for no login.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), login: None }
    }

    /// With a user name and a password.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((user.into(), SecretString::from(password.into())));
        self
    }

    /// Asks the proxy at the other end of `stream` for a connection to `address`.
    pub(crate) async fn tunnel(
        &self,
        stream: TcpStream,
        address: &str,
    ) -> io::Result<Socks5Stream<TcpStream>> {
        let target = split(address).ok_or(io::ErrorKind::InvalidInput)?;
        let tunnel = match &self.login {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some((user, password)) => {
                let password = password.expose_secret();
                Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
            }
        };
        tunnel.map_err(|error| io::Error::other(format!("SOCKS proxy {}: {error}", self.address)))
    }
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_matches(['[', ']']), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        time::Instant,
    };

    use super::*;
    use crate::{Connector, TcpConnector};

    #[test]
    fn the_narrowest_range_decides() {
        let proxies = SocksProxies::from_json(
            r#"{"0.0.0.0/0":{"addr":"all:1"},"10.0.0.0/8":{"addr":"ten:1","username":"u","password":"hunter2"},
                "10.1.0.0/16":{"addr":"one:1"},"fd00::/8":{"addr":"six:1"}}"#,
        )
        .unwrap();
        let check = |address: &str, expected: &str| {
            assert_eq!(proxies.proxy_for(address).unwrap().address, expected, "{address}");
        };
        check("10.2.3.4:9876", "ten:1");
        check("10.1.3.4:9876", "one:1");
        check("11.1.3.4:9876", "all:1");
        check("[fd00::1]:9876", "six:1");
        check("broker-a.example:10911", "all:1");
        assert!(!format!("{proxies:?}").contains("hunter2"));
        let ranged = SocksProxies::default().with("10.0.0.0/8", SocksProxy::new("p:1")).unwrap();
        assert!(ranged.proxy_for("broker-a:1").is_none(), "a name is in no range");
        for bad in ["10.0.0.0", "10.0.0.0/33", "host/8", "::/129"] {
            assert!(SocksProxies::default().with(bad, SocksProxy::new("p:1")).is_err(), "{bad}");
        }
        assert!(SocksProxies::from_json("[]").is_err());
    }

    #[tokio::test]
    async fn the_proxy_is_asked_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = SocksProxy::new(listener.local_addr().unwrap().to_string()).login("u", "pw");
        let mut connector = TcpConnector::default();
        connector.socks = SocksProxies::all(proxy);
        let asked = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting, [5, 2, 0, 2], "without login, or with one");
            stream.write_all(&[5, 2]).await.unwrap();
            let mut login = [0; 6];
            stream.read_exact(&mut login).await.unwrap();
            assert_eq!(&login, b"\x01\x01u\x02pw");
            stream.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 5 + 8 + 2];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"\x05\x01\x00\x03\x08broker-a\x2a\x9f");
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        };
        let deadline = Instant::now() + std::time::Duration::from_secs(10);
        let connected = async {
            let mut stream = connector.connect("broker-a:10911", deadline).await.unwrap();
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            assert_eq!(&hello, b"hello");
        };
        tokio::join!(asked, connected);
    }
}
