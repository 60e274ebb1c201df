//! The other end of a connection, played by hand over a pipe in memory.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits, Serialization, Text,
    code::ResponseCode,
    frame,
    header::{GetMinOffsetRequestHeader, OffsetResponseHeader},
};
use rocketmq_remoting::{
    Answer, CallError, Channel, CloseReason, Config, Connection, NoRequests, RequestHandler, Tasks,
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

/// The peer of a connection. Waiting for a request that does not come ends the test after a virtual minute.
pub(crate) struct Peer {
    pub(crate) io: DuplexStream,
    input: BytesMut,
}

impl Peer {
    pub(crate) fn new(io: DuplexStream) -> Self {
        Self { io, input: BytesMut::new() }
    }

    /// The next command.
    pub(crate) async fn next(&mut self) -> Command {
        let next = async {
            loop {
                if let Some(frame) = frame::split(&mut self.input, &FrameLimits::default()).unwrap()
                {
                    return Command::decode(frame).unwrap();
                }
                assert_ne!(self.io.read_buf(&mut self.input).await.unwrap(), 0, "closed");
            }
        };
        tokio::time::timeout(secs(60), next).await.expect("a command")
    }

    /// Whether the connection is closed without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        assert!(self.input.is_empty());
        self.io.read_buf(&mut self.input).await.unwrap() == 0
    }

    pub(crate) async fn send(&mut self, command: &Command) {
        self.send_as(command, Serialization::Json).await;
    }

    pub(crate) async fn send_as(&mut self, command: &Command, form: Serialization) {
        let mut out = BytesMut::new();
        command.encode(form, &mut out).unwrap();
        self.io.write_all(&out).await.unwrap();
    }

    /// Answers `request` with its own queue id as the offset.
    pub(crate) async fn answer(&mut self, request: &Command) {
        self.send(&answer(request)).await;
    }
}

pub(crate) fn encoded(command: &Command) -> BytesMut {
    let mut out = BytesMut::new();
    command.encode(Serialization::Json, &mut out).unwrap();
    out
}

/// Waits until something holds, at most a virtual minute.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = within(60);
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a task has come to. One that does not end fails the test after two virtual minutes: nothing may be left to wait for ever.
pub(crate) async fn ended<T>(task: JoinHandle<T>) -> T {
    tokio::time::timeout(secs(120), task).await.expect("it never ends").unwrap()
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
    let tasks = Tasks::new("test");
    let (channel, connection) = Connection::new(
        Box::new(ours),
        "peer:1".into(),
        Arc::new(config),
        Arc::new(handler),
        tasks.clone(),
    );
    let owner = tasks.spawn("connection", connection.run());
    Rig { channel, peer: Peer::new(theirs), tasks, owner }
}

pub(crate) type Outcome = Result<Answer<OffsetResponseHeader>, CallError>;

impl Rig {
    /// Starts a call in a task of its own.
    pub(crate) fn call(&self, number: i32, deadline: Instant) -> JoinHandle<Outcome> {
        call(&self.channel, number, deadline)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
pub(crate) fn call(channel: &Channel, number: i32, deadline: Instant) -> JoinHandle<Outcome> {
    let channel = channel.clone();
    tokio::spawn(async move { channel.call(&request(number), Bytes::new(), deadline).await })
}
