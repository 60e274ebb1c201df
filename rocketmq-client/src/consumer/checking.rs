//! Asking a broker, before a consumer starts, whether it understands what the consumer wants.

use rocketmq_protocol::{
    body::{self, CheckClientRequestBody, ExpressionType, SubscriptionData},
    code::ResponseCode,
    header::CheckClientConfigRequestHeader,
};
use tokio::time::Instant;

use super::requests::Requests;
use crate::Error;

impl Requests {
    /// Has a broker of each topic judge the conditions. One that does not answer, or does not know the question, may well understand
    /// them: only a clear no is an error (`client/impl/factory/MQClientInstance.java`, `checkClientInBroker`).
    pub(super) async fn check(&self, subscriptions: &[SubscriptionData]) -> Result<(), Error> {
        let by_condition = |data: &&SubscriptionData| data.expression_type != ExpressionType::Tag;
        for data in subscriptions.iter().filter(by_condition) {
            let deadline = Instant::now() + self.core.options.request_timeout;
            let route = self.core.routes.find(&data.topic.as_str().into(), deadline).await;
            let Ok(Some(route)) = route else { continue };
            let Some(queue) = route.subscribe_queues().first() else { continue };
            let question = CheckClientRequestBody {
                client_id: self.core.id.to_string(),
                group: self.group.to_string(),
                namespace: None,
                subscription_data: data.clone(),
            };
            let request = CheckClientConfigRequestHeader::default();
            let (broker, body) = (&*queue.broker_name, body::encode(&question));
            let asked: Result<_, Error> =
                self.core.call_master(broker, &request, body, deadline).await;
            match asked {
                Err(error) if error.response_code().is_some_and(is_no) => {
                    let text = format!("`{}` is no condition for {broker}", data.sub_string);
                    return Err(Error::invalid(text).with_source(error));
                }
                Err(cause) => tracing::warn!(broker, %cause, "could not have a condition checked"),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

/// It cannot be parsed, or the broker is not configured to filter by properties.
fn is_no(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::SUBSCRIPTION_PARSE_FAILED | ResponseCode::SYSTEM_ERROR)
}
