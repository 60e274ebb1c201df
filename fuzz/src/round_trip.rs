//! Values that a fuzzer makes up, written and read again.

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, ExtFields, Flags, FrameLimits, Serialization, Text,
    body::{
        self, BrokerData, MessageQueue, QueueData, QueueTable, ResetOffsetBody, TopicRouteData,
    },
    code::{LanguageCode, Version},
    frame,
    message::{
        BatchRecord, MessageExt, OffsetMessageId, Properties, PropertiesWriter, SysFlag, UniqueId,
        UniqueIdPrefix, decode_batch, decode_messages, encode_batch_record, encode_message,
    },
    pop::{RecallHandle, Receipt, TopicKind},
    trace::{
        self, EndTransactionTrace, MessageType, ProducedMessage, PubTrace, RecallTrace,
        SubAfterTrace, SubBeforeTrace, TraceRecord, TransactionState,
    },
};

use crate::source::Source;

/// The first byte says what the others are made into: something that this crate writes. Read again, it is the same.
pub fn round_trip(data: &[u8]) {
    let mut source = Source::new(data);
    let laws = [commands, messages, batches, properties, receipts, ids, traces, bodies];
    source.one_of(&laws)(&mut source);
}

fn commands(source: &mut Source<'_>) {
    let mut command = Command::default().with_opaque(source.int());
    command.code = i16::from_be_bytes(source.array()).into();
    command.language = source.one_of(LanguageCode::ALL);
    command.version = Version(i16::from_be_bytes(source.array()).into());
    command.flags = Flags(source.int());
    command.remark = Some(source.text()).filter(|text| !text.is_empty()).map(Text::from);
    for (key, value) in source.list(|source| (source.text(), source.text())) {
        command.ext_fields.push(&key, &value);
    }
    let command = command.with_body(source.bytes());
    for form in [Serialization::Json, Serialization::RocketMq] {
        let mut stream = BytesMut::new();
        command.encode(form, &mut stream).expect("a command for both forms");
        let frame = frame::split(&mut stream, &FrameLimits::default()).expect("a length");
        let again = Command::decode(frame.expect("a whole frame")).expect("what we wrote");
        assert_eq!((again.serialization(), &again), (form, &command));
        assert_eq!(texts(&again.ext_fields), texts(&command.ext_fields));
    }
}

fn texts(fields: &ExtFields) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|field| (field.key, field.value.bytes())).collect()
}

/// Several, one behind the other.
fn messages(source: &mut Source<'_>) {
    let messages = source.list(message);
    let mut pull = BytesMut::new();
    messages.iter().for_each(|message| encode_message(message, &mut pull));
    let read = decode_messages(pull.freeze()).map(|read| read.expect("what we wrote"));
    let read: Vec<_> = read.inspect(|message| assert!(message.crc_matches())).collect();
    assert_eq!(read.len(), messages.len());
    for (mut read, message) in read.into_iter().zip(messages) {
        // What is computed when it is written.
        let hosts = SysFlag::BORN_HOST_V6.with(SysFlag::STORE_HOST_V6);
        assert_eq!(read.sys_flag.contains(SysFlag::BORN_HOST_V6), message.born_host.is_ipv6());
        read.sys_flag = read.sys_flag.without(hosts);
        (read.body_crc, read.store_size) = (0, 0);
        assert_eq!(read, message);
    }
}

fn message(source: &mut Source<'_>) -> MessageExt {
    let hosts = SysFlag::BORN_HOST_V6.with(SysFlag::STORE_HOST_V6);
    MessageExt {
        topic: source.text().into(),
        queue_id: source.int(),
        queue_offset: source.long(),
        commit_log_offset: source.long(),
        flag: source.int(),
        sys_flag: SysFlag(source.int()).without(hosts),
        born_timestamp: source.long(),
        born_host: source.address(),
        store_timestamp: source.long(),
        store_host: source.address(),
        reconsume_times: source.int(),
        prepared_transaction_offset: source.long(),
        body_crc: 0,
        body: source.bytes(),
        properties: Properties::from_bytes(source.text().into()),
        store_size: 0,
    }
}

fn batches(source: &mut Source<'_>) {
    let records = source.list(|source| BatchRecord {
        flag: source.int(),
        body: source.bytes(),
        properties: Properties::from_bytes(source.text().into()),
    });
    let mut batch = BytesMut::new();
    records.iter().for_each(|record| encode_batch_record(record, &mut batch));
    assert_eq!(decode_batch(batch.freeze()), Some(records));
}

fn properties(source: &mut Source<'_>) {
    let text = |source: &mut Source<'_>| source.text_without(&['\u{1}', '\u{2}']);
    let pairs = source.list(|source| (text(source), text(source)));
    let mut writer = PropertiesWriter::default();
    for (name, value) in &pairs {
        writer.put(name, value).expect("a pair without separators");
    }
    let written = writer.finish().expect("few of them");
    let listed: Vec<_> = written.iter().collect();
    let owned = pairs.iter().map(|(name, value)| (&**name, &**value));
    assert_eq!(listed, owned.collect::<Vec<_>>());
    for (name, _) in &pairs {
        let last = pairs.iter().rfind(|pair| pair.0 == *name).map(|pair| &*pair.1);
        assert_eq!(written.get(name), last);
        assert_eq!(written.get_text(name).as_deref(), last);
    }
    let absent = text(source);
    let last = pairs.iter().rfind(|pair| pair.0 == absent).map(|pair| pair.1.as_bytes());
    assert_eq!(written.get_bytes(&absent), last);
}

