//! What a consumer asks brokers, each as a future that ends in the input it answers.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_consumer::{
    Action, CommitId, Failure, Input, OffsetCommit, PullAnswer, PullPlan, PullStatus, Seek,
    SendBack, Stored,
};
use rocketmq_protocol::{
    Text,
    body::{self, ConsumerIds},
    code::ResponseCode,
    header::{
        ConsumerSendMsgBackRequestHeader, GetConsumerListByGroupRequestHeader,
        GetMaxOffsetRequestHeader, OffsetResponseHeader, PullMessageRequestHeader,
        PullMessageResponseHeader, QueryConsumerOffsetRequestHeader, RpcFields,
        SearchOffsetRequestHeader, TopicFields, UnregisterClientRequestHeader,
        UpdateConsumerOffsetRequestHeader,
    },
    message::{PullSysFlag, decode_messages},
};
use rocketmq_remoting::{Answer, CallError};
use rocketmq_route::MessageQueue;
use tokio::{task::JoinSet, time::Instant};

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
            Action::Commit { commit, broker, offsets, deadline } => {
                self.commit(commit, &broker, offsets, deadline.into()).await
            }
            _ => {
                self.unregister(&action).await;
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

    async fn stored_offset(
        &self,
        queue: &MessageQueue,
        deadline: Instant,
    ) -> Result<Stored, Error> {
        let request = QueryConsumerOffsetRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&queue.topic).into(),
            queue_id: queue.queue_id,
            set_zero_if_not_found: None,
            shared: towards(queue),
        };
        let answer =
            self.core.call_master(&queue.broker_name, &request, Bytes::new(), deadline).await;
        match answer {
            Ok(answer) => Ok(Stored::At(answer.header.offset)),
            Err(error) if error.response_code() == Some(ResponseCode::QUERY_NOT_FOUND) => {
                Ok(Stored::Never)
            }
            Err(error) => Err(error),
        }
    }

    async fn start_offset(
        &self,
        queue: &MessageQueue,
        seek: Seek,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let topic = Text::from(&queue.topic);
        let (queue_id, shared) = (queue.queue_id, towards(queue));
        let master = &queue.broker_name;
        let answer: Answer<OffsetResponseHeader> = match seek {
            Seek::Max => {
                let request =
                    GetMaxOffsetRequestHeader { topic, queue_id, committed: None, shared };
                self.core.call_master(master, &request, Bytes::new(), deadline).await?
            }
            Seek::Time(timestamp) => {
                let request = SearchOffsetRequestHeader {
                    topic,
                    lite_topic: None,
                    queue_id,
                    timestamp,
                    boundary_type: None,
                    shared,
                };
                self.core.call_master(master, &request, Bytes::new(), deadline).await?
            }
        };
        Ok(answer.header.offset)
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
        broker: &Arc<str>,
        offsets: Vec<OffsetCommit>,
        deadline: Instant,
    ) -> Input {
        let mut stored = JoinSet::new();
        for offset in offsets {
            let (requests, broker) = (self.clone(), Arc::clone(broker));
            stored.spawn(async move {
                let request = UpdateConsumerOffsetRequestHeader {
                    consumer_group: (&requests.group).into(),
                    topic: (&offset.queue.topic).into(),
                    queue_id: offset.queue.queue_id,
                    commit_offset: offset.offset,
                    shared: towards(&offset.queue),
                };
                let answer =
                    requests.core.call_master(&broker, &request, Bytes::new(), deadline).await;
                answer.err().map(|error| (offset.epoch, failure(error)))
            });
        }
        let failed = stored.join_all().await.into_iter().flatten().collect();
        Input::Committed { commit, failed }
    }

    /// Tells every broker that this member leaves. One that is not told notices by the closed connection.
    async fn unregister(&self, action: &Action) {
        let Action::Unregister { deadline } = action else { return };
        let deadline = Instant::from(*deadline);
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
        let commits = plan.commit_offset.filter(|_| broker_id == 0);
        let flag = |set: bool, bit: PullSysFlag| if set { bit } else { PullSysFlag(0) };
        let sys_flag = PullSysFlag::SUSPEND
            .with(flag(commits.is_some(), PullSysFlag::COMMIT_OFFSET))
            .with(flag(plan.subscription.is_some(), PullSysFlag::SUBSCRIPTION));
        let subscription = plan.subscription.as_deref();
        let header = PullMessageRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&plan.queue.topic).into(),
            lite_topic: None,
            queue_id: plan.queue.queue_id,
            queue_offset: plan.offset,
            max_msg_nums: i32::try_from(plan.max_messages).unwrap_or(i32::MAX),
            sys_flag: sys_flag.0,
            commit_offset: commits.unwrap_or(0),
            suspend_timeout_millis: i64::try_from(plan.suspend.as_millis()).unwrap_or(i64::MAX),
            subscription: subscription.map(|data| Text::from(data.sub_string.clone())),
            sub_version: plan.sub_version,
            expression_type: subscription.map(|data| Text::from(data.expression_type.as_str())),
            max_msg_bytes: i32::try_from(plan.max_bytes).ok(),
            request_source: None,
            proxy_forward_client_id: None,
            shared: towards(&plan.queue),
        };
        Some((Arc::clone(address), header))
    }
}

/// The fields that let a proxy find the broker.
fn towards(queue: &MessageQueue) -> TopicFields {
    let broker_name = Some(Text::from(&queue.broker_name));
    TopicFields { logical: None, rpc: RpcFields { broker_name, ..RpcFields::default() } }
}

/// What an answered pull says.
pub(super) fn pull_answer(
    answer: Answer<PullMessageResponseHeader>,
) -> Result<PullAnswer, Failure> {
    let status = match answer.code {
        ResponseCode::SUCCESS => PullStatus::Found,
        ResponseCode::PULL_NOT_FOUND => PullStatus::NoNewMessage,
        ResponseCode::PULL_RETRY_IMMEDIATELY => PullStatus::NoMatchedMessage,
        ResponseCode::PULL_OFFSET_MOVED if is_reset(&answer) => PullStatus::OffsetReset,
        ResponseCode::PULL_OFFSET_MOVED => PullStatus::OffsetIllegal,
        code => return Err(Failure::Refused(code)),
    };
    Ok(PullAnswer {
        status,
        next_begin_offset: answer.header.next_begin_offset,
        min_offset: answer.header.min_offset,
        max_offset: answer.header.max_offset,
        suggest_which_broker_id: answer.header.suggest_which_broker_id,
        messages: match status {
            PullStatus::Found => decode_messages(answer.body).collect(),
            _ => Vec::new(),
        },
    })
}

/// The name of the broker's store status is its remark (`broker/processor/PullMessageProcessor.java`).
fn is_reset(answer: &Answer<PullMessageResponseHeader>) -> bool {
    answer.remark.as_deref() == Some("OFFSET_RESET")
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
