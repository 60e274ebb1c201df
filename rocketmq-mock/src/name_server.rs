//! The name server: what it says follows from the brokers that are up.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_protocol::{
    Command, HeaderError,
    body::{self, BrokerData, ClusterInfo, QueueData, TopicQueueMappingInfo, TopicRouteData},
    code::{RequestCode, ResponseCode},
    header::GetRouteInfoRequestHeader,
};

use crate::{broker::answer, world::Seat};

/// The cluster that all brokers belong to.
pub(crate) const CLUSTER: &str = "DefaultCluster";

/// Answers a request from what the living brokers are.
pub(crate) fn handle<'a>(
    seats: impl Iterator<Item = &'a Seat>,
    advertised: &BTreeMap<Arc<str>, String>,
    holders: &BTreeMap<Arc<str>, Vec<Arc<str>>>,
    request: &Command,
) -> Command {
    match request.request_code() {
        RequestCode::GET_ROUTEINFO_BY_TOPIC => route(seats, advertised, holders, request)
            .unwrap_or_else(|error| {
                answer(request, ResponseCode::SYSTEM_ERROR).with_remark(error.to_string())
            }),
        RequestCode::GET_BROKER_CLUSTER_INFO => cluster_info(seats, advertised, request),
        code => {
            let remark = format!(" request type {} not supported", code.0);
            answer(request, ResponseCode::REQUEST_CODE_NOT_SUPPORTED).with_remark(remark)
        }
    }
}

fn route<'a>(
    seats: impl Iterator<Item = &'a Seat>,
    advertised: &BTreeMap<Arc<str>, String>,
    holders: &BTreeMap<Arc<str>, Vec<Arc<str>>>,
    request: &Command,
) -> Result<Command, HeaderError> {
    let header: GetRouteInfoRequestHeader = request.header()?;
    let mut route = TopicRouteData::default();
    for seat in seats {
        let broker = &seat.broker;
        let Some(settings) = broker.topics.get(&*header.topic) else { continue };
        route.broker_datas.push(broker_data(seat, advertised));
        route.queue_datas.push(QueueData {
            broker_name: broker.name.to_string(),
            perm: settings.perm,
            read_queue_nums: settings.read_queues,
            write_queue_nums: settings.write_queues,
            topic_sys_flag: 0,
        });
    }
    route.topic_queue_mapping_by_broker = holders.get(&*header.topic).map(|held| mapping(held));
    if route.queue_datas.is_empty() {
        let remark = format!("No topic route info in name server for the topic: {}", header.topic);
        return Ok(answer(request, ResponseCode::TOPIC_NOT_EXIST).with_remark(remark));
    }
    Ok(answer(request, ResponseCode::SUCCESS).with_body(body::encode(&route)))
}

/// Which queues of a static topic each broker holds; here they have the same numbers there.
fn mapping(holders: &[Arc<str>]) -> BTreeMap<String, TopicQueueMappingInfo> {
    let mut mapping = BTreeMap::<_, TopicQueueMappingInfo>::new();
    for (queue, holder) in (0..).zip(holders) {
        let info = mapping.entry(holder.to_string()).or_default();
        info.scope = "__global__".to_owned();
        info.total_queues = holders.len() as i32;
        info.curr_id_map.insert(queue, queue);
    }
    mapping
}

fn cluster_info<'a>(
    seats: impl Iterator<Item = &'a Seat>,
    advertised: &BTreeMap<Arc<str>, String>,
    request: &Command,
) -> Command {
    let mut info = ClusterInfo::default();
    for seat in seats {
        let broker = &seat.broker;
        info.broker_addr_table.insert(broker.name.to_string(), broker_data(seat, advertised));
        info.cluster_addr_table
            .entry(CLUSTER.to_owned())
            .or_default()
            .push(broker.name.to_string());
    }
    answer(request, ResponseCode::SUCCESS).with_body(body::encode(&info))
}

fn broker_data(seat: &Seat, advertised: &BTreeMap<Arc<str>, String>) -> BrokerData {
    let broker = &seat.broker;
    let address = advertised.get(&broker.name).cloned();
    let address = address.unwrap_or_else(|| broker.address.to_string());
    let master = seat.up.then_some((0, address));
    let slave = seat.slave.as_ref().map(|slave| (1, slave.address.to_string()));
    BrokerData {
        broker_addrs: master.into_iter().chain(slave).collect(),
        broker_name: broker.name.to_string(),
        cluster: CLUSTER.to_owned(),
        ..BrokerData::default()
    }
}
