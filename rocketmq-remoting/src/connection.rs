//! [`Connection`]: the one task that owns a socket.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rocketmq_protocol::Command;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    task::yield_now,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_util::io::poll_read_buf;

use crate::{
    Channel, CloseReason, Config, RequestHandler, Tasks,
    inbound::Inbound,
    input::Input,
    link::{Link, Waiter},
    liveness::Liveness,
    outbound::Flight,
};

/// A byte stream in both directions: TCP, TLS, or a pipe in memory.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The owner of a socket. It does nothing until [`run`](Self::run) is polled.
///
/// Most programs never see one: [`Remoting`](crate::Remoting) makes and runs them.
pub struct Connection {
    io: Box<dyn Io>,
    link: Arc<Link>,
    inbound: Arc<Inbound>,
    input: Input,
    flight: Flight,
    /// Bytes were given to `io` that it may still hold back.
    unflushed: bool,
    /// Reading and writing take turns in being first, so that neither starves the other.
    write_first: bool,
    liveness: Liveness,
    /// Room to work in, kept from one read to the next.
    answers: Vec<Command>,
    matched: Vec<(Waiter, Command)>,
}

/// What the owner was woken by.
enum Event {
    Stop,
    Queued,
    Due,
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
}

impl Connection {
    /// A connection over `io`, and a handle to it.
    ///
    /// `address` is only a name here. `tasks` should be a group of its own: stopping it closes the connection, and
    /// the workers for the peer's requests count in it.
    pub fn new(
        io: Box<dyn Io>,
        address: Arc<str>,
        config: Arc<Config>,
        handler: Arc<dyn RequestHandler>,
        tasks: Tasks,
    ) -> (Channel, Self) {
        let link = Arc::new(Link::new(address, config, tasks));
        let connection = Self {
            io,
            inbound: Inbound::new(Arc::clone(&link), handler),
            link: Arc::clone(&link),
            input: Input::default(),
            flight: Flight::default(),
            unflushed: false,
            write_first: false,
            liveness: Liveness::default(),
            answers: Vec::new(),
            matched: Vec::new(),
        };
        (Channel::new(link), connection)
    }

    /// Serves the connection until it ends, and says why it did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection with [`CloseReason::Abandoned`].
    pub async fn run(mut self) -> CloseReason {
        let reason = match self.serve().await {
            Ok(reason) => self.finish(reason).await,
            Err(reason) => reason,
        };
        self.link.close(&reason, self.flight.written());
        tracing::debug!(address = %self.link.address, %reason, "connection closed");
        reason
    }

    /// Serves until told to stop, by this side or the other; an error is an end without leave.
    async fn serve(&mut self) -> Result<CloseReason, CloseReason> {
        let mut timer = Box::pin(sleep_until(Instant::now()));
        loop {
            let event = self.next_event(timer.as_mut()).await;
            let now = Instant::now();
            match event {
                Event::Stop => return Ok(CloseReason::Local),
                // Only a deadline is news to an owner that is still writing.
                Event::Queued if !self.flight.is_empty() => {}
                Event::Queued => {
                    // To the back of the run queue: tokio runs the task that was woken last next, so that a write
                    // at this point would carry a single frame. Whoever is ready too adds his first.
                    yield_now().await;
                    self.link.load(&mut self.flight, now);
                }
                Event::Wrote(written) => self.wrote(now, written.map_err(failed)?),
                Event::Read(read) => match read.map_err(failed)? {
                    0 => return Err(CloseReason::Peer),
                    read => self.heard(now, read)?,
                },
                Event::Due => self.expire(now)?,
            }
            if self.link.is_leaving() && self.link.outstanding() == 0 {
                return Ok(CloseReason::GoAway);
            }
        }
    }

