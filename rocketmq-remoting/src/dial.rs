//! Making byte streams: [`Connector`], and [`TcpConnector`] for ordinary sockets.

use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};

#[cfg(feature = "socks")]
use crate::SocksProxies;
use crate::{ProxyHeader, connection::Io};

/// What [`Connector::connect`] returns.
pub type ConnectFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Makes the byte stream to an address: a socket, TLS over one, a proxy's tunnel, or a pipe in memory for tests.
pub trait Connector: Send + Sync + 'static {
    /// Connects to `address`, a `host:port`. Whoever calls stops waiting at `deadline`; it is given so that several
    /// attempts can share the time.
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a>;
}

impl<C: Connector + ?Sized> Connector for Arc<C> {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        (**self).connect(address, deadline)
    }
}

/// What [`Resolver::resolve`] returns.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Finds the addresses of a name.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Every address of `address`, a `host:port`. Asked before each attempt to connect.
    fn resolve<'a>(&'a self, address: &'a str) -> ResolveFuture<'a>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, address: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move { Ok(lookup_host(address).await?.collect()) })
    }
}

/// Connects by TCP.
///
/// The name is resolved at every attempt: a server that has moved is found. Its addresses race, each with a small start
/// over the next (RFC 8305, "happy eyeballs"), so that one that does not answer costs a quarter of a second and no more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TcpConnector {
    /// A connection on which nothing was received for so long is probed. Default: 10 s.
    pub keepalive_idle: Duration,
    /// Time between probes. Default: 5 s.
    pub keepalive_interval: Duration,
    /// What was sent, probes included, and is not acknowledged for so long ends the connection, where the system can
    /// do that (Linux). Default: 20 s. With the values above a peer that vanished is noticed within 25 s even on an
    /// idle connection, where upstream, without keepalive, needs minutes.
    pub user_timeout: Duration,
    /// The buffers of the socket, in bytes; 0 leaves them to the system. Default: 0, as upstream.
    pub send_buffer: u32,
    /// See [`send_buffer`](Self::send_buffer).
    pub receive_buffer: u32,
    /// Who turns names into addresses. Default: the operating system.
    pub resolver: Arc<dyn Resolver>,
    /// Whether each connection begins with a header of the PROXY protocol, for servers behind a load balancer that
    /// expects one. Default: none.
    pub proxy_header: Option<ProxyHeader>,
    /// The SOCKS5 proxies to connect through. Default: none.
    #[cfg(feature = "socks")]
    pub socks: SocksProxies,
    /// What each name last resolved to, for when it does not.
    known: Arc<Mutex<HashMap<Box<str>, Vec<SocketAddr>>>>,
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self {
            keepalive_idle: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(5),
            user_timeout: Duration::from_secs(20),
            send_buffer: 0,
            receive_buffer: 0,
            resolver: Arc::new(SystemResolver),
            proxy_header: None,
            #[cfg(feature = "socks")]
            socks: SocksProxies::default(),
            known: Arc::default(),
        }
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            #[cfg(feature = "socks")]
            if let Some(proxy) = self.socks.proxy_for(address) {
                let stream = self.open(&proxy.address, deadline).await?;
                return Ok(Box::new(proxy.tunnel(stream, address).await?) as Box<dyn Io>);
            }
            let mut stream = self.open(address, deadline).await?;
            if let Some(header) = self.proxy_header {
                let bytes = header.encode(stream.local_addr()?, stream.peer_addr()?);
                stream.write_all(&bytes).await?;
            }
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

impl TcpConnector {
    async fn open(&self, address: &str, deadline: Instant) -> io::Result<TcpStream> {
        let stream = race(self.resolve(address).await?, deadline).await?;
        self.configure(&stream)?;
        Ok(stream)
    }

    /// A look-up that fails, or finds nothing, does not erase what was known.
    async fn resolve(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        let resolved = self.resolver.resolve(address).await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match resolved {
            Ok(found) if !found.is_empty() => {
                known.insert(address.into(), found.clone());
                Ok(found)
            }
            failed => match known.get(address) {
                Some(last) => {
                    tracing::debug!(
                        address,
                        "the name does not resolve, its last addresses are used"
                    );
                    Ok(last.clone())
                }
                None => failed,
            },
        }
    }

