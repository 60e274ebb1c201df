//! Connections around the world: accepting, reading, writing, and misbehaving on the wire.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{Command, FrameLimits, Serialization, frame};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, split},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    broker::{Outgoing, Peer, answer},
    faults::Fault,
    world::{Endpoint, World},
};

/// What all tasks of a cluster share.
pub(crate) struct Shared {
    world: Mutex<World>,
    writers: Mutex<HashMap<u64, Writer>>,
    next_peer: AtomicU64,
    pub(crate) clock: Clock,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
}

/// The queue of a connection's writer, and which server it belongs to.
struct Writer {
    server: Endpoint,
    queue: mpsc::UnboundedSender<Write>,
}

/// Something to do on a connection, not before this.
struct Write {
    what: What,
    not_before: Instant,
}

enum What {
    Command(Command),
    Bytes(Bytes),
    /// Byte by byte, with such pauses.
    Drip(Bytes, Duration),
    /// Bytes, and then the end of the connection.
    Last(Bytes),
    /// The end without a goodbye.
    Reset,
}

/// Milliseconds since 1970 that stand still when tokio's time does.
pub(crate) struct Clock {
    began: Instant,
    wall: i64,
}

impl Clock {
    pub(crate) fn now(&self) -> i64 {
        self.wall + i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// How often time passes for the world.
const TICK: Duration = Duration::from_millis(5);

/// What connections are made of.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Shared {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Self {
            world: Mutex::default(),
            writers: Mutex::default(),
            next_peer: AtomicU64::new(0),
            clock: Clock { began: Instant::now(), wall },
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<u64, Writer>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues what is to be written, each to its connection. One that has gone gets nothing.
    fn dispatch(&self, outgoing: Vec<Outgoing>, delay: Duration) {
        for Outgoing { to, command } in outgoing {
            self.write(to, What::Command(command), delay);
        }
    }

    fn write(&self, to: Peer, what: What, delay: Duration) {
        if let Some(writer) = self.writers().get(&to.id) {
            let _ = writer.queue.send(Write { what, not_before: Instant::now() + delay });
        }
    }

    /// Sends a command of a test's own over every connection to a server. To how many.
    pub(crate) fn send_to_clients(&self, server: &str, command: &Command) -> usize {
        let writers = self.writers();
        let of_server = writers.values().filter(|writer| writer.server.name() == server);
        let sent = of_server.filter(|writer| {
            let what = What::Command(command.clone());
            writer.queue.send(Write { what, not_before: Instant::now() }).is_ok()
        });
        sent.count()
    }

    /// How many connections a server has.
    pub(crate) fn connections(&self, server: &str) -> usize {
        self.writers().values().filter(|writer| writer.server.name() == server).count()
    }

    /// Lets time pass, for ever.
    pub(crate) async fn tick(self: Arc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        loop {
            interval.tick().await;
            let outgoing = self.world().tick(self.clock.now());
            self.dispatch(outgoing, Duration::ZERO);
        }
    }
}

/// Where a server's connections come from.
pub(crate) enum Listener {
    Socket(TcpListener),
    /// Pipes in memory, made by [`MockCluster::open`](crate::MockCluster::open).
    Pipes(mpsc::UnboundedReceiver<DuplexStream>),
}

impl Listener {
    async fn accept(&mut self) -> io::Result<(Accepted, SocketAddr)> {
        match self {
            Self::Socket(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Accepted::Socket(stream), address))
            }
            Self::Pipes(pipes) => match pipes.recv().await {
                Some(pipe) => Ok((Accepted::Pipe(pipe), ([127, 0, 0, 1], 0).into())),
                None => std::future::pending().await,
            },
        }
    }
}

enum Accepted {
    Socket(TcpStream),
    Pipe(DuplexStream),
}

/// Accepts connections to one server, until it is dropped: then every one of them is closed.
pub(crate) async fn serve(shared: Arc<Shared>, server: Endpoint, mut listener: Listener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, address)) = accepted {
                    shared.world().count_connection(&server);
                    connections.spawn(connection(Arc::clone(&shared), server.clone(), stream, address));
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Registers a connection for as long as this lives.
struct Registered {
    shared: Arc<Shared>,
    server: Endpoint,
    peer: Peer,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.writers().remove(&self.peer.id);
        let outgoing = self.shared.world().disconnected(&self.server, self.peer);
        self.shared.dispatch(outgoing, Duration::ZERO);
    }
}

async fn connection(shared: Arc<Shared>, server: Endpoint, stream: Accepted, address: SocketAddr) {
    let peer = Peer { id: shared.next_peer.fetch_add(1, Ordering::Relaxed), address };
    let (queue, writes) = mpsc::unbounded_channel();
    shared.writers().insert(peer.id, Writer { server: server.clone(), queue });
    let registered = Registered { shared: Arc::clone(&shared), server: server.clone(), peer };
    let (reset, mut resets) = watch::channel(false);
    match stream {
        Accepted::Pipe(pipe) => converse(&shared, &server, peer, pipe, writes, reset).await,
        #[cfg(feature = "tls")]
        Accepted::Socket(socket) if shared.tls.is_some() => {
            if let Some(acceptor) = shared.tls.clone()
                && let Ok(stream) = acceptor.accept(socket).await
            {
                converse(&shared, &server, peer, stream, writes, reset).await;
            }
        }
        Accepted::Socket(mut socket) => {
            converse(&shared, &server, peer, &mut socket, writes, reset).await;
            if *resets.borrow_and_update() {
                let _ = socket.set_zero_linger();
            }
        }
    }
    drop(registered);
}

