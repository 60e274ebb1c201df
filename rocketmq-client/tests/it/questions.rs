//! What brokers ask consumers on behalf of operators.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use rocketmq_client::{Client, Delivery, Message, OrderedOutcome, PushConsumer, StartFrom};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::{
    Command,
    body::{
        self, CMResult, ConsumeMessageDirectlyResult, ConsumerRunningInfo, GetConsumerStatusBody,
        MessageQueue, QueueTable, ResetOffsetBody,
    },
    code::{RequestCode, ResponseCode},
    header::{
        ConsumeMessageDirectlyResultRequestHeader, GetConsumerRunningInfoRequestHeader,
        GetConsumerStatusRequestHeader, Header, ResetOffsetRequestHeader,
    },
    message::encode_message,
};
use tokio::sync::Semaphore;

use crate::{PATIENCE, client_of, eventually};

/// Has the broker ask, and waits for the answer.
async fn ask(
    cluster: &MockCluster,
    code: RequestCode,
    header: &impl Header,
    body: Vec<u8>,
) -> Command {
    let before = cluster.answers().len();
    let mut command = Command::default().with_header(header).with_opaque(7).with_body(body);
    command.code = code.0;
    assert_eq!(cluster.send_to_clients("broker-a", &command), 1);
    eventually("an answer", || async { cluster.answers().len() > before }).await;
    cluster.answers().pop().unwrap().command
}

async fn cluster_with(messages: usize) -> (MockCluster, Client) {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..messages {
        producer.send(Message::new("t", number.to_string())).await.unwrap();
    }
    (cluster, client)
}

/// An ordered consumer, and how often its handler was called.
async fn counting(client: &Client) -> (PushConsumer, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.ordered().start(move |delivery: Delivery| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match &delivery.body()[..] {
                b"bad" => Err("a bad one"),
                b"odd" => Ok(OrderedOutcome::Rollback),
                _ => Ok(OrderedOutcome::Ack),
            }
        }
    });
    (consumer.await.unwrap(), count)
}

async fn seen(count: &AtomicUsize, expected: usize) {
    eventually("all are seen", || async { count.load(Ordering::SeqCst) == expected }).await;
}

#[tokio::test]
async fn running_info_has_no_blanks() {
    let (cluster, client) = cluster_with(5).await;
    let (consumer, count) = counting(&client).await;
    seen(&count, 5).await;
    let header = GetConsumerRunningInfoRequestHeader {
        consumer_group: "g".into(),
        client_id: client.id().to_owned().into(),
        jstack_enable: Some(true),
        ..Default::default()
    };
    eventually("all is settled", || async { consumer.lag().await.unwrap() == 0 }).await;
    let answer = ask(&cluster, RequestCode::GET_CONSUMER_RUNNING_INFO, &header, Vec::new()).await;
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS);
    let info: ConsumerRunningInfo = body::decode(&answer.body).unwrap();
    for (name, expected) in [
        (ConsumerRunningInfo::PROP_CONSUMEORDERLY, "true"),
        (ConsumerRunningInfo::PROP_CONSUME_TYPE, "CONSUME_PASSIVELY"),
        (ConsumerRunningInfo::PROP_THREADPOOL_CORE_SIZE, "20"),
        ("consumerGroup", "g"),
        ("messageModel", "CLUSTERING"),
        ("allocateMessageQueueStrategy", "AVG"),
    ] {
        assert_eq!(info.properties.get(name).map(String::as_str), Some(expected), "{name}");
    }
    let name_servers = &info.properties[ConsumerRunningInfo::PROP_NAMESERVER_ADDR];
    assert_eq!(*name_servers, format!("{};", cluster.name_server_address()));
    assert!(info.properties.values().all(|value| !value.is_empty()), "{:?}", info.properties);
    assert_eq!(info.subscription_set.len(), 2, "the topic and its retries");
    let queue = info.mq_table.iter().find(|(queue, _)| queue.topic == "t").unwrap().1;
    assert_eq!((queue.commit_offset, queue.cached_msg_count, queue.locked), (5, 0, true));
    assert!(queue.last_pull_timestamp > 0 && queue.last_consume_timestamp > 0);
    assert!(queue.last_lock_timestamp > 0);
    let status = &info.status_table["t"];
    assert!(status.consume_ok_tps > 0.0 && status.pull_tps > 0.0, "{status:?}");
    assert!(info.jstack.unwrap().contains("Pulling"));
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_group_that_is_not_here_is_no_answer() {
    let (cluster, client) = cluster_with(1).await;
    let (consumer, count) = counting(&client).await;
    seen(&count, 1).await;
    let header = GetConsumerRunningInfoRequestHeader {
        consumer_group: "other".into(),
        client_id: client.id().to_owned().into(),
        ..Default::default()
    };
    let answer = ask(&cluster, RequestCode::GET_CONSUMER_RUNNING_INFO, &header, Vec::new()).await;
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR);
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn its_offsets_are_told() {
    let (cluster, client) = cluster_with(3).await;
    let (consumer, count) = counting(&client).await;
    seen(&count, 3).await;
    eventually("all is settled", || async { consumer.lag().await.unwrap() == 0 }).await;
    let header = GetConsumerStatusRequestHeader {
        topic: "t".into(),
        group: "g".into(),
        ..Default::default()
    };
    let code = RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT;
    let answer = ask(&cluster, code, &header, Vec::new()).await;
    let status: GetConsumerStatusBody = body::decode(&answer.body).unwrap();
    let offsets: Vec<_> = status.message_queue_table.values().copied().collect();
    assert_eq!(offsets, [3]);
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_message_is_consumed_on_demand() {
    let (cluster, client) = cluster_with(1).await;
    let (consumer, count) = counting(&client).await;
    seen(&count, 1).await;
    let stored = cluster.messages("t").pop().unwrap();
    for (text, expected) in [
        ("fine", CMResult::Success),
        ("bad", CMResult::ThrowException),
        ("odd", CMResult::Rollback),
    ] {
        let message = rocketmq_client::MessageExt {
            body: text.into(),
            body_crc: crc(text.as_bytes()),
            ..stored.clone()
        };
        let mut bytes = bytes::BytesMut::new();
        encode_message(&message, &mut bytes);
        let header = ConsumeMessageDirectlyResultRequestHeader {
            consumer_group: "g".into(),
            broker_name: Some("broker-a".into()),
            ..Default::default()
        };
        let code = RequestCode::CONSUME_MESSAGE_DIRECTLY;
        let answer = ask(&cluster, code, &header, bytes.to_vec()).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let result: ConsumeMessageDirectlyResult = body::decode(&answer.body).unwrap();
        assert_eq!(result.consume_result, Some(expected), "{text}");
        assert!(result.order && result.auto_commit);
    }
    assert_eq!(count.load(Ordering::SeqCst), 4);
    consumer.shutdown(PATIENCE).await;
}

/// CRC-32 as messages carry it.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc & 0x7fff_ffff
}

