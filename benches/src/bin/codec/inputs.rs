//! What is encoded and decoded here, and the files in which other clients get it.

use std::{fs, path::Path};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, FrameLimits, Serialization, Text,
    code::ResponseCode,
    frame,
    header::{SendMessageRequestHeaderV2, SendMessageResponseHeader},
    message::{MessageExt, Properties, PropertiesWriter, encode_message, property},
};

use rocketmq_benches::{report::Outcome, stored};

use crate::BODY;

/// Messages of the pull that is decoded.
pub(crate) const PULL: usize = 32;

/// Writes whole frames, the bytes of a pull and a property string.
pub(crate) fn write(directory: &Path) -> Outcome {
    let mut send = BytesMut::new();
    Command::request(&send_header()?).encode(Serialization::RocketMq, &mut send)?;
    fs::create_dir_all(directory)?;
    fs::write(directory.join("send"), send)?;
    fs::write(directory.join("answer-json"), answer_frame(Serialization::Json)?)?;
    fs::write(directory.join("answer-binary"), answer_frame(Serialization::RocketMq)?)?;
    fs::write(directory.join("pull"), pull()?)?;
    fs::write(directory.join("properties"), properties()?.as_bytes())?;
    Ok(())
}

pub(crate) fn properties() -> Outcome<Properties> {
    let mut writer = PropertiesWriter::with_capacity(160);
    writer.put(property::KEYS, "order-0001234567")?;
    writer.put(property::UNIQ_KEY, "7F0000010B8A18B4AAC2A0F5C4A40000")?;
    writer.put(property::WAIT_STORE_MSG_OK, "true")?;
    writer.put(property::MSG_REGION, "DefaultRegion")?;
    writer.put(property::TRACE_SWITCH, "true")?;
    writer.put(property::TAGS, "TagA")?;
    Ok(writer.finish()?)
}

pub(crate) fn send_header() -> Outcome<SendMessageRequestHeaderV2> {
    Ok(SendMessageRequestHeaderV2 {
        producer_group: Text::from_static("bench-producer"),
        topic: Text::from_static("bench-topic"),
        default_topic: Text::from_static("TBW102"),
        default_topic_queue_nums: 4,
        queue_id: 3,
        born_timestamp: 1_700_000_000_000,
        properties: Text::from_utf8(properties()?.as_bytes().clone()).ok(),
        reconsume_times: Some(0),
        unit_mode: Some(false),
        batch: Some(false),
        broker_name: Some(Text::from_static("broker-a")),
        ..SendMessageRequestHeaderV2::default()
    })
}

/// A frame without its length word, as the decoder of a connection gets it.
pub(crate) fn answer(form: Serialization) -> Outcome<Bytes> {
    let frame = frame::split(&mut answer_frame(form)?, &FrameLimits::default())?;
    Ok(frame.ok_or("half a frame")?)
}

fn answer_frame(form: Serialization) -> Outcome<BytesMut> {
    let request = Command::request(&send_header()?);
    let header = SendMessageResponseHeader {
        transaction_id: Some(Text::from_static("7F0000010B8A18B4AAC2A0F5C4A40000")),
        ..stored::header()
    };
    let mut frame = BytesMut::new();
    Command::answer(&request, ResponseCode::SUCCESS)
        .with_header(&header)
        .encode(form, &mut frame)?;
    Ok(frame)
}

pub(crate) fn pull() -> Outcome<Bytes> {
    let message = message(vec![b'x'; BODY].into())?;
    Ok(pull_of(&message, PULL))
}

pub(crate) fn pull_of(message: &MessageExt, count: usize) -> Bytes {
    let mut pull = BytesMut::new();
    for _ in 0..count {
        encode_message(message, &mut pull);
    }
    pull.freeze()
}

/// A message as a broker stores it.
pub(crate) fn message(body: Bytes) -> Outcome<MessageExt> {
    let place = (Text::from_static("bench-topic"), 3, 123_456);
    Ok(stored::message(place, 74_565, body, properties()?))
}
