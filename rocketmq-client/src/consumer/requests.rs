//! What a consumer asks brokers, each as a future that ends in the input it answers.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_consumer::{Action, CommitId, Failure, Input, OffsetCommit, PullPlan, SendBack};
use rocketmq_protocol::{
    Text,
    body::{self, ConsumerIds},
    header::{
        ConsumerSendMsgBackRequestHeader, GetConsumerListByGroupRequestHeader,
        PullMessageRequestHeader, RpcFields, TopicFields, UnregisterClientRequestHeader,
    },
};
use rocketmq_remoting::CallError;
use rocketmq_route::MessageQueue;
use tokio::{task::JoinSet, time::Instant};

use super::pulling::Wanted;
use crate::{Error, ErrorKind, client::Core};

/// Asks for one consumer group.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) core: Arc<Core>,
    pub(super) group: Arc<str>,
}

impl Requests {
    /// The future of an action that is a question. `None`: it is none.
    pub(super) fn ask(
        &self,
        action: Action,
    ) -> Option<impl Future<Output = Input> + Send + 'static> {
        let asked = matches!(
            action,
            Action::QueryMembers { .. }
                | Action::QueryStoredOffset { .. }
                | Action::QueryStartOffset { .. }
                | Action::SendBack(_)
                | Action::Commit { .. }
                | Action::Unregister { .. }
        );
        let requests = self.clone();
        asked.then_some(async move { requests.answer(action).await })
    }

    async fn answer(&self, action: Action) -> Input {
        match action {
            Action::QueryMembers { broker, deadline } => {
                let answer = self.members(&broker, deadline.into()).await;
                Input::Members { broker, answer: answer.map_err(failure) }
            }
            Action::QueryStoredOffset { queue, epoch, deadline } => {
                let answer = self.stored_offset(&queue, deadline.into()).await;
                Input::StoredOffset { epoch, answer: answer.map_err(failure) }
            }
            Action::QueryStartOffset { queue, epoch, seek, deadline } => {
                let answer = self.start_offset(&queue, seek, deadline.into()).await;
                Input::StartOffset { epoch, answer: answer.map_err(failure) }
            }
            Action::SendBack(plan) => {
                let answer = self.send_back(&plan).await;
                Input::SentBack { delivery: plan.delivery.id(), answer: answer.map_err(failure) }
            }
            Action::Commit { commit, offsets, deadline, .. } => {
                self.commit(commit, offsets, deadline.into()).await
            }
            other => {
                if let Action::Unregister { deadline } = other {
                    self.unregister(deadline.into()).await;
                }
                Input::Unregistered
            }
        }
    }

    async fn members(&self, broker: &str, deadline: Instant) -> Result<Vec<Arc<str>>, Error> {
        let request = GetConsumerListByGroupRequestHeader {
            consumer_group: (&self.group).into(),
            shared: RpcFields::default(),
        };
        let address =
            self.core.routes.table().reader(broker, 0).map(|(_, address)| Arc::clone(address));
        let address = address.ok_or_else(|| crate::client::unknown_broker(broker))?;
        let answer = self.core.call(&address, &request, Bytes::new(), deadline).await?;
        let ids: ConsumerIds = body::decode(&answer.body).map_err(|error| {
            Error::new(ErrorKind::Protocol, "a list of members that cannot be read")
                .with_source(error)
        })?;
        Ok(ids.consumer_id_list.into_iter().map(Arc::from).collect())
    }

    async fn send_back(&self, plan: &SendBack) -> Result<(), Error> {
        let queue = plan.delivery.queue();
        let (offset, message_id, topic) = match plan.delivery.message() {
            Ok(message) => {
                let id = Text::from(message.message_id().to_string());
                (message.commit_log_offset, Some(id), message.topic.detach())
            }
            Err(poison) => {
                let offset = poison.commit_log_offset;
                let offset = offset.ok_or_else(|| {
                    Error::invalid("a message without a place cannot be sent back")
                })?;
                (offset, None, Text::from(&queue.topic))
            }
        };
        let request = ConsumerSendMsgBackRequestHeader {
            offset,
            group: (&self.group).into(),
            delay_level: plan.delay_level,
            origin_msg_id: message_id,
            origin_topic: Some(topic),
            unit_mode: Some(false),
            max_reconsume_times: Some(plan.max_redeliveries),
            shared: towards(queue).rpc,
        };
        let deadline = plan.deadline.into();
        self.core.call_master(&queue.broker_name, &request, Bytes::new(), deadline).await?;
        Ok(())
    }

    /// One request for each queue; all of one broker go out together over one connection.
    async fn commit(
        &self,
        commit: CommitId,
        offsets: Vec<OffsetCommit>,
        deadline: Instant,
    ) -> Input {
        let mut stored = JoinSet::new();
        for offset in offsets {
            let requests = self.clone();
            stored.spawn(async move {
                let stored = requests.store_offset(&offset.queue, offset.offset, deadline).await;
                stored.err().map(|error| (offset.epoch, failure(error)))
            });
        }
        let failed = stored.join_all().await.into_iter().flatten().collect();
        Input::Committed { commit, failed }
    }

    /// Tells every broker that this member leaves. One that is not told notices by the closed connection.
    pub(super) async fn unregister(&self, deadline: Instant) {
        self.core.registry.remove_consumer(&self.group);
        let request = UnregisterClientRequestHeader {
            client_id: (&self.core.id).into(),
            consumer_group: Some((&self.group).into()),
            ..UnregisterClientRequestHeader::default()
        };
        let mut told = JoinSet::new();
        let table = self.core.routes.table();
        for address in table.brokers().values().flat_map(|addresses| addresses.values()) {
            let (core, address, request) =
                (Arc::clone(&self.core), Arc::clone(address), request.clone());
            told.spawn(async move {
                if let Err(cause) = core.call(&address, &request, Bytes::new(), deadline).await {
                    tracing::debug!(%address, %cause, "could not unregister");
                }
            });
        }
        drop(table);
        while told.join_next().await.is_some() {}
    }

    /// The header of a pull, and the address it goes to.
    pub(super) fn pull(&self, plan: &PullPlan) -> Option<(Arc<str>, PullMessageRequestHeader)> {
        let table = self.core.routes.table();
        let (broker_id, address) = table.reader(&plan.queue.broker_name, plan.broker_id)?;
        let wanted = Wanted {
            offset: plan.offset,
            max_messages: plan.max_messages,
            max_bytes: plan.max_bytes,
            suspend: Some(plan.suspend),
            commit_offset: plan.commit_offset.filter(|_| broker_id == 0),
            sub_version: plan.sub_version,
            subscription: plan.subscription.as_deref(),
        };
        Some((Arc::clone(address), wanted.header(&self.group, &plan.queue)))
    }
}

/// The fields that let a proxy find the broker.
pub(super) fn towards(queue: &MessageQueue) -> TopicFields {
    to_broker(&Text::from(&queue.broker_name))
}

pub(super) fn to_broker(name: &Text) -> TopicFields {
    let broker_name = Some(name.clone());
    TopicFields { logical: None, rpc: RpcFields { broker_name, ..RpcFields::default() } }
}

/// What a failed pull means to the machine.
pub(super) fn pull_failure(error: &CallError) -> Failure {
    match error {
        CallError::NotSent { .. } => Failure::Unreachable,
        CallError::Refused { refusal, .. } => Failure::Refused(refusal.code),
        _ => Failure::Unanswered,
    }
}

/// What a failed request means to the machine.
fn failure(error: Error) -> Failure {
    tracing::debug!(cause = %error, "a request of a consumer failed");
    match error.response_code() {
        Some(code) => Failure::Refused(code),
        None if error.outcome_unknown() => Failure::Unanswered,
        None => Failure::Unreachable,
    }
}
