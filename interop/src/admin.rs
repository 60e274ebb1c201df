//! The few questions that a cluster has to ask its servers, without the client that is under test.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, FrameLimits, Serialization,
    body::{self, GetConsumerStatusBody, QueueTable, TopicConfigSerializeWrapper, TopicRouteData},
    code::{RequestCode, ResponseCode},
    frame,
    header::{
        CreateTopicRequestHeader, GetAllTopicConfigRequestHeader,
        GetBrokerClusterInfoRequestHeader, GetConsumerStatusRequestHeader,
        GetMaxOffsetRequestHeader, GetRouteInfoRequestHeader,
        InvokeBrokerToGetConsumerStatusRequestHeader, OffsetResponseHeader,
        QueryConsumerOffsetRequestHeader, TopicFields,
    },
    names,
};
use serde::{Deserialize, de::IgnoredAny};

/// Long enough for a machine that is busy booting other servers.
const PATIENCE: Duration = Duration::from_secs(20);

/// The route of the topic that every broker has, or nothing while the name server does not answer.
pub(crate) fn default_route(name_server: &str) -> TopicRouteData {
    let request = Command::request(&GetRouteInfoRequestHeader {
        topic: names::AUTO_CREATE_TOPIC.into(),
        accept_standard_json_only: Some(true),
        shared: TopicFields::default(),
    });
    let answer = ask(name_server, &request);
    answer.and_then(|answer| body::decode(&answer.body).ok()).unwrap_or_default()
}

/// Creates a topic on one broker; `false` when it did not say that it has.
pub(crate) fn create_topic(broker: &str, topic: &str, queues: u16) -> bool {
    let request = Command::request(&CreateTopicRequestHeader {
        topic: topic.to_owned().into(),
        default_topic: names::AUTO_CREATE_TOPIC.into(),
        read_queue_nums: queues.into(),
        write_queue_nums: queues.into(),
        perm: 6,
        topic_filter_type: "SINGLE_TAG".into(),
        topic_sys_flag: None,
        order: false,
        attributes: None,
        force: None,
        shared: TopicFields::default(),
    });
    ask(broker, &request).is_some_and(|answer| answer.response_code() == ResponseCode::SUCCESS)
}

/// Whether a broker knows a topic.
pub(crate) fn has_topic(broker: &str, topic: &str) -> bool {
    let answer = ask(broker, &Command::request(&GetAllTopicConfigRequestHeader::default()));
    let topics =
        answer.and_then(|answer| body::decode::<TopicConfigSerializeWrapper>(&answer.body).ok());
    topics.is_some_and(|topics| topics.topic_config_table.contains_key(topic))
}

/// How many messages a broker has in the queues of a topic.
pub(crate) fn stored(broker: &str, topic: &str, queues: u16) -> i64 {
    let offset = |queue_id| {
        let request = Command::request(&GetMaxOffsetRequestHeader {
            topic: topic.to_owned().into(),
            queue_id,
            committed: None,
            shared: TopicFields::default(),
        });
        ask(broker, &request)?.header::<OffsetResponseHeader>().ok()
    };
    (0..queues.into()).filter_map(offset).map(|answer| answer.offset).sum()
}

/// What a group has committed in the queues of a topic, all together.
pub(crate) fn committed(broker: &str, topic: &str, group: &str, queues: u16) -> i64 {
    let offset = |queue_id| {
        let request = Command::request(&QueryConsumerOffsetRequestHeader {
            consumer_group: group.to_owned().into(),
            topic: topic.to_owned().into(),
            queue_id,
            set_zero_if_not_found: Some(false),
            shared: TopicFields::default(),
        });
        let answer = ask(broker, &request)?;
        let found = answer.response_code() == ResponseCode::SUCCESS;
        answer.header::<OffsetResponseHeader>().ok().filter(|_| found)
    };
    (0..queues.into()).filter_map(offset).map(|answer| answer.offset).sum()
}

/// The offsets that the members of a group hold, by client and queue: the broker asks them.
pub(crate) fn held_offsets(
    broker: &str,
    topic: &str,
    group: &str,
) -> BTreeMap<String, BTreeMap<i32, i64>> {
    let status = GetConsumerStatusRequestHeader {
        topic: topic.to_owned().into(),
        group: group.to_owned().into(),
        client_addr: None,
        shared: TopicFields::default(),
    };
    let request = Command::request(&InvokeBrokerToGetConsumerStatusRequestHeader { status });
    let answer = ask(broker, &request);
    let body = answer.and_then(|answer| body::decode::<GetConsumerStatusBody>(&answer.body).ok());
    let by_queue = |(client, held): (String, QueueTable<i64>)| {
        (client, held.0.into_iter().map(|(queue, offset)| (queue.queue_id, offset)).collect())
    };
    body.unwrap_or_default().consumer_table.into_iter().map(by_queue).collect()
}

/// How many brokers of this name have all that the master has, says a controller.
pub(crate) fn in_sync(controller: &str, broker_name: &str) -> usize {
    // This one has no header at all, like the request it is made from.
    let mut request = Command::request(&GetBrokerClusterInfoRequestHeader {});
    request.code = RequestCode::CONTROLLER_GET_SYNC_STATE_DATA.0;
    request.body = format!("[\"{broker_name}\"]").into();
    let answer = ask(controller, &request);
    let info = answer.and_then(|answer| body::decode::<SyncState>(&answer.body).ok());
    let state = info.and_then(|mut info| info.replicas_info_table.remove(broker_name));
    state.map_or(0, |state| state.in_sync_replicas.len())
}

/// `remoting/protocol/body/BrokerReplicasInfo.java`, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncState {
    replicas_info_table: BTreeMap<String, Replicas>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replicas {
    in_sync_replicas: Vec<IgnoredAny>,
}

fn ask(address: &str, request: &Command) -> Option<Command> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut buffer = BytesMut::new();
    request.encode(Serialization::Json, &mut buffer).ok()?;
    stream.write_all(&buffer).ok()?;
    buffer.clear();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = frame::split(&mut buffer, &FrameLimits::default()).ok()? {
            return Command::decode(answer).ok();
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        buffer.extend_from_slice(chunk.get(..read)?);
    }
}
