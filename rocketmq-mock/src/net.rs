//! Sockets around the world: accepting, reading, writing.

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

use bytes::BytesMut;
use rocketmq_protocol::{Command, FrameLimits, Serialization, code::ResponseCode, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};

use crate::{
    broker::{Outgoing, Peer, answer},
    faults::Fault,
    world::{Server, World},
};

/// What all tasks of a cluster share.
#[derive(Default)]
pub(crate) struct Shared {
    world: Mutex<World>,
    writers: Mutex<HashMap<u64, mpsc::UnboundedSender<Write>>>,
    next_peer: AtomicU64,
}

/// A command to write, not before this.
struct Write {
    command: Command,
    not_before: Instant,
}

/// How often time passes for the world.
const TICK: Duration = Duration::from_millis(5);

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<Write>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues what is to be written, each to its connection. One that has gone gets nothing.
    fn dispatch(&self, outgoing: Vec<Outgoing>, delay: Duration) {
        let writers = self.writers();
        let not_before = Instant::now() + delay;
        for Outgoing { to, command } in outgoing {
            if let Some(writer) = writers.get(&to.id) {
                let _ = writer.send(Write { command, not_before });
            }
        }
    }

    /// Lets time pass, for ever.
    pub(crate) async fn tick(self: Arc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        loop {
            interval.tick().await;
            let outgoing = self.world().tick(wall_millis());
            self.dispatch(outgoing, Duration::ZERO);
        }
    }
}

/// Accepts connections to one server, until it is dropped: then every one of them is closed.
pub(crate) async fn serve(shared: Arc<Shared>, server: Server, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, address)) = accepted {
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
    server: Server,
    peer: Peer,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.writers().remove(&self.peer.id);
        let outgoing = self.shared.world().disconnected(&self.server, self.peer);
        self.shared.dispatch(outgoing, Duration::ZERO);
    }
}

async fn connection(shared: Arc<Shared>, server: Server, stream: TcpStream, address: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let peer = Peer { id: shared.next_peer.fetch_add(1, Ordering::Relaxed), address };
    let (queue, writes) = mpsc::unbounded_channel();
    shared.writers().insert(peer.id, queue);
    let registered = Registered { shared: Arc::clone(&shared), server: server.clone(), peer };
    let (reader, writer) = stream.into_split();
    tokio::select! {
        _ = read(&shared, &server, peer, reader) => {}
        _ = write(writes, writer) => {}
    }
    drop(registered);
}

async fn read(
    shared: &Shared,
    server: &Server,
    peer: Peer,
    mut reader: OwnedReadHalf,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while reader.read_buf(&mut buffer).await? > 0 {
        while let Some(frame) =
            frame::split(&mut buffer, &FrameLimits::default()).map_err(io::Error::other)?
        {
            // A frame that cannot be read closes the connection, as at a real server.
            let request = Command::decode(frame).map_err(io::Error::other)?;
            if request.is_response() {
                continue;
            }
            if !take(shared, server, peer, &request) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Handles a request, or does to it what a fault says. `false`: hang up.
fn take(shared: &Shared, server: &Server, peer: Peer, request: &Command) -> bool {
    let mut world = shared.world();
    let fault = world.faults.on_request(server.name(), request);
    let mut delay = Duration::ZERO;
    let mut outgoing = match fault {
        Some(Fault::HangUp) => return false,
        Some(Fault::Ignore) => return true,
        Some(Fault::Refuse(code)) => {
            vec![Outgoing { to: peer, command: refusal(request, code) }]
        }
        Some(Fault::Delay(by)) => {
            delay = by;
            world.handle(wall_millis(), server, peer, request)
        }
        Some(Fault::LoseAnswer) => {
            let mut outgoing = world.handle(wall_millis(), server, peer, request);
            outgoing.retain(|out| !(out.to == peer && out.command.is_response()));
            outgoing
        }
        None => world.handle(wall_millis(), server, peer, request),
    };
    if request.is_oneway() {
        outgoing.retain(|out| !(out.to == peer && out.command.is_response()));
    }
    drop(world);
    shared.dispatch(outgoing, delay);
    true
}

fn refusal(request: &Command, code: ResponseCode) -> Command {
    answer(request, code).with_remark("refused by a fault")
}

async fn write(
    mut writes: mpsc::UnboundedReceiver<Write>,
    mut writer: OwnedWriteHalf,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while let Some(Write { command, not_before }) = writes.recv().await {
        tokio::time::sleep_until(not_before).await;
        command.encode(Serialization::Json, &mut buffer).map_err(io::Error::other)?;
        while let Ok(Write { command, not_before }) = writes.try_recv() {
            if not_before > Instant::now() {
                writer.write_all_buf(&mut buffer).await?;
                tokio::time::sleep_until(not_before).await;
            }
            command.encode(Serialization::Json, &mut buffer).map_err(io::Error::other)?;
        }
        writer.write_all_buf(&mut buffer).await?;
    }
    Ok(())
}

pub(crate) fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