    async fn next_event(&mut self, mut timer: Pin<&mut Sleep>) -> Event {
        let link = Arc::clone(&self.link);
        let config = &link.config;
        let given_up =
            self.liveness.verdict(config.silence, config.frame_timeout).map(|(at, _)| at);
        let due = [link.next_expiry(), given_up].into_iter().flatten().min();
        if let Some(due) = due.filter(|due| *due != timer.deadline()) {
            timer.as_mut().reset(due);
        }
        tokio::select! {
            biased;
            () = link.tasks.cancelled() => Event::Stop,
            event = std::future::poll_fn(|cx| self.poll_io(cx)) => event,
            () = link.queued.notified() => Event::Queued,
            () = timer, if due.is_some() => Event::Due,
        }
    }

    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.write_first = !self.write_first;
        if self.write_first {
            if let Poll::Ready(written) = self.poll_write(cx) {
                return Poll::Ready(Event::Wrote(written));
            }
            self.poll_read(cx).map(Event::Read)
        } else {
            if let Poll::Ready(read) = self.poll_read(cx) {
                return Poll::Ready(Event::Read(read));
            }
            self.poll_write(cx).map(Event::Wrote)
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.input.room(&self.link.config.frame_limits);
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, room));
        self.link.counters.reads.add(1);
        Poll::Ready(read)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.flight.is_empty() {
            if self.unflushed {
                ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                self.unflushed = false;
            }
            return Poll::Pending;
        }
        let (slices, used) = self.flight.slices();
        let slices = slices.get(..used).unwrap_or_default();
        let written = match slices {
            [one] => ready!(Pin::new(&mut self.io).poll_write(cx, one)),
            several => ready!(Pin::new(&mut self.io).poll_write_vectored(cx, several)),
        };
        self.link.counters.writes.add(1);
        Poll::Ready(match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        })
    }

    fn wrote(&mut self, now: Instant, written: usize) {
        self.link.counters.bytes_written.add(written as u64);
        self.liveness.wrote(now);
        self.flight.advance(written);
        self.unflushed = true;
        if self.flight.is_empty() {
            self.link.load(&mut self.flight, now);
        }
    }

    fn heard(&mut self, now: Instant, read: usize) -> Result<(), CloseReason> {
        self.link.counters.bytes_read.add(read as u64);
        self.input.heard(read);
        let mut frames = 0;
        // What came before a bad frame is still delivered.
        let outcome = loop {
            match self.next_command() {
                Ok(Some(command)) => self.accept(command),
                Ok(None) => break Ok(()),
                Err(reason) => break Err(reason),
            }
            frames += 1;
        };
        self.link.counters.frames_read.add(frames);
        let waiting = self.link.deliver(&mut self.answers, &mut self.matched);
        self.liveness.heard(now, waiting);
        self.liveness.frames(now, frames > 0, !self.input.is_empty());
        outcome
    }

    fn next_command(&mut self) -> Result<Option<Command>, CloseReason> {
        let frame = self.input.next_frame(&self.link.config.frame_limits);
        let Some(frame) = frame.map_err(CloseReason::Frame)? else { return Ok(None) };
        Command::decode(frame).map(Some).map_err(CloseReason::Decode)
    }

    /// The flag decides first: the peer numbers its own requests as it likes.
    fn accept(&mut self, command: Command) {
        if command.is_response() {
            self.answers.push(command);
        } else {
            self.inbound.accept(command);
        }
    }

    fn expire(&mut self, now: Instant) -> Result<(), CloseReason> {
        if self.link.expire(now) {
            self.liveness.missed();
        }
        let config = &self.link.config;
        match self.liveness.verdict(config.silence, config.frame_timeout) {
            Some((at, reason)) if at <= now => Err(reason),
            _ => Ok(()),
        }
    }

    /// Told to stop: ends every request, and writes what waits for no answer.
    async fn finish(&mut self, reason: CloseReason) -> CloseReason {
        self.link.close(&reason, self.flight.written());
        let linger = self.link.config.linger;
        let drained = async {
            loop {
                if self.flight.is_empty() {
                    self.link.load(&mut self.flight, Instant::now());
                }
                if self.flight.is_empty() {
                    return self.io.shutdown().await;
                }
                let written = std::future::poll_fn(|cx| self.poll_write(cx)).await?;
                self.flight.advance(written);
            }
        };
        // Not drained in time, or no longer possible: nobody waits for it.
        let _ = timeout(linger, drained).await;
        reason
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.close(&CloseReason::Abandoned, self.flight.written());
        self.link.abandon(&self.flight);
    }
}

fn failed(error: io::Error) -> CloseReason {
    CloseReason::Io(Arc::new(error))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("link", &self.link).finish_non_exhaustive()
    }
}
