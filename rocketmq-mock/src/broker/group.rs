//! Who is in which group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rocketmq_protocol::{
    Command,
    body::{self, CheckClientRequestBody, ConsumerIds, ExpressionType, HeartbeatData},
    code::{RequestCode, ResponseCode},
    header::{
        GetConsumerListByGroupRequestHeader, HeartbeatResponseHeader,
        NotifyConsumerIdsChangedRequestHeader, UnregisterClientRequestHeader,
    },
    names::retry_topic,
};

use crate::sql92::Condition;

use super::{Broker, Outgoing, Peer, Refusal, answer, pull::Subscriptions};

/// The consumer groups that brokers have heard of in heartbeats.
#[derive(Debug, Default)]
pub(super) struct ConsumerGroups(BTreeMap<Arc<str>, Group>);

#[derive(Debug, Default)]
struct Group {
    /// The client of each connection: an id that two of them share is a member twice (`broker/client/ConsumerGroupInfo.java`).
    members: BTreeMap<Peer, Arc<str>>,
    subscriptions: Subscriptions,
}

impl ConsumerGroups {
    pub(super) fn subscriptions(&self, group: &str) -> Option<&Subscriptions> {
        self.0.get(group).map(|group| &group.subscriptions)
    }

    /// The groups that have lost a member.
    pub(super) fn disconnected(&mut self, peer: Peer) -> BTreeSet<Arc<str>> {
        let mut changed = BTreeSet::new();
        for (name, group) in &mut self.0 {
            let before = group.members.len();
            group.members.remove(&peer);
            if group.members.len() != before {
                changed.insert(Arc::clone(name));
            }
        }
        self.0.retain(|_, group| !group.members.is_empty());
        changed
    }
}

impl Broker {
    /// Registers the client's groups. A new member, or one on a new connection, and a changed set of topics are news for all
    /// members, the new one included (`broker/client/ConsumerManager.java`, `registerConsumer`).
    pub(super) fn heartbeat(
        &mut self,
        from: Peer,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Command, Refusal> {
        let heartbeat: HeartbeatData = body::decode(&request.body)
            .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))?;
        let client: Arc<str> = heartbeat.client_id.as_str().into();
        self.producers.heartbeat(from, &heartbeat);
        let mut changed = BTreeSet::new();
        let mut held_other = false;
        for consumer in &heartbeat.consumer_data_set {
            let name: Arc<str> = consumer.group_name.as_str().into();
            self.create_internal_topic(&retry_topic(&name).into());
            let group = self.groups.0.entry(Arc::clone(&name)).or_default();
            let news = group.members.insert(from, Arc::clone(&client)).is_none();
            if heartbeat.without_sub {
                // A short heartbeat: the subscriptions are those of before.
                if news {
                    changed.insert(name);
                }
                continue;
            }
            let topics: Subscriptions = consumer
                .subscription_data_set
                .iter()
                .map(|data| (data.topic.as_str().into(), data.clone()))
                .collect();
            let other_topics = !group.subscriptions.keys().eq(topics.keys());
            held_other |= other_topics && !group.subscriptions.is_empty();
            group.subscriptions = topics;
            if news || other_topics {
                changed.insert(name);
            }
        }
        self.notify(changed, out);
        // To heartbeats of the first kind it always says so (`broker/processor/ClientManageProcessor.java`).
        let subscription_changed = Some(heartbeat.heartbeat_fingerprint == 0 || held_other);
        let header = HeartbeatResponseHeader { supports_v2: Some(true), subscription_changed };
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&header))
    }

    /// Whether a condition can be understood (`broker/processor/ClientManageProcessor.java`, `checkClientConfig`).
    pub(super) fn check_client(&self, request: &Command) -> Result<Command, Refusal> {
        let check: CheckClientRequestBody = body::decode(&request.body)
            .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))?;
        let wanted = &check.subscription_data;
        if wanted.expression_type == ExpressionType::Sql92
            && Condition::parse(&wanted.sub_string).is_none()
        {
            let remark = format!("cannot parse `{}`", wanted.sub_string);
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, remark));
        }
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    pub(super) fn unregister(
        &mut self,
        from: Peer,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Command, Refusal> {
        let header: UnregisterClientRequestHeader = request.header()?;
        if let Some(group) = &header.producer_group {
            self.producers.unregister(&header.client_id, group);
        }
        if let Some(name) = header.consumer_group.map(|name| name.to_shared()) {
            let left = self.groups.0.get_mut(&name).and_then(|group| group.members.remove(&from));
            if left.is_some() {
                self.notify(BTreeSet::from([Arc::clone(&name)]), out);
            }
            if self.groups.0.get(&name).is_some_and(|group| group.members.is_empty()) {
                self.groups.0.remove(&name);
            }
        }
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    pub(super) fn consumer_list(&self, request: &Command) -> Result<Command, Refusal> {
        let header: GetConsumerListByGroupRequestHeader = request.header()?;
        let group = self.groups.0.get(&*header.consumer_group).ok_or_else(|| {
            let remark = format!("no consumer for this group, {}", header.consumer_group);
            Refusal::new(ResponseCode::SYSTEM_ERROR, remark)
        })?;
        let ids = ConsumerIds {
            consumer_id_list: group.members.values().map(ToString::to_string).collect(),
        };
        Ok(answer(request, ResponseCode::SUCCESS).with_body(body::encode(&ids)))
    }

    /// Tells every member of these groups that members have come or gone.
    pub(super) fn notify(&mut self, groups: BTreeSet<Arc<str>>, out: &mut Vec<Outgoing>) {
        for name in groups {
            let members: Vec<Peer> = self
                .groups
                .0
                .get(&name)
                .map_or_else(Vec::new, |group| group.members.keys().copied().collect());
            for to in members {
                let header = NotifyConsumerIdsChangedRequestHeader {
                    consumer_group: (&name).into(),
                    ..NotifyConsumerIdsChangedRequestHeader::default()
                };
                let command = self.request(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED, &header);
                out.push(Outgoing { to, command });
            }
        }
    }

    /// The members of a group, for assertions.
    pub(crate) fn members(&self, group: &str) -> Vec<String> {
        self.groups.0.get(group).map_or_else(Vec::new, |group| {
            group.members.values().map(ToString::to_string).collect()
        })
    }
}
