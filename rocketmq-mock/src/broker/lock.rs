//! Leases of queues (`broker/client/rebalance/RebalanceLockManager.java`).

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_protocol::{
    Command,
    body::{self, LockBatchRequestBody, LockBatchResponseBody, MessageQueue},
    code::ResponseCode,
};

use super::{Broker, Refusal, answer};

/// How long a lease lasts that is not renewed, in milliseconds (`rocketmq.broker.rebalance.lockMaxLiveTime`).
const LEASE: i64 = 60_000;

/// Who has leased which queue of which group, and when they last said so.
#[derive(Debug, Default)]
pub(super) struct Leases(BTreeMap<(Arc<str>, MessageQueue), (String, i64)>);

impl Leases {
    fn owner(&self, now: i64, key: &(Arc<str>, MessageQueue)) -> Option<&str> {
        let (owner, renewed) = self.0.get(key)?;
        (now - renewed <= LEASE).then_some(owner.as_str())
    }
}

impl Broker {
    pub(super) fn lock(&mut self, now: i64, request: &Command) -> Result<Command, Refusal> {
        let wanted = read(request)?;
        let group: Arc<str> = wanted.consumer_group.as_str().into();
        let mut locked = Vec::new();
        for queue in wanted.mq_set {
            let key = (Arc::clone(&group), queue.clone());
            if self.leases.owner(now, &key).is_none_or(|owner| owner == wanted.client_id) {
                self.leases.0.insert(key, (wanted.client_id.clone(), now));
                locked.push(queue);
            }
        }
        let body = body::encode(&LockBatchResponseBody { locked });
        Ok(answer(request, ResponseCode::SUCCESS).with_body(body))
    }

    pub(super) fn unlock(&mut self, request: &Command) -> Result<Command, Refusal> {
        let given_back = read(request)?;
        let group: Arc<str> = given_back.consumer_group.as_str().into();
        for queue in given_back.mq_set {
            let key = (Arc::clone(&group), queue);
            if self.leases.0.get(&key).is_some_and(|(owner, _)| *owner == given_back.client_id) {
                self.leases.0.remove(&key);
            }
        }
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    /// Who has leased a queue, for assertions.
    pub(crate) fn lease_owner(&self, group: &str, topic: &str, queue_id: i32) -> Option<&str> {
        let queue =
            MessageQueue { broker_name: self.name.to_string(), queue_id, topic: topic.to_owned() };
        self.leases.0.get(&(group.into(), queue)).map(|(owner, _)| owner.as_str())
    }

    /// Takes a lease from whoever has it and gives it to another client, as happens when brokers change places.
    pub(crate) fn steal_lease(
        &mut self,
        now: i64,
        group: &str,
        topic: &str,
        queue_id: i32,
        thief: &str,
    ) {
        let queue =
            MessageQueue { broker_name: self.name.to_string(), queue_id, topic: topic.to_owned() };
        self.leases.0.insert((group.into(), queue), (thief.to_owned(), now));
    }
}

fn read(request: &Command) -> Result<LockBatchRequestBody, Refusal> {
    body::decode(&request.body)
        .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))
}
