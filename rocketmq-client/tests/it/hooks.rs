//! Hooks, namespaces, chosen queues, and the trace.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{
    BoxError, Client, EndedTransaction, Error, ErrorKind, Message, MessageQueue, Resolution,
    SendContext, SendHook, SendReceipt, Tracing,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::{
    code::RequestCode,
    message::property,
    trace::{self, TraceRecord},
};

use crate::{PATIENCE, client_of, eventually};

/// Writes down what it sees, marks messages, and refuses some.
#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl SendHook for Notes {
    fn before_send(
        &self,
        message: &mut Message,
        context: &mut SendContext,
    ) -> Result<(), BoxError> {
        if message.body() == "refused" {
            return Err("no such thing".into());
        }
        message.add_property("span", "7");
        context.insert(message.body().len());
        Ok(())
    }

    fn before_attempt(&self, queue: &MessageQueue, _: &SendContext) -> Result<(), BoxError> {
        self.add(format!("at {}", queue.topic));
        Ok(())
    }

    fn after_send(&self, context: &mut SendContext, outcome: Result<&SendReceipt, &Error>) {
        let length = context.remove::<usize>();
        self.add(format!(
            "{length:?} {}",
            outcome.map_or_else(Error::to_string, |_| "stored".into())
        ));
    }

    fn after_transaction(&self, ended: &EndedTransaction<'_>) {
        self.add(format!("{:?} {}", ended.resolution, ended.topic));
    }
}

#[tokio::test]
async fn hooks_see_every_send_from_before_to_after() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let notes = Notes::default();
    let builder = client_of(&cluster).await.producer("p").hook(notes.clone());
    let producer =
        builder.transactional(|_half| async { Resolution::Unknown }).start().await.unwrap();
    cluster.inject(
        RequestCode::SEND_MESSAGE_V2,
        Fault::Refuse(rocketmq_client::ResponseCode::SYSTEM_BUSY),
        1,
    );
    producer.send(Message::new("t", "four")).await.unwrap();
    assert_eq!(notes.take(), ["at t", "at t", "Some(4) stored"]);
    assert_eq!(cluster.messages("t")[0].properties.get("span"), Some("7"));

    let error = producer.send(Message::new("t", "refused")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Vetoed);
    assert!(notes.take().is_empty() && cluster.messages("t").len() == 1);

    producer.begin(Message::new("t", "half")).await.unwrap().commit().await.unwrap();
    assert_eq!(notes.take(), ["at t", "Some(4) stored", "Commit t"]);
}

#[tokio::test]
async fn names_have_their_namespace_on_the_wire_only() {
    let cluster = MockCluster::start().await.unwrap();
    let client = Client::builder(cluster.name_server_address().to_string())
        .namespace("shop")
        .connect()
        .await
        .unwrap();
    let producer = client.producer("p").start().await.unwrap();
    let receipt = producer.send(Message::new("t", "x")).await.unwrap();
    assert_eq!(&*receipt.queue().topic, "t");
    let stored = cluster.messages("shop%t");
    assert_eq!(stored[0].properties.get(property::INSTANCE_ID), Some("shop"));
    let send = producer.send(Message::new("t", "y")).to_queue(receipt.queue().clone());
    assert_eq!(send.await.unwrap().queue(), receipt.queue());
    let queues = producer.queues("t").await.unwrap();
    assert!(queues.iter().all(|queue| &*queue.topic == "t"));
    let error =
        producer.send(Message::new("t", "x")).to_queue(MessageQueue::new("u", "broker-a", 0));
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn the_application_may_choose_the_queue() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 2).start().await.unwrap();
    let producer = client_of(&cluster).await.producer("p").start().await.unwrap();
    let last = |queues: &[MessageQueue]| queues.len() - 1;
    let receipt = producer.send(Message::new("t", "x")).to_queue_by(last).await.unwrap();
    assert_eq!(*receipt.queue(), MessageQueue::new("t", "broker-b", 1));
    let error = producer.send(Message::new("t", "x")).to_queue_by(|_| 4).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

fn tracing() -> Tracing {
    let mut tracing = Tracing::default();
    tracing.linger = PATIENCE;
    tracing.batch = 100;
    tracing
}

#[tokio::test]
async fn traces_tell_what_was_sent() {
    let topic = "RMQ_SYS_TRACE_TOPIC";
    let cluster = MockCluster::builder().topic(topic, 1).topic("t", 1).start().await.unwrap();
    let builder = client_of(&cluster).await.producer("p").tracing(tracing());
    let producer =
        builder.transactional(|_half| async { Resolution::Unknown }).start().await.unwrap();
    let message = Message::new("t", "four").tag("T").key("k1").key("k2");
    let sent = producer.send(message).await.unwrap();
    let half = producer.begin(Message::new("t", "half")).await.unwrap();
    let half_id = *half.message_id();
    half.commit().await.unwrap();
    producer.shutdown(PATIENCE).await;

    let carriers = cluster.messages(topic);
    let [carrier] = &carriers[..] else { panic!("{} messages of traces", carriers.len()) };
    let keys: Vec<&str> = carrier.keys().collect();
    assert_eq!(keys, [sent.message_id().as_str(), "k1", "k2", half_id.as_str()]);
    let text = String::from_utf8(carrier.body.to_vec()).unwrap();
    let records: Vec<_> = trace::decode(&text).map(Result::unwrap).collect();
    let [TraceRecord::Pub(first), TraceRecord::Pub(second), TraceRecord::EndTransaction(end)] =
        &records[..]
    else {
        panic!("{records:?}")
    };
    let sent = &first.message;
    assert_eq!((&*sent.group, &*sent.topic, first.body_length), ("p", "t", 4));
    assert_eq!((sent.tags.as_deref(), sent.keys.as_deref()), (Some("T"), Some("k1 k2")));
    assert_eq!(*sent.store_host, cluster.broker_address("broker-a").unwrap().to_string());
    assert!(first.success);
    assert_eq!(second.message.message_type, trace::MessageType::TransactionHalf);
    assert_eq!((&*end.message.message_id, end.from_check), (half_id.as_str(), false));
}

#[tokio::test]
async fn f51_traces_that_cannot_be_sent_slow_nothing_down() {
    let cluster =
        MockCluster::builder().topic("t", 1).auto_create_topics(false).start().await.unwrap();
    let mut options = tracing();
    (options.backlog, options.linger) = (10, Duration::ZERO);
    let builder = client_of(&cluster).await.producer("p").tracing(options);
    let producer = builder.start().await.unwrap();
    for _ in 0..200 {
        producer.send(Message::new("t", "x")).await.unwrap();
    }
    eventually("traces are dropped", || async { producer.stats().traces_dropped > 0 }).await;
    producer.shutdown(PATIENCE).await;
}