fn receipts(source: &mut Source<'_>) {
    let receipt = Receipt {
        start_offset: source.long(),
        pop_time: source.long(),
        invisible_time: source.long(),
        revive_queue_id: source.int(),
        kind: source.one_of(&[TopicKind::Normal, TopicKind::RetryV1, TopicKind::RetryV2]),
        broker_name: source.text_without(&[' ']).into(),
        queue_id: source.int(),
        queue_offset: source.long(),
        commit_log_offset: source.maybe(|source| source.long().max(0)),
    };
    assert_eq!(receipt.to_string().parse(), Ok(receipt));
    let handle = RecallHandle {
        topic: source.text_without(&[' ']),
        broker_name: source.text_without(&[' ']),
        deliver_time: source.long(),
        message_id: source.text_without(&[' ']),
    };
    assert_eq!(handle.to_string().parse(), Ok(handle));
}

fn ids(source: &mut Source<'_>) {
    let stored = OffsetMessageId { store_host: source.address(), commit_log_offset: source.long() };
    assert_eq!(stored.to_string().parse(), Ok(stored));
    let (address, process, number) =
        (source.address().ip(), source.int() as u32, source.int() as u32);
    let (now, counter) = (source.long() >> 8, source.int() as u32);
    let id = UniqueIdPrefix::new(address, process, number).id(now, counter);
    let read: UniqueId = id.as_str().parse().expect("an id that we made");
    assert_eq!((read.address, read.process, read.number), (address, process as u16, number));
    assert_eq!(read.counter, counter as u16);
}

fn traces(source: &mut Source<'_>) {
    let records = source.list(record);
    let mut text = String::new();
    records.iter().for_each(|record| record.encode(&mut text));
    let read: Vec<_> = trace::decode(&text).map(|read| read.expect("what we wrote")).collect();
    assert_eq!(read, records);
}

/// A text of a record: not empty, because Java's reader loses an empty one at the end, and not the word for "none".
fn traced(source: &mut Source<'_>) -> std::borrow::Cow<'static, str> {
    let text = source.text_without(&['\u{1}', '\u{2}']);
    if text == "null" { "x".into() } else { text.into() }
}

fn produced(source: &mut Source<'_>) -> ProducedMessage<'static> {
    use MessageType::{Delay, Normal, Order, TransactionCommit, TransactionHalf};
    ProducedMessage {
        timestamp: source.long(),
        region_id: traced(source),
        group: traced(source),
        topic: traced(source),
        message_id: traced(source),
        tags: source.maybe(traced),
        keys: source.maybe(traced),
        store_host: traced(source),
        message_type: source.one_of(&[Normal, TransactionHalf, TransactionCommit, Delay, Order]),
    }
}

fn record(source: &mut Source<'_>) -> TraceRecord<'static> {
    match source.byte() % 5 {
        0 => TraceRecord::Pub(PubTrace {
            message: produced(source),
            body_length: source.int(),
            cost_time: source.int(),
            offset_message_id: source.maybe(traced),
            success: source.flag(),
            client_host: source.maybe(traced),
        }),
        1 => TraceRecord::SubBefore(SubBeforeTrace {
            timestamp: source.long(),
            region_id: traced(source),
            group: traced(source),
            request_id: traced(source),
            message_id: traced(source),
            retry_times: source.int(),
            keys: source.maybe(traced),
        }),
        2 => TraceRecord::SubAfter(SubAfterTrace {
            request_id: traced(source),
            message_id: traced(source),
            cost_time: source.int(),
            success: source.flag(),
            keys: source.maybe(traced),
            context_code: source.int(),
            at: source.maybe(|source| (source.long(), traced(source))),
        }),
        3 => TraceRecord::EndTransaction(EndTransactionTrace {
            message: produced(source),
            transaction_id: source.maybe(traced),
            state: source.one_of(&[
                TransactionState::Commit,
                TransactionState::Rollback,
                TransactionState::Unknown,
            ]),
            from_check: source.flag(),
        }),
        _ => TraceRecord::Recall(RecallTrace {
            timestamp: source.long(),
            region_id: traced(source),
            group: traced(source),
            topic: traced(source),
            message_id: traced(source),
            success: source.flag(),
        }),
    }
}

/// A body with the members that fastjson writes in its own way: maps with numbers and with objects as keys.
fn bodies(source: &mut Source<'_>) {
    let route = TopicRouteData {
        broker_datas: source.list(|source| BrokerData {
            broker_addrs: source
                .list(|source| (source.long(), source.text()))
                .into_iter()
                .collect(),
            broker_name: source.text(),
            cluster: source.text(),
            enable_acting_master: source.flag(),
            zone_name: source.maybe(Source::text),
        }),
        queue_datas: source.list(|source| QueueData {
            broker_name: source.text(),
            perm: source.int(),
            read_queue_nums: source.int(),
            topic_sys_flag: source.int(),
            write_queue_nums: source.int(),
        }),
        order_topic_conf: source.maybe(Source::text),
        ..TopicRouteData::default()
    };
    assert_eq!(body::decode(&body::encode(&route)), Ok(route));
    let rows = source.list(|source| {
        let queue = MessageQueue {
            broker_name: source.text(),
            queue_id: source.int(),
            topic: source.text(),
        };
        (queue, source.long())
    });
    let reset = ResetOffsetBody { offset_table: rows.into_iter().collect::<QueueTable<_>>() };
    assert_eq!(body::decode(&body::encode(&reset)), Ok(reset));
}