/// Has the broker move the group's queue there.
fn reset(cluster: &MockCluster, to: i64) {
    let queue = MessageQueue { broker_name: "broker-a".into(), queue_id: 0, topic: "t".into() };
    let offset_table: QueueTable<i64> = [(queue, to)].into_iter().collect();
    let header = ResetOffsetRequestHeader {
        group: "g".into(),
        topic: "t".into(),
        is_force: true,
        ..Default::default()
    };
    let bytes = body::encode(&ResetOffsetBody { offset_table });
    let mut command = Command::default().with_header(&header).with_body(bytes).oneway();
    command.code = RequestCode::RESET_CONSUMER_CLIENT_OFFSET.0;
    cluster.send_to_clients("broker-a", &command);
}

#[tokio::test]
async fn a18_f80_a_reset_moves_the_consumer_and_old_results_count_for_nothing() {
    let (cluster, client) = cluster_with(10).await;
    let (consumer, count) = counting(&client).await;
    seen(&count, 10).await;
    for (to, expected) in [(4, 16), (9, 17)] {
        reset(&cluster, to);
        seen(&count, expected).await;
    }
    consumer.shutdown(PATIENCE).await;
    assert_eq!(cluster.stored_offset("broker-a", "g", "t", 0), Some(10));
}

#[tokio::test]
async fn a18_what_a_reset_passes_over_is_not_handed_to_handlers() {
    let (cluster, client) = cluster_with(10).await;
    let (bodies, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
    let (noted, entered) = (Arc::clone(&bodies), Arc::clone(&gate));
    let consumer = client.push_consumer("g").subscribe("t", "*").start_from(StartFrom::First);
    let consumer = consumer.concurrency(1).start(move |delivery: Delivery| {
        noted.lock().unwrap().push(String::from_utf8(delivery.body().to_vec()).unwrap());
        let gate = Arc::clone(&entered);
        async move { gate.acquire().await.unwrap().forget() }
    });
    let consumer = consumer.await.unwrap();
    eventually("one is with the handler, others wait", || async {
        let held = consumer.snapshot().await.unwrap();
        held.queues.iter().any(|queue| queue.cached_messages == 10)
            && !bodies.lock().unwrap().is_empty()
    })
    .await;
    reset(&cluster, 8);
    eventually("the queue has moved", || async {
        let held = consumer.snapshot().await.unwrap();
        held.queues.iter().any(|queue| queue.cached_messages == 2)
    })
    .await;
    gate.add_permits(100);
    eventually("the last is seen", || async {
        bodies.lock().unwrap().last().is_some_and(|last| last == "9")
    })
    .await;
    assert_eq!(*bodies.lock().unwrap(), ["0", "8", "9"]);
    consumer.shutdown(PATIENCE).await;
    assert_eq!(cluster.stored_offset("broker-a", "g", "t", 0), Some(10));
}
