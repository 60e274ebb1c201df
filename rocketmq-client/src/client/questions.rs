//! What brokers ask about the consumers here, mostly on behalf of operators.

use std::pin::Pin;

use bytes::Bytes;
use rocketmq_protocol::{
    Command, HeaderError,
    body::{self, ResetOffsetBody},
    code::{RequestCode, ResponseCode},
    header::{
        ConsumeMessageDirectlyResultRequestHeader, GetConsumerRunningInfoRequestHeader,
        GetConsumerStatusRequestHeader, ResetOffsetRequestHeader,
    },
    message::{MessageExt, decode_messages},
};
use rocketmq_route::MessageQueue;

use super::registry::Registry;

/// The body of an answer. `None`: the consumer has ended meanwhile, or does not do that.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Option<Bytes>> + Send>>;

/// A consumer that can be asked.
pub(crate) trait Answers: Send + Sync {
    /// What does it hold and do? With the state of its tasks, if that is wanted.
    fn running_info(&self, with_tasks: bool) -> Answering;
    /// Which offsets does it hold of a topic?
    fn status(&self, topic: &str) -> Answering;
    /// Consume this message now, and say what came of it.
    fn consume_directly(&self, queue: MessageQueue, message: MessageExt) -> Answering;
    /// Read on from these offsets.
    fn reset(&self, offsets: Vec<(MessageQueue, i64)>);
}

/// Answers a request about a group that lives here. `None`: it wants no answer, or is not known here.
pub(super) async fn answer(registry: &Registry, request: &Command) -> Option<Command> {
    let asked = match request.request_code() {
        RequestCode::GET_CONSUMER_RUNNING_INFO => running_info(registry, request).await,
        RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT => status(registry, request).await,
        RequestCode::CONSUME_MESSAGE_DIRECTLY => consume_directly(registry, request).await,
        RequestCode::RESET_CONSUMER_CLIENT_OFFSET => {
            return reset(registry, request).err().map(|refusal| refusal.to_answer(request));
        }
        _ => return None,
    };
    Some(match asked {
        Ok(body) => Command::answer(request, ResponseCode::SUCCESS).with_body(body),
        Err(refusal) => refusal.to_answer(request),
    })
}

/// Why there is no answer, as Java words it.
struct Refusal(String);

impl Refusal {
    fn no_group(group: &str) -> Self {
        Self(format!("The Consumer Group <{group}> not exist in this consumer"))
    }

    fn to_answer(&self, request: &Command) -> Command {
        Command::answer(request, ResponseCode::SYSTEM_ERROR).with_remark(self.0.clone())
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self(error.to_string())
    }
}

async fn running_info(registry: &Registry, request: &Command) -> Result<Bytes, Refusal> {
    let header: GetConsumerRunningInfoRequestHeader = request.header()?;
    let refusal = || Refusal::no_group(&header.consumer_group);
    let answers = registry.answers_of(&header.consumer_group).ok_or_else(refusal)?;
    let with_tasks = header.jstack_enable == Some(true);
    answers.running_info(with_tasks).await.ok_or_else(refusal)
}

async fn status(registry: &Registry, request: &Command) -> Result<Bytes, Refusal> {
    let header: GetConsumerStatusRequestHeader = request.header()?;
    let refusal = || Refusal::no_group(&header.group);
    let answers = registry.answers_of(&header.group).ok_or_else(refusal)?;
    answers.status(&header.topic).await.ok_or_else(refusal)
}

async fn consume_directly(registry: &Registry, request: &Command) -> Result<Bytes, Refusal> {
    let header: ConsumeMessageDirectlyResultRequestHeader = request.header()?;
    let refusal = || Refusal::no_group(&header.consumer_group);
    let answers = registry.answers_of(&header.consumer_group).ok_or_else(refusal)?;
    let message = decode_messages(request.body.clone()).next().and_then(Result::ok);
    let message = message.ok_or_else(|| Refusal("the body is no message".to_owned()))?;
    let broker = header.broker_name.as_deref().unwrap_or_default();
    let queue = MessageQueue::new(&*message.topic, broker, message.queue_id);
    let refused = || Refusal("this consumer consumes no message on demand".to_owned());
    answers.consume_directly(queue, message).await.ok_or_else(refused)
}

/// One-way: whoever resets has no answer to look at, and finds the new offsets at the broker.
fn reset(registry: &Registry, request: &Command) -> Result<(), Refusal> {
    let header: ResetOffsetRequestHeader = request.header()?;
    let answers = registry.answers_of(&header.group);
    let answers = answers.ok_or_else(|| Refusal::no_group(&header.group))?;
    let body: ResetOffsetBody =
        body::decode(&request.body).map_err(|error| Refusal(error.to_string()))?;
    let named = |(queue, offset): (body::MessageQueue, i64)| {
        (MessageQueue::new(queue.topic, queue.broker_name, queue.queue_id), offset)
    };
    answers.reset(body.offset_table.0.into_iter().map(named).collect());
    Ok(())
}
