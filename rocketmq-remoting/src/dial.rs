//! Making byte streams: [`Connector`], and [`TcpConnector`] for ordinary sockets.

use std::{io, pin::Pin, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use crate::connection::Io;

/// What [`Connector::connect`] returns.
pub type ConnectFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Makes the byte stream to an address: a socket, TLS over one, a proxy's tunnel, or a pipe in memory for tests.
pub trait Connector: Send + Sync + 'static {
    /// Connects to `address`, a `host:port`. Whoever calls stops waiting at `deadline`; it is given so that several
    /// attempts can share the time.
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a>;
}

/// Connects by TCP.
///
/// The name is resolved at every attempt, and every address it has is tried, each with an equal share of the time
/// left: one that does not answer cannot use up the time of the others.
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
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self {
            keepalive_idle: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(5),
            user_timeout: Duration::from_secs(20),
        }
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            let stream = connect_any(address, deadline).await?;
            self.configure(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

impl TcpConnector {
    fn configure(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        let keepalive = TcpKeepalive::new().with_time(self.keepalive_idle);
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "windows"))]
        let keepalive = keepalive.with_interval(self.keepalive_interval);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        Ok(())
    }
}

async fn connect_any(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let resolved: Vec<_> = lookup_host(address).await?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (index, candidate) in resolved.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (resolved.len() - index) as u32;
        match timeout_at(Instant::now() + share, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}
