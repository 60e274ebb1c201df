//! Lite topics on the wire.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rocketmq_consumer::pop::{Popped, popped_lite};
use rocketmq_protocol::{
    Text,
    body::{self},
    code::ResponseCode,
    header::{LiteSubscriptionCtlRequestHeader, PopLiteMessageRequestHeader},
    message::decode_messages,
};
use tokio::{task::JoinSet, time::Instant};

use super::{LiteTopics, subscriptions::Change};
use crate::{
    Error,
    consumer::{
        Received,
        popping::millis,
        presence::no_topic,
        requests::{Requests, to_broker},
        simple::{ANSWER_TIME, opened},
    },
};

/// One pop of whatever lite topics are subscribed to.
pub(super) struct LitePop {
    pub(super) topics: Arc<LiteTopics>,
    pub(super) broker: Arc<str>,
    pub(super) max_messages: i32,
    pub(super) invisible: Duration,
    /// How long the broker may wait for messages.
    pub(super) wait: Duration,
    /// The same for all attempts of one pop.
    pub(super) attempt: Text,
}

impl Requests {
    /// Tells every broker of a topic of a change. The first that does not confirm it is an error; all others have been told.
    pub(super) async fn tell_lite(
        &self,
        topic: &Arc<str>,
        change: Change,
        deadline: Instant,
    ) -> Result<(), Error> {
        let route = self.core.routes.find(topic, deadline).await?.ok_or_else(|| no_topic(topic))?;
        let change = body::encode(&change);
        let mut told = JoinSet::new();
        for broker in route.brokers().keys() {
            let (core, broker) = (Arc::clone(&self.core), Arc::clone(broker));
            let change = change.clone();
            told.spawn(async move {
                let shared = to_broker(&Text::from(&broker)).rpc;
                let request = LiteSubscriptionCtlRequestHeader { shared };
                core.call_master(&broker, &request, change, deadline).await.map(drop)
            });
        }
        told.join_all().await.into_iter().collect()
    }

    pub(super) async fn pop_lite(&self, plan: &LitePop) -> Result<Vec<Received>, Error> {
        let request = PopLiteMessageRequestHeader {
            client_id: (&plan.topics.client_id).into(),
            consumer_group: (&self.group).into(),
            topic: (&plan.topics.topic).into(),
            max_msg_num: plan.max_messages,
            invisible_time: millis(plan.invisible),
            poll_time: millis(plan.wait),
            born_time: 0,
            attempt_id: Some(plan.attempt.clone()),
            shared: to_broker(&Text::from(&plan.broker)).rpc,
        };
        let deadline = Instant::now() + plan.wait + ANSWER_TIME;
        let answer = self.core.call_master(&plan.broker, &request, Bytes::new(), deadline).await?;
        if answer.code != ResponseCode::SUCCESS {
            return Ok(Vec::new());
        }
        let messages = decode_messages(answer.body).collect();
        let broker = Text::from(&plan.broker);
        let popped = popped_lite(&broker, &plan.topics.topic, &answer.header, messages);
        let expires = Instant::now() + plan.invisible;
        let namespace = self.core.namespace();
        let topic = namespace.unwrap_topic(&plan.topics.topic);
        let received = |Popped { content, receipt, .. }| Received {
            content: opened(content, namespace),
            receipt,
            topic: Arc::clone(&topic),
            wire_topic: Arc::clone(&plan.topics.topic),
            is_lite: true,
            expires,
        };
        Ok(popped.into_iter().map(received).collect())
    }
}