    fn configure(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        let keepalive = TcpKeepalive::new().with_time(self.keepalive_idle);
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "windows"))]
        let keepalive = keepalive.with_interval(self.keepalive_interval);
        socket.set_tcp_keepalive(&keepalive)?;
        if self.send_buffer > 0 {
            socket.set_send_buffer_size(self.send_buffer as usize)?;
        }
        if self.receive_buffer > 0 {
            socket.set_recv_buffer_size(self.receive_buffer as usize)?;
        }
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        Ok(())
    }
}

/// The start that an address has over the next one.
const STAGGER: Duration = Duration::from_millis(250);

/// The first connection that any of the addresses gives.
async fn race(addresses: Vec<SocketAddr>, deadline: Instant) -> io::Result<TcpStream> {
    if let [only] = addresses.as_slice() {
        return timeout_at(deadline, TcpStream::connect(only)).await?;
    }
    let mut waiting = alternate(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => _ = attempts.spawn(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => {} // nobody aborts an attempt while the race is on
            },
            () = sleep(stagger(waiting.len(), deadline)), if waiting.len() > 0 => {}
            () = sleep_until(deadline) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// With little time left, each address that waits still gets its share of it.
fn stagger(waiting: usize, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    STAGGER.min(left / u32::try_from(waiting + 1).unwrap_or(u32::MAX))
}

/// The resolver's order, with the families taking turns: a broken family costs one start, not one for each address.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    std::iter::from_fn(|| {
        std::mem::swap(&mut first, &mut second);
        second.next().or_else(|| first.next())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[test]
    fn families_take_turns() {
        let check = |from: &[&str], to: &[&str]| {
            let read = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|text| text.parse().unwrap()).collect()
            };
            assert_eq!(alternate(read(from)), read(to));
        };
        check(&[], &[]);
        check(&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:1"]);
        check(
            &["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"],
            &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
        );
    }

    /// Answers from a script, one entry a question; the last one stays.
    #[derive(Debug)]
    struct Script(Mutex<Vec<io::Result<Vec<SocketAddr>>>>);

    impl Script {
        fn connector(answers: Vec<io::Result<Vec<SocketAddr>>>) -> TcpConnector {
            TcpConnector {
                resolver: Arc::new(Self(Mutex::new(answers))),
                ..TcpConnector::default()
            }
        }
    }

    impl Resolver for Script {
        fn resolve<'a>(&'a self, _address: &'a str) -> ResolveFuture<'a> {
            let answer = self.0.lock().unwrap().remove(0);
            Box::pin(async move { answer })
        }
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn f07_a_name_is_resolved_again_for_every_connection() {
        let ((old, old_address), (new, new_address)) = (listener().await, listener().await);
        let connector = Script::connector(vec![Ok(vec![old_address]), Ok(vec![new_address])]);
        let _first = connector.connect("moves:1", soon()).await.unwrap();
        old.accept().await.unwrap();
        let _second = connector.connect("moves:1", soon()).await.unwrap();
        new.accept().await.unwrap();
    }

    #[tokio::test]
    async fn f08_a_look_up_that_fails_does_not_erase_what_was_known() {
        let (listener, address) = listener().await;
        let failure = || io::Error::other("the resolver is down");
        let connector =
            Script::connector(vec![Ok(vec![address]), Err(failure()), Ok(vec![]), Err(failure())]);
        for _ in 0..3 {
            let _stream = connector.connect("known:1", soon()).await.unwrap();
            listener.accept().await.unwrap();
        }
        let unknown = connector.connect("never known:1", soon()).await.err().unwrap();
        assert_eq!(unknown.to_string(), "the resolver is down");
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_no_obstacle() {
        let (dropped, refuses) = listener().await;
        drop(dropped);
        let (listener, address) = listener().await;
        let connector =
            Script::connector(vec![Ok(vec![refuses, address]), Ok(vec![refuses, refuses])]);
        let _stream = connector.connect("two:1", soon()).await.unwrap();
        listener.accept().await.unwrap();
        let error = connector.connect("none:1", soon()).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_proxy_header_goes_before_everything_else() {
        for version in [ProxyHeader::V1, ProxyHeader::V2] {
            let (listener, address) = listener().await;
            let connector = TcpConnector { proxy_header: Some(version), ..TcpConnector::default() };
            let mut ours = connector.connect(&address.to_string(), soon()).await.unwrap();
            ours.write_all(b"request").await.unwrap();
            let (mut theirs, from) = listener.accept().await.unwrap();
            let mut expected = version.encode(from, address);
            expected.extend(b"request");
            let mut received = vec![0; expected.len()];
            theirs.read_exact(&mut received).await.unwrap();
            assert_eq!(received, expected);
        }
    }
}
