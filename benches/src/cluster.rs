//! A name server and a broker that store nothing: the other side of a whole client, at next to no cost.
//!
//! Every topic is there, with as many queues and messages in each as it was started with; sends are answered and forgotten.
//! A pull behind the last message is held as a long poll is, and answered in vain at its time.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits, Serialization,
    body::{
        self, BrokerData, ConsumerIds, HeartbeatData, LockBatchRequestBody, LockBatchResponseBody,
        QueueData, TopicRouteData,
    },
    code::{RequestCode, ResponseCode},
    frame,
    header::{
        GetConsumerListByGroupRequestHeader, GetRouteInfoRequestHeader, OffsetResponseHeader,
        PullMessageRequestHeader, PullMessageResponseHeader,
    },
    message::{MessageExt, Properties, PropertiesWriter, PullSysFlag, encode_message, property},
};

use crate::{server::Server, stored};

/// What is there.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Queues of each topic.
    pub queues: u32,
    /// Messages in each queue.
    pub backlog: u32,
    /// Bytes of a body. The first eight number it across the queues of its topic.
    pub body: usize,
    /// How long a pull is held, at most; half of it at least.
    pub hold: Duration,
}

/// Starts one.
///
/// # Errors
///
/// When the process cannot be started.
pub fn start(shape: Shape) -> io::Result<Server> {
    let hold = shape.hold.as_millis() as u64;
    let arguments = [shape.queues.into(), shape.backlog.into(), shape.body as u64, hold];
    Server::start("cluster", &arguments.map(|number| number.to_string()))
}

pub(crate) fn server(
    arguments: &[String],
    address: SocketAddr,
) -> impl Fn(TcpStream) -> io::Result<()> + Clone + use<> {
    let mut numbers = arguments.iter().map(|text| text.parse().unwrap_or(0_u64));
    let mut next = || numbers.next().unwrap_or(0);
    let shape = Shape {
        queues: next() as u32,
        backlog: next() as u32,
        body: next() as usize,
        hold: Duration::from_millis(next()),
    };
    let cluster =
        Arc::new(Cluster { shape, address: address.to_string(), members: Mutex::default() });
    move |stream| Session { cluster: Arc::clone(&cluster), held: VecDeque::new() }.serve(stream)
}

struct Cluster {
    shape: Shape,
    address: String,
    /// The clients of each group.
    members: Mutex<BTreeMap<String, Vec<String>>>,
}

const BROKER: &str = "broker-a";
/// How many messages a pull is answered with.
const PULL: i64 = 32;
/// How often held pulls are looked at.
const TICK: Duration = Duration::from_millis(20);

/// A connection.
struct Session {
    cluster: Arc<Cluster>,
    /// Pulls that are held, and until when.
    held: VecDeque<(Instant, Command)>,
}

impl Session {
    fn serve(mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TICK))?;
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        let mut chunk = vec![0; 256 << 10];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(read) => input.extend_from_slice(&chunk[..read]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            let broken = |_| io::Error::from(ErrorKind::InvalidData);
            while let Some(frame) = frame::split(&mut input, &FrameLimits::default())
                .map_err(|_| ErrorKind::InvalidData)?
            {
                let request = Command::decode(frame).map_err(|_| ErrorKind::InvalidData)?;
                if let Some(answer) = self.answer(request) {
                    answer.encode(Serialization::Json, &mut output).map_err(broken)?;
                }
            }
            while let Some((until, held)) = self.held.front()
                && *until <= Instant::now()
            {
                let in_vain = self.cluster.pull(held, ResponseCode::PULL_NOT_FOUND);
                in_vain.encode(Serialization::Json, &mut output).map_err(broken)?;
                self.held.pop_front();
            }
            stream.write_all(&output)?;
            output.clear();
        }
    }

    /// `None`: later, or never.
    fn answer(&mut self, request: Command) -> Option<Command> {
        let cluster = &self.cluster;
        let success = || Command::answer(&request, ResponseCode::SUCCESS);
        let offset = |offset| success().with_header(&OffsetResponseHeader { offset });
        let answer = match request.request_code() {
            _ if request.is_oneway() => return None,
            RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE => {
                success().with_header(&stored::header())
            }
            RequestCode::PULL_MESSAGE => {
                let pull = request.header::<PullMessageRequestHeader>().ok()?;
                if pull.queue_offset < cluster.backlog(&pull.topic) {
                    return Some(cluster.pull(&request, ResponseCode::SUCCESS));
                }
                if !PullSysFlag(pull.sys_flag).contains(PullSysFlag::SUSPEND) {
                    return Some(cluster.pull(&request, ResponseCode::PULL_NOT_FOUND));
                }
                let jitter = f64::from(request.opaque as u32 % 64) / 128.0;
                let until = Instant::now() + cluster.shape.hold.mul_f64(0.5 + jitter);
                let place = self.held.partition_point(|(earlier, _)| *earlier <= until);
                self.held.insert(place, (until, request));
                return None;
            }
            RequestCode::GET_ROUTEINFO_BY_TOPIC => success().with_body(cluster.route(&request)),
            RequestCode::HEART_BEAT => {
                cluster.join(&request.body);
                success()
            }
            RequestCode::GET_CONSUMER_LIST_BY_GROUP => success().with_body(cluster.list(&request)),
            RequestCode::LOCK_BATCH_MQ => {
                let wanted: LockBatchRequestBody = body::decode(&request.body).ok()?;
                success().with_body(body::encode(&LockBatchResponseBody { locked: wanted.mq_set }))
            }
            RequestCode::QUERY_CONSUMER_OFFSET | RequestCode::GET_MIN_OFFSET => offset(0),
            RequestCode::GET_MAX_OFFSET => offset(cluster.shape.backlog.into()),
            _ => success(),
        };
        Some(answer)
    }
}

