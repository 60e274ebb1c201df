//! What a subscriber of `tracing` sees of sends, receives and handlers.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketmq_client::{Client, Delivery, Message, PullStatus, ResponseCode, StartFrom};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory};

/// The spans of this client, each as it was when it ended.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<Vec<Fields>>>);

#[derive(Debug, Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ended {
    fn on_new_span(&self, new: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        new.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, record: &span::Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        record.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.metadata().target() == "rocketmq_client" {
            let fields = span.extensions_mut().remove::<Fields>().unwrap();
            self.0.lock().unwrap().push(fields);
        }
    }
}

impl Ended {
    fn watch() -> (Self, tracing::subscriber::DefaultGuard) {
        let ended = Self::default();
        let subscriber = tracing_subscriber::registry().with(ended.clone());
        (ended, tracing::subscriber::set_default(subscriber))
    }

    fn named(&self, name: &str) -> Vec<Fields> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|span| span.get("otel.name") == name).cloned().collect()
    }
}

#[track_caller]
fn check(span: &Fields, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(span.get(name), *value, "{name} of {span:#?}");
    }
}

#[tokio::test]
async fn a_send_is_a_span_and_says_where_the_message_went_or_why_not() {
    let (ended, _guard) = Ended::watch();
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    let receipt =
        producer.send(Message::new("t", "secret body").tag("paid").key("k1")).await.unwrap();
    cluster.inject(RequestCode::SEND_MESSAGE_V2, Fault::Refuse(ResponseCode::MESSAGE_ILLEGAL), 1);
    producer.send(Message::new("t", "secret body")).await.unwrap_err();
    producer.send(Message::new("t", "secret body")).oneway().await.unwrap();

    let sends = ended.named("send t");
    let address = cluster.broker_address("broker-a").unwrap().to_string();
    assert_eq!(sends.len(), 3);
    check(
        &sends[0],
        &[
            ("otel.kind", "producer"),
            ("otel.status_code", ""),
            ("messaging.system", "rocketmq"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.rocketmq.namespace", ""),
            ("messaging.destination.name", "t"),
            ("messaging.destination.partition.id", "0"),
            ("messaging.client.id", client.id()),
            ("messaging.message.id", receipt.message_id().as_str()),
            ("messaging.rocketmq.message.tag", "paid"),
            ("messaging.rocketmq.message.keys", "k1"),
            ("messaging.rocketmq.message.type", "normal"),
            ("server.address", &address),
            ("error.type", ""),
        ],
    );
    check(&sends[1], &[("otel.status_code", "ERROR"), ("error.type", "MESSAGE_ILLEGAL")]);
    let all = format!("{:?}", ended.0.lock().unwrap());
    assert!(!all.contains("secret"), "{all}");
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn handlers_run_inside_their_spans() {
    let (ended, _guard) = Ended::watch();
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let builder = Client::builder(cluster.name_server_list()).connector(pipes);
    let client = builder.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for tag in ["good", "bad"] {
        producer.send(Message::new("t", "x").tag(tag)).await.unwrap();
    }
    let inside = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&inside);
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer
        .start(move |delivery: Delivery| {
            let seen = Arc::clone(&seen);
            async move {
                tokio::task::yield_now().await;
                seen.lock().unwrap().push(tracing::Span::current().metadata().unwrap().name());
                if delivery.tag() == Some("bad") { Err("it is bad") } else { Ok(()) }
            }
        })
        .await
        .unwrap();
    eventually("both are processed", || async { ended.named("process t").len() >= 2 }).await;
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
    assert!(inside.lock().unwrap().iter().all(|name| *name == "process"));
    for span in ended.named("process t") {
        let failed = span.get("messaging.rocketmq.message.tag") == "bad";
        check(
            &span,
            &[
                ("otel.kind", "consumer"),
                ("messaging.operation.type", "process"),
                ("messaging.rocketmq.namespace", ""),
                ("messaging.consumer.group.name", "g"),
                ("otel.status_code", if failed { "ERROR" } else { "" }),
            ],
        );
    }
}

#[tokio::test]
async fn who_asks_for_messages_is_told_in_a_span_how_many_came() {
    let (ended, _guard) = Ended::watch();
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for _ in 0..2 {
        producer.send(Message::new("t", "x")).await.unwrap();
    }
    let pull = client.pull_consumer("pull").start().await.unwrap();
    let queue = pull.queues("t").await.unwrap().remove(0);
    assert_eq!(pull.pull(&queue, 0).await.unwrap().status, PullStatus::Found);
    pull.shutdown().await;
    let simple = client.simple_consumer("simple").subscribe("t", "*").start().await.unwrap();
    assert_eq!(simple.receive(2, Duration::from_secs(10)).await.unwrap().len(), 2);
    simple.shutdown().await;
    let lite = client.lite_pull_consumer("lite").subscribe("t", "*").start_from(StartFrom::First);
    let lite = lite.start().await.unwrap();
    assert!(!lite.poll(PATIENCE).await.unwrap().is_empty());
    lite.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;

    let of_group = |name: &str, group: &str| {
        let of = ended.named(name);
        let mut of =
            of.into_iter().filter(|span| span.get("messaging.consumer.group.name") == group);
        of.next().unwrap()
    };
    let expected = [("otel.kind", "client"), ("messaging.batch.message_count", "2")];
    check(&of_group("receive t", "pull"), &expected);
    check(&of_group("receive", "simple"), &expected);
    check(&of_group("receive", "lite"), &[("messaging.operation.name", "receive")]);
}
