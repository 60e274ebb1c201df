//! Which broker a request about a queue goes to.
//!
//! Queues of static topics are called by the name of a broker that does not exist. Requests say that name, and go to whoever holds the
//! queue now (`client/impl/factory/MQClientInstance.java`, `getBrokerNameFromMessageQueue`).

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use rocketmq_protocol::header::Request;
use rocketmq_remoting::Answer;
use rocketmq_route::{LOGICAL_BROKER_PREFIX, MessageQueue, RouteTable};
use tokio::time::Instant;

use super::requests::Requests;
use crate::{Error, client::unknown_broker};

/// Whether it is a name that stands for all holders of static topics.
pub(super) fn is_logical(broker: &str) -> bool {
    broker.starts_with(LOGICAL_BROKER_PREFIX)
}

fn holder<'a>(table: &'a RouteTable, queue: &'a MessageQueue) -> &'a Arc<str> {
    if !is_logical(&queue.broker_name) {
        return &queue.broker_name;
    }
    table.route(&queue.topic).map_or(&queue.broker_name, |route| route.broker_of(queue))
}

impl Requests {
    /// Whom to read a queue from: the broker of this id, or whichever there is. The answer is its id and address.
    pub(super) fn reader(&self, queue: &MessageQueue, broker_id: i64) -> Option<(i64, Arc<str>)> {
        let table = self.core.routes.table();
        let (id, address) = table.reader(holder(&table, queue), broker_id)?;
        Some((id, Arc::clone(address)))
    }

    /// Calls the master that holds a queue.
    pub(super) async fn call_holder<R: Request>(
        &self,
        queue: &MessageQueue,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, Error> {
        let broker = Arc::clone(holder(&self.core.routes.table(), queue));
        self.core.call_master(&broker, request, body, deadline).await
    }

    /// These queues, which have one broker name, by the brokers that hold them.
    pub(super) fn by_holder(
        &self,
        queues: &[MessageQueue],
    ) -> BTreeMap<Arc<str>, Vec<MessageQueue>> {
        let table = self.core.routes.table();
        let mut held = BTreeMap::<_, Vec<_>>::new();
        for queue in queues {
            held.entry(Arc::clone(holder(&table, queue))).or_default().push(queue.clone());
        }
        held
    }

    /// Someone who can be asked about the group: the broker of this name, or one that holds a queue which is called by it. The first of
    /// them, so that all members ask the same.
    pub(super) fn spokesman(&self, broker: &str) -> Result<Arc<str>, Error> {
        let table = self.core.routes.table();
        let holder = is_logical(broker).then(|| {
            let routes = table.topics().filter_map(|topic| table.route(topic));
            let holders = routes.flat_map(|route| {
                let queues = route.subscribe_queues().iter();
                queues.filter(|it| *it.broker_name == *broker).map(|it| route.broker_of(it))
            });
            holders.filter(|holder| table.reader(holder, 0).is_some()).min()
        });
        let broker = holder.flatten().map_or(broker, |holder| &**holder);
        let reader = table.reader(broker, 0);
        reader.map(|(_, address)| Arc::clone(address)).ok_or_else(|| unknown_broker(broker))
    }
}
