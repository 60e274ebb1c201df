//! `messages.jsonl`: messages as brokers store them, properties and ids.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Text,
    message::{
        BodyLimits, MessageExt, OffsetMessageId, Properties, PropertiesWriter, SysFlag, UniqueId,
        UniqueIdPrefix, crc_property, decode_messages, encode_message,
    },
};
use serde_json::{Value, json};

use crate::{
    compression::to_hex,
    reader::{Case, Outcome, equal, hex, text},
    rules::{agree, or_refused, outcome},
};

fn long(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a number: {value}"))
}

pub(crate) fn int(value: &Value) -> i32 {
    i32::try_from(long(value)).expect("an int")
}

fn ip(value: &Value) -> IpAddr {
    let bytes = hex(value.as_str().expect("an address"));
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).expect("four").into(),
        _ => <[u8; 16]>::try_from(bytes).expect("sixteen").into(),
    }
}

fn host(value: &Value) -> SocketAddr {
    SocketAddr::new(ip(&value["ip"]), u16::try_from(long(&value["port"])).expect("a port"))
}

/// Java takes an IPv6 address that stands for one of IPv4 for that one.
fn described_host(host: SocketAddr) -> Value {
    let ip = match host.ip().to_canonical() {
        IpAddr::V4(ip) => to_hex(&ip.octets()),
        IpAddr::V6(ip) => to_hex(&ip.octets()),
    };
    json!({ "ip": ip, "port": host.port() })
}

/// Pairs in the form on the wire, as Java writes them: what its own readers drop as well.
pub(crate) fn properties(pairs: &Value) -> Properties {
    let mut written = String::new();
    for pair in pairs.as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (text(&pair[0]), text(&pair[1])) {
            written.extend([&*name, "\u{1}", &*value, "\u{2}"]);
        }
    }
    Properties::from_bytes(written.into())
}

/// Of equal names the last counts.
pub(crate) fn described_properties(properties: &Properties) -> Value {
    json!(properties.iter().collect::<BTreeMap<_, _>>())
}

pub(crate) fn as_map(pairs: &Value) -> Value {
    let pairs = pairs.as_array().into_iter().flatten();
    json!(
        pairs
            .map(|pair| (text(&pair[0]).expect("a name"), pair[1].clone()))
            .collect::<BTreeMap<_, _>>()
    )
}

/// A message as Java's client shows it: with its body inflated, and the flag for that cleared. `None`: it cannot be read.
pub(crate) fn described(message: &MessageExt) -> Option<Value> {
    let body = message.plain_body(&BodyLimits::default()).ok()?;
    Some(json!({
        "storeSize": message.store_size, "bodyCrc": message.body_crc.cast_signed(), "queueId": message.queue_id,
        "flag": message.flag, "queueOffset": message.queue_offset,
        "commitLogOffset": message.commit_log_offset,
        "sysFlag": message.sys_flag.without(SysFlag::COMPRESSED).0,
        "bornTimestamp": message.born_timestamp, "bornHost": described_host(message.born_host),
        "storeTimestamp": message.store_timestamp, "storeHost": described_host(message.store_host),
        "reconsumeTimes": message.reconsume_times,
        "preparedTransactionOffset": message.prepared_transaction_offset,
        "body": to_hex(&body), "topic": &*message.topic,
        "properties": described_properties(&message.properties),
        "msgId": message.message_id().as_str(),
        "offsetMsgId": message.offset_message_id().to_string(),
    }))
}

/// Theirs in the same form: no body is an empty one, properties are a map.
pub(crate) fn theirs(message: &Value) -> Value {
    let mut message = outcome(message);
    if let Some(members) = message.as_object_mut() {
        let body = members.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
        members.insert("body".into(), body.into());
        let properties = as_map(&members["properties"]);
        members.insert("properties".into(), properties);
        members.remove("transactionId");
    }
    message
}

pub(crate) fn decode_one(bytes: Vec<u8>) -> Option<MessageExt> {
    let mut read = decode_messages(bytes.into());
    let first = read.next()?.ok()?;
    read.next().is_none().then_some(first)
}