impl Cluster {
    /// Retry topics are there as well, and empty; so are topics whose names begin with `idle`.
    fn backlog(&self, topic: &str) -> i64 {
        let empty = topic.starts_with('%') || topic.starts_with("idle");
        if empty { 0 } else { self.shape.backlog.into() }
    }

    /// The answer to a pull, with messages if it is a success.
    fn pull(&self, request: &Command, code: ResponseCode) -> Command {
        let pull = request.header::<PullMessageRequestHeader>().unwrap_or_default();
        let backlog = self.backlog(&pull.topic);
        let mut messages = BytesMut::new();
        let mut next = pull.queue_offset;
        while code == ResponseCode::SUCCESS && next < backlog.min(pull.queue_offset + PULL) {
            encode_message(&self.message(&pull, next), &mut messages);
            next += 1;
        }
        let header = PullMessageResponseHeader {
            next_begin_offset: next,
            max_offset: backlog,
            ..PullMessageResponseHeader::default()
        };
        Command::answer(request, code).with_header(&header).with_body(messages.freeze())
    }

    fn message(&self, pull: &PullMessageRequestHeader, offset: i64) -> MessageExt {
        let number = i64::from(pull.queue_id) * i64::from(self.shape.backlog) + offset;
        let mut body = vec![b'x'; self.shape.body.max(8)];
        body[..8].copy_from_slice(&number.to_be_bytes());
        let place = (pull.topic.clone(), pull.queue_id, offset);
        stored::message(place, number, body.into(), properties().unwrap_or_default())
    }

    fn route(&self, request: &Command) -> Bytes {
        let asked = request.header::<GetRouteInfoRequestHeader>().unwrap_or_default();
        let queues = if asked.topic.starts_with('%') { 1 } else { self.shape.queues as i32 };
        let broker = BrokerData {
            broker_addrs: [(0, self.address.clone())].into(),
            broker_name: BROKER.to_owned(),
            cluster: "cluster".to_owned(),
            ..BrokerData::default()
        };
        let of_topic = QueueData {
            broker_name: BROKER.to_owned(),
            perm: 6,
            read_queue_nums: queues,
            write_queue_nums: queues,
            ..QueueData::default()
        };
        body::encode(&TopicRouteData {
            broker_datas: vec![broker],
            queue_datas: vec![of_topic],
            ..TopicRouteData::default()
        })
    }

    fn join(&self, heartbeat: &[u8]) {
        let Ok(heartbeat) = body::decode::<HeartbeatData>(heartbeat) else { return };
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        for group in heartbeat.consumer_data_set {
            let members = members.entry(group.group_name).or_default();
            if !members.contains(&heartbeat.client_id) {
                members.push(heartbeat.client_id.clone());
            }
        }
    }

    fn list(&self, request: &Command) -> Bytes {
        let asked = request.header::<GetConsumerListByGroupRequestHeader>().unwrap_or_default();
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = members.get(&*asked.consumer_group).cloned().unwrap_or_default();
        body::encode(&ConsumerIds { consumer_id_list: ids })
    }
}

fn properties() -> Option<Properties> {
    let mut writer = PropertiesWriter::with_capacity(128);
    writer.put(property::KEYS, "order-0001234567").ok()?;
    writer.put(property::UNIQ_KEY, "7F0000010B8A18B4AAC2A0F5C4A40000").ok()?;
    writer.put(property::WAIT_STORE_MSG_OK, "true").ok()?;
    writer.put(property::TAGS, "TagA").ok()?;
    writer.finish().ok()
}
