//! The other end of a connection, played by hand.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits, Serialization, Text,
    code::ResponseCode,
    frame,
    header::{GetMinOffsetRequestHeader, OffsetResponseHeader},
};
use rocketmq_remoting::{
    Answer, CallError, Channel, CloseReason, Config, Connection, Io, NoRequests, RequestHandler,
    Tasks,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn within(seconds: u64) -> Instant {
    Instant::now() + secs(seconds)
}

/// Lets everybody run until nobody can: virtual time passes only then.
pub(crate) async fn quiet() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The peer of a connection. Waiting for what does not come ends the test after a virtual minute.
pub(crate) struct Peer {
    pub(crate) io: DuplexStream,
    input: BytesMut,
}

impl Peer {
    pub(crate) fn new(io: DuplexStream) -> Self {
        Self { io, input: BytesMut::new() }
    }

    /// The next command, or `None` when the connection is closed.
    pub(crate) async fn try_next(&mut self) -> Option<Command> {
        let next = async {
            loop {
                if let Some(frame) = frame::split(&mut self.input, &FrameLimits::default()).unwrap()
                {
                    return Some(Command::decode(frame).unwrap());
                }
                if self.io.read_buf(&mut self.input).await.unwrap() == 0 {
                    assert!(self.input.is_empty(), "closed within a frame");
                    return None;
                }
            }
        };
        tokio::time::timeout(secs(60), next).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> Command {
        self.try_next().await.expect("a command")
    }

    /// The numbers of the next requests, whatever their order.
    pub(crate) async fn numbers(&mut self, count: usize) -> Vec<i32> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(number(&self.next().await));
        }
        numbers.sort_unstable();
        numbers
    }

    pub(crate) async fn send(&mut self, command: &Command) {
        self.send_as(command, Serialization::Json).await;
    }

    pub(crate) async fn send_as(&mut self, command: &Command, form: Serialization) {
        let mut out = BytesMut::new();
        command.encode(form, &mut out).unwrap();
        self.io.write_all(&out).await.unwrap();
    }

    /// Answers `request` with its own number as the offset.
    pub(crate) async fn answer(&mut self, request: &Command) {
        self.send(&answer(request)).await;
    }
}

/// The request that the tests make: `number` tells them apart.
pub(crate) fn request(number: i32) -> GetMinOffsetRequestHeader {
    GetMinOffsetRequestHeader { topic: Text::from("t"), queue_id: number, ..Default::default() }
}

pub(crate) fn number(request: &Command) -> i32 {
    request.header::<GetMinOffsetRequestHeader>().unwrap().queue_id
}

pub(crate) fn answer(request: &Command) -> Command {
    let header = OffsetResponseHeader { offset: number(request).into() };
    Command::answer(request, ResponseCode::SUCCESS).with_header(&header)
}

/// A connection whose peer is played by the test.
pub(crate) struct Rig {
    pub(crate) channel: Channel,
    pub(crate) peer: Peer,
    pub(crate) tasks: Tasks,
    pub(crate) owner: JoinHandle<CloseReason>,
}

pub(crate) fn rig(config: Config) -> Rig {
    rig_with(config, 1 << 20, NoRequests)
}

/// `pipe` is how many bytes the pipe holds in each direction.
pub(crate) fn rig_with(config: Config, pipe: usize, handler: impl RequestHandler) -> Rig {
    let (ours, theirs) = duplex(pipe);
    let (channel, tasks, owner) = connect(ours, config, handler);
    Rig { channel, peer: Peer::new(theirs), tasks, owner }
}

pub(crate) fn connect(
    io: impl Io + 'static,
    config: Config,
    handler: impl RequestHandler,
) -> (Channel, Tasks, JoinHandle<CloseReason>) {
    let tasks = Tasks::new("test");
    let (channel, connection) = Connection::new(
        Box::new(io),
        "peer:1".into(),
        Arc::new(config),
        Arc::new(handler),
        tasks.clone(),
    );
    let owner = tasks.spawn("connection", connection.run());
    (channel, tasks, owner)
}

pub(crate) type Outcome = Result<Answer<OffsetResponseHeader>, CallError>;

impl Rig {
    /// Starts a call in a task of its own.
    pub(crate) fn call(&self, number: i32, deadline: Instant) -> JoinHandle<Outcome> {
        self.call_with(number, Bytes::new(), deadline)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    pub(crate) fn call_with(
        &self,
        number: i32,
        body: Bytes,
        deadline: Instant,
    ) -> JoinHandle<Outcome> {
        let channel = self.channel.clone();
        tokio::spawn(async move { channel.call(&request(number), body, deadline).await })
    }
}

/// A config with some fields changed.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}