pub(crate) fn message(case: &Case) -> Outcome {
    let bytes = case.bytes("bytes");
    let read = decode_one(bytes.clone()).ok_or("undecodable")?;
    let (ours, theirs) =
        without_unreadable_ids(&read, described(&read), theirs(case.get("decoded")));
    agree(&case.with("decoded", theirs), "decoded", or_refused(ours))?;
    let mut written = BytesMut::new();
    encode_message(&read, &mut written);
    // Brokers may be set to write the newer form for every topic; ours does so for long ones.
    if bytes[7] == written[7] {
        equal("written again", &to_hex(&written), &to_hex(&bytes_of_ours(&read, bytes)))?;
    }
    if case.get("compressed").is_null() {
        return equal("written from its fields", &to_hex(&from_fields(case)), &to_hex(&written));
    }
    Ok(())
}

/// Where an IPv6 address stands for one of IPv4, Java writes ids that nobody can read: they are not compared.
fn without_unreadable_ids(
    message: &MessageExt,
    ours: Option<Value>,
    theirs: Value,
) -> (Option<Value>, Value) {
    let canonical = message.store_host.ip().to_canonical() == message.store_host.ip();
    let strip = |mut described: Value| {
        if let Some(members) = described.as_object_mut() {
            members.retain(|name, _| !["msgId", "offsetMsgId"].contains(&&**name));
        }
        described
    };
    if canonical { (ours, theirs) } else { (ours.map(strip), strip(theirs)) }
}