/// Reads and writes until either ends.
async fn converse(
    shared: &Shared,
    server: &Endpoint,
    peer: Peer,
    stream: impl Stream,
    writes: mpsc::UnboundedReceiver<Write>,
    reset: watch::Sender<bool>,
) {
    let (reader, writer) = split(stream);
    tokio::select! {
        _ = read(shared, server, peer, reader) => {}
        _ = write(writes, writer, reset) => {}
    }
}

async fn read(
    shared: &Shared,
    server: &Endpoint,
    peer: Peer,
    mut reader: impl AsyncRead + Unpin,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while reader.read_buf(&mut buffer).await? > 0 {
        while let Some(frame) =
            frame::split(&mut buffer, &FrameLimits::default()).map_err(io::Error::other)?
        {
            // Requests are logged, and messages stored: they are not to keep everything that was read with them.
            let frame = Bytes::copy_from_slice(&frame);
            // A frame that cannot be read closes the connection, as at a real server.
            let request = Command::decode(frame).map_err(io::Error::other)?;
            if request.is_response() {
                shared.world().faults.on_answer(server.name(), &request);
                continue;
            }
            match take(shared, server, peer, &request) {
                Next::Read => {}
                Next::HangUp => return Ok(()),
                Next::StopReading => std::future::pending().await,
            }
        }
    }
    Ok(())
}

/// What the reader does after a request.
enum Next {
    Read,
    HangUp,
    StopReading,
}

/// Handles a request, or does to it what a fault says.
fn take(shared: &Shared, server: &Endpoint, peer: Peer, request: &Command) -> Next {
    let mut world = shared.world();
    let fault = world.faults.on_request(server.name(), request);
    let at_once = match &fault {
        Some(Fault::HangUp) => return Next::HangUp,
        Some(Fault::Ignore) => return Next::Read,
        Some(Fault::StopReading) => return Next::StopReading,
        Some(Fault::Refuse(code)) => {
            Some(What::Command(answer(request, *code).with_remark("refused by a fault")))
        }
        Some(Fault::Garbage(bytes)) => Some(What::Bytes(bytes.clone())),
        Some(Fault::Reset) => Some(What::Reset),
        _ => None,
    };
    if let Some(what) = at_once {
        drop(world);
        shared.write(peer, what, Duration::ZERO);
        return Next::Read;
    }
    let outgoing = world.handle(shared.clock.now(), server, peer, request);
    drop(world);
    for out in outgoing {
        let is_answer = out.to == peer && out.command.is_response();
        match &fault {
            _ if is_answer && request.is_oneway() => {}
            Some(fault) if is_answer => spoil(shared, peer, out.command, fault),
            _ => shared.write(out.to, What::Command(out.command), Duration::ZERO),
        }
    }
    Next::Read
}

/// Sends an answer as a fault wants it.
fn spoil(shared: &Shared, peer: Peer, command: Command, fault: &Fault) {
    let now = Duration::ZERO;
    match fault {
        Fault::Delay(by) => shared.write(peer, What::Command(command), *by),
        Fault::AnswerTwice => {
            shared.write(peer, What::Command(command.clone()), now);
            shared.write(peer, What::Command(command), now);
        }
        Fault::AnswerAs(code) => {
            let mut refused = command;
            refused.code = code.0;
            shared.write(peer, What::Command(refused), now);
        }
        Fault::ForeignAnswer => {
            let opaque = command.opaque.wrapping_add(1 << 20);
            shared.write(peer, What::Command(command.with_opaque(opaque)), now);
        }
        Fault::HalfFrame => shared.write(peer, What::Bytes(half(&command)), now),
        Fault::Cut => shared.write(peer, What::Last(half(&command)), now),
        Fault::Drip(pause) => shared.write(peer, What::Drip(encoded(&command), *pause), now),
        Fault::LoseAnswer => {}
        // The others have been dealt with before the request was handled.
        _ => shared.write(peer, What::Command(command), now),
    }
}

fn encoded(command: &Command) -> Bytes {
    let mut buffer = BytesMut::new();
    let _ = command.encode(Serialization::Json, &mut buffer);
    buffer.freeze()
}

fn half(command: &Command) -> Bytes {
    let whole = encoded(command);
    whole.slice(..whole.len() / 2)
}

async fn write(
    mut writes: mpsc::UnboundedReceiver<Write>,
    mut writer: impl AsyncWrite + Unpin,
    reset: watch::Sender<bool>,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while let Some(first) = writes.recv().await {
        let mut next = Some(first);
        while let Some(Write { what, not_before }) = next {
            if not_before > Instant::now() {
                writer.write_all_buf(&mut buffer).await?;
                writer.flush().await?;
                tokio::time::sleep_until(not_before).await;
            }
            match what {
                What::Command(command) => {
                    command.encode(Serialization::Json, &mut buffer).map_err(io::Error::other)?;
                }
                What::Bytes(bytes) => buffer.extend_from_slice(&bytes),
                What::Drip(bytes, pause) => {
                    writer.write_all_buf(&mut buffer).await?;
                    for byte in bytes {
                        writer.write_all(&[byte]).await?;
                        writer.flush().await?;
                        tokio::time::sleep(pause).await;
                    }
                }
                What::Last(bytes) => {
                    buffer.extend_from_slice(&bytes);
                    writer.write_all_buf(&mut buffer).await?;
                    return writer.flush().await;
                }
                What::Reset => {
                    reset.send_replace(true);
                    return Ok(());
                }
            }
            next = writes.try_recv().ok();
        }
        writer.write_all_buf(&mut buffer).await?;
        writer.flush().await?;
    }
    Ok(())
}
