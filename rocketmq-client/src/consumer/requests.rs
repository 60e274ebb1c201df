//! What a consumer asks brokers, each as a future that ends in the input it answers.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_consumer::{Action, CommitId, Failure, Input, OffsetCommit, PullPlan};
use rocketmq_protocol::{
    Text,
    body::{self, ConsumerIds, LockBatchRequestBody, LockBatchResponseBody},
    header::{
        GetConsumerListByGroupRequestHeader, LockBatchMqRequestHeader, PullMessageRequestHeader,
        RpcFields, TopicFields, UnlockBatchMqRequestHeader, UnregisterClientRequestHeader,
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
                | Action::QueryAssignment { .. }
                | Action::Ack(_)
                | Action::Reappear(_)
                | Action::QueryStoredOffset { .. }
                | Action::QueryStartOffset { .. }
                | Action::SendBack(_)
                | Action::Commit { .. }
                | Action::Lock { .. }
                | Action::Unlock { .. }
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
            Action::QueryAssignment { topic, broker, strategy, deadline } => {
                let answer = self.assignment(&topic, &broker, &strategy, deadline.into()).await;
                Input::Assignment { topic, answer: answer.map_err(failure) }
            }
            Action::Ack(plan) => self.acknowledged(plan).await,
            Action::Reappear(plan) => self.reappears(plan).await,
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
            Action::Lock { lock, broker, queues, deadline } => {
                let answer = self.lock(&broker, &queues, deadline.into()).await;
                Input::Locked { lock, answer: answer.map_err(failure) }
            }
            Action::Unlock { lock, broker, queues, deadline } => {
                let answer = self.unlock(&broker, &queues, deadline.into()).await;
                Input::Unlocked { lock, answer: answer.map_err(failure) }
            }
            other => {
                if let Action::Unregister { deadline } = other {
                    self.unregister(deadline.into()).await;
                }
                Input::Unregistered
            }
        }
    }

    /// Leases queues of one broker name. The answer is which of them are ours. (Java asks one of the holders of a static topic for
    /// all of its queues.)
    async fn lock(
        &self,
        broker: &str,
        queues: &[MessageQueue],
        deadline: Instant,
    ) -> Result<Vec<MessageQueue>, Error> {
        let mut ours = Vec::new();
        for (holder, held) in self.by_holder(queues) {
            ours.extend(self.lock_at(&holder, broker, &held, deadline).await?);
        }
        Ok(ours)
    }

    async fn lock_at(
        &self,
        holder: &str,
        broker: &str,
        queues: &[MessageQueue],
        deadline: Instant,
    ) -> Result<Vec<MessageQueue>, Error> {
        let request =
            LockBatchMqRequestHeader { shared: to_broker(&Text::from(broker.to_owned())).rpc };
        let leases = body::encode(&self.leases(queues));
        let answer = self.core.call_master(holder, &request, leases, deadline).await?;
        let ours: LockBatchResponseBody = body::decode(&answer.body).map_err(|error| {
            Error::new(ErrorKind::Protocol, "a list of leases that cannot be read")
                .with_source(error)
        })?;
        let named = |queue: &MessageQueue| {
            ours.locked.iter().any(|it| {
                it.topic == *queue.topic
                    && it.broker_name == *queue.broker_name
                    && it.queue_id == queue.queue_id
            })
        };
        Ok(queues.iter().filter(|queue| named(queue)).cloned().collect())
    }

    /// Gives leases of one broker name back.
    async fn unlock(
        &self,
        broker: &str,
        queues: &[MessageQueue],
        deadline: Instant,
    ) -> Result<(), Error> {
        let request =
            UnlockBatchMqRequestHeader { shared: to_broker(&Text::from(broker.to_owned())).rpc };
        for (holder, held) in self.by_holder(queues) {
            let leases = body::encode(&self.leases(&held));
            self.core.call_master(&holder, &request, leases, deadline).await?;
        }
        Ok(())
    }

    fn leases(&self, queues: &[MessageQueue]) -> LockBatchRequestBody {
        let queue = |queue: &MessageQueue| body::MessageQueue {
            broker_name: queue.broker_name.to_string(),
            queue_id: queue.queue_id,
            topic: queue.topic.to_string(),
        };
        LockBatchRequestBody {
            client_id: self.core.id.to_string(),
            consumer_group: self.group.to_string(),
            mq_set: queues.iter().map(queue).collect(),
            only_this_broker: false,
        }
    }

    async fn members(&self, broker: &str, deadline: Instant) -> Result<Vec<Arc<str>>, Error> {
        let request = GetConsumerListByGroupRequestHeader {
            consumer_group: (&self.group).into(),
            shared: RpcFields::default(),
        };
        let address = self.spokesman(broker)?;
        let answer = self.core.call(&address, &request, Bytes::new(), deadline).await?;
        let ids: ConsumerIds = body::decode(&answer.body).map_err(|error| {
            Error::new(ErrorKind::Protocol, "a list of members that cannot be read")
                .with_source(error)
        })?;
        Ok(ids.consumer_id_list.into_iter().map(Arc::from).collect())
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
        let (broker_id, address) = self.reader(&plan.queue, plan.broker_id)?;
        let wanted = Wanted {
            offset: plan.offset,
            max_messages: plan.max_messages,
            max_bytes: plan.max_bytes,
            // A pull that may be held for no time at all would be held until the broker looks again, after 5 s.
            suspend: Some(plan.suspend).filter(|wait| !wait.is_zero()),
            commit_offset: plan.commit_offset.filter(|_| broker_id == 0),
            sub_version: plan.sub_version,
            subscription: plan.subscription.as_deref(),
        };
        Some((address, wanted.header(&self.group, &plan.queue)))
    }

    /// Has the connection made that a pull needs. If that cannot be done the broker may have moved, or left its slaves behind: the
    /// route is asked for at once, and `Ok` says that it names another address now.
    pub(super) async fn connect_for(&self, plan: &PullPlan, address: &str) -> Result<(), Failure> {
        let deadline = plan.deadline.into();
        let Err(error) = self.core.remoting.channel(address, deadline).await else { return Ok(()) };
        let asked = self.core.routes.refreshed(&plan.queue.topic, deadline).await;
        let moved = asked.is_ok() && self.pull(plan).is_some_and(|(now, _)| *now != *address);
        if moved { Ok(()) } else { Err(pull_failure(&error)) }
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
pub(super) fn failure(error: Error) -> Failure {
    tracing::debug!(cause = %error, "a request of a consumer failed");
    match error.response_code() {
        Some(code) => Failure::Refused(code),
        None if error.outcome_unknown() => Failure::Unanswered,
        None => Failure::Unreachable,
    }
}