/// `MessageDecoder.encode` writes the checksum that the message came with; ours computes it.
fn bytes_of_ours(message: &MessageExt, mut bytes: Vec<u8>) -> Vec<u8> {
    if !message.crc_matches() {
        let crc = crc32fast::hash(&message.body) & 0x7fff_ffff;
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

fn from_fields(case: &Case) -> BytesMut {
    let fields = case.get("fields");
    let message = MessageExt {
        topic: Text::from(text(&fields["topic"]).expect("a topic")),
        queue_id: int(&fields["queueId"]),
        queue_offset: long(&fields["queueOffset"]),
        commit_log_offset: long(&fields["commitLogOffset"]),
        flag: int(&fields["flag"]),
        sys_flag: SysFlag(int(&fields["sysFlag"])),
        born_timestamp: long(&fields["bornTimestamp"]),
        born_host: host(&fields["bornHost"]),
        store_timestamp: long(&fields["storeTimestamp"]),
        store_host: host(&fields["storeHost"]),
        reconsume_times: int(&fields["reconsumeTimes"]),
        prepared_transaction_offset: long(&fields["preparedTransactionOffset"]),
        body_crc: 0,
        body: fields["body"].as_str().map(hex).unwrap_or_default().into(),
        properties: properties(&fields["properties"]),
        store_size: 0,
    };
    let mut out = BytesMut::new();
    encode_message(&message, &mut out);
    out
}

pub(crate) fn broken(case: &Case) -> Outcome {
    let read = decode_one(case.bytes("bytes"));
    let mut ours = read.as_ref().and_then(described);
    let mut found = null_is_refused(theirs(case.get("decoded")));
    if let Some(message) = &read {
        (ours, found) = without_unreadable_ids(message, ours, found);
    }
    agree(&case.with("decoded", found), "decoded", or_refused(ours))?;
    let checked = read.filter(|message| message.crc_matches() && described(message).is_some());
    let by_java = json!({ "ok": outcome(&case.get("decodesWithCrcCheck")["ok"]) == true });
    agree(&case.with("decodesWithCrcCheck", by_java), "decodesWithCrcCheck", checked.is_some())
}

pub(crate) fn null_is_refused(value: Value) -> Value {
    if value.is_null() { or_refused(None::<Value>) } else { value }
}

/// Messages before the damage are Java's; the damaged one is an error. Behind it Java goes wrong or stops.
pub(crate) fn list(case: &Case) -> Outcome {
    let read: Vec<_> = decode_messages(case.bytes("bytes").into()).collect();
    let found = outcome(case.get("decoded"));
    let pairs = found.as_array().into_iter().flatten().map(theirs).zip(&read);
    let (theirs, mut ours) = (found.as_array().map_or(0, Vec::len), Vec::new());
    let mut javas = Vec::new();
    for (java, read) in pairs {
        let Ok(message) = read else { break };
        let (of_ours, java) = without_unreadable_ids(message, described(message), java);
        ours.push(of_ours.ok_or("a body")?);
        javas.push(java);
    }
    let what = case.text("what");
    let at = match what.split_once(" at ") {
        Some((_, place)) => {
            place.split(' ').next().and_then(|at| at.parse().ok()).expect("a place")
        }
        None => theirs,
    };
    ours.truncate(at);
    javas.truncate(at);
    equal("before the damage", &(ours.len(), &ours), &(at, &javas))?;
    equal("the damaged one", &read.get(at).is_some_and(Result::is_err), &(what != "good"))
}

/// What cannot be read again is refused by ours and written by Java.
pub(crate) fn properties_write(case: &Case) -> Outcome {
    let mut writer = PropertiesWriter::default();
    let pairs = case.get("properties").as_array().into_iter().flatten();
    let mut refused = false;
    for (name, value) in pairs.filter_map(|pair| text(&pair[0]).zip(text(&pair[1]))) {
        let expressible = ![&name, &value]
            .iter()
            .any(|text| text.is_empty() || text.contains(['\u{1}', '\u{2}']));
        equal("expressible", &writer.put(&name, &value).is_ok(), &expressible)?;
        refused |= !expressible;
    }
    let written = writer.finish().map_err(|error| error.to_string())?;
    let unnamed = case.text("text").starts_with("null\u{1}");
    if !refused && !unnamed {
        agree(case, "text", String::from_utf8_lossy(written.as_bytes()).into_owned())?;
    }
    let read = Properties::from_bytes(case.text("text").to_owned().into());
    equal("parsed", &described_properties(&read), &as_map(case.get("parsed")))
}

pub(crate) fn properties_read(case: &Case) -> Outcome {
    let text = text(case.get("text")).unwrap_or_default();
    let ours = described_properties(&Properties::from_bytes(Bytes::from(text)));
    equal("parsed", &ours, &as_map(case.get("parsed")))
}

pub(crate) fn checksum_property(case: &Case) -> Outcome {
    let crc = u32::try_from(long(case.get("crc"))).expect("a checksum");
    agree(case, "bytes", to_hex(&crc_property(crc)))
}

pub(crate) fn crc(case: &Case) -> Outcome {
    let body = Bytes::from(case.bytes("body"));
    let mut out = BytesMut::new();
    let host = SocketAddr::from(([0, 0, 0, 0], 0));
    encode_message(&empty(host, body), &mut out);
    let read = decode_one(out.to_vec()).ok_or("undecodable")?;
    equal("it matches", &read.crc_matches(), &true)?;
    agree(case, "crc", read.body_crc)
}

pub(crate) fn empty(host: SocketAddr, body: Bytes) -> MessageExt {
    MessageExt {
        topic: Text::from_static("T"),
        queue_id: 0,
        queue_offset: 0,
        commit_log_offset: 0,
        flag: 0,
        sys_flag: SysFlag(0),
        born_timestamp: 0,
        born_host: host,
        store_timestamp: 0,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body,
        properties: Properties::default(),
        store_size: 0,
    }
}

pub(crate) fn id(case: &Case) -> Outcome {
    let id = OffsetMessageId {
        store_host: host(case.get("host")),
        commit_log_offset: long(case.get("offset")),
    };
    agree(case, "id", id.to_string())?;
    id_decode(case)
}

pub(crate) fn id_decode(case: &Case) -> Outcome {
    let id = text(case.get("id")).unwrap_or_default().parse::<OffsetMessageId>().ok();
    let described = |id: OffsetMessageId| json!({ "host": described_host(id.store_host), "offset": id.commit_log_offset });
    agree(case, "decoded", or_refused(id.map(described)))
}

pub(crate) fn uniq_decode(case: &Case) -> Outcome {
    let id = case.text("id").parse::<UniqueId>().map_err(|error| error.to_string())?;
    let ip = match id.address {
        IpAddr::V4(ip) => ip.to_string(),
        // Java does not shorten it.
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:04x}")).join(":"),
    };
    agree(case, "ip", ip)?;
    agree(case, "pid", id.process)?;
    agree(case, "time", id.made_at(long(case.get("now"))))
}

pub(crate) fn uniq_create(case: &Case) -> Outcome {
    let prefix = hex(&case.text("prefix").to_lowercase());
    let (address, rest) = prefix.split_at(prefix.len() - 6);
    let address = ip(&json!(to_hex(address)));
    let process = u32::from(u16::from_be_bytes([rest[0], rest[1]]));
    let number = u32::from_be_bytes(rest[2..].try_into().expect("four"));
    let prefix = UniqueIdPrefix::new(address, process, number);
    let counter = int(case.get("counter")).cast_unsigned();
    let (first, last) = (long(case.get("notBefore")), long(case.get("notAfter")));
    let mut ids = (first..=last).map(|now| prefix.id(now, counter).as_str().to_owned());
    equal("one of the moments", &ids.any(|id| id == case.text("id")), &true)
}
