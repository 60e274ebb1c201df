//! Headers: keys, types and requiredness of every table, and values through it in both directions.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, EncodeError, ExtFields, Flags, Head, Header, HeaderError, Serialization,
    code::{LanguageCode, Version},
    encode_head,
    header::{self, HeaderInfo},
};
use serde_json::Value;

use crate::reader::{Case, Outcome, cases, equal, text};

/// Pairs by key.
type Ext = BTreeMap<String, String>;

type Frame = fn(&Head<'_>, &ExtFields, &[(&str, &str)]) -> Result<BytesMut, EncodeError>;

/// A table, and what has to be tried with its type.
struct Table {
    class: &'static str,
    info: &'static HeaderInfo,
    /// Reads ext fields, and writes what was read.
    through: fn(&ExtFields) -> Result<Ext, HeaderError>,
    /// Reads ext fields, and writes a frame of what was read and free fields.
    frame: Frame,
}

fn through<H: Header>(fields: &ExtFields) -> Result<Ext, HeaderError> {
    let written = Command::default().with_header(&H::decode(fields)?);
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("checked");
    let fields = written.ext_fields.iter();
    Ok(fields.map(|field| (utf8(field.key), utf8(field.value.bytes()))).collect())
}

fn frame<H: Header>(
    head: &Head<'_>,
    fields: &ExtFields,
    free: &[(&str, &str)],
) -> Result<BytesMut, EncodeError> {
    let header = H::decode(fields).expect("a whole header");
    let mut out = BytesMut::new();
    encode_head(head, &header, free, 0, Serialization::RocketMq, &mut out)?;
    Ok(out)
}

macro_rules! tables {
    ($($class:ident $(is $header:ident)?,)*) => {
        const TABLES: &[Table] = &[$(tables!(@ $class, $($header,)? $class)),*];
    };
    (@ $class:ident, $header:ident $(, $_same:ident)?) => {
        Table {
            class: stringify!($class),
            info: <header::$header as Header>::INFO,
            through: through::<header::$header>,
            frame: frame::<header::$header>,
        }
    };
}

tables! {
    ConsumerSendMsgBackRequestHeader,
    CreateTopicRequestHeader,
    EndTransactionResponseHeader is EmptyHeader,
    GetConsumeStatsRequestHeader,
    GetConsumerListByGroupRequestHeader,
    GetConsumerListByGroupResponseHeader is EmptyHeader,
    GetConsumerRunningInfoRequestHeader,
    GetConsumerStatusRequestHeader,
    GetMaxOffsetRequestHeader,
    GetMaxOffsetResponseHeader is OffsetResponseHeader,
    GetMinOffsetRequestHeader,
    GetMinOffsetResponseHeader is OffsetResponseHeader,
    GetRouteInfoRequestHeader,
    GetTopicStatsInfoRequestHeader,
    HeartbeatRequestHeader,
    LockBatchMqRequestHeader,
    NotifyConsumerIdsChangedRequestHeader,
    PullMessageRequestHeader,
    PullMessageResponseHeader,
    QueryConsumerOffsetRequestHeader,
    QueryConsumerOffsetResponseHeader is OffsetResponseHeader,
    ResetOffsetRequestHeader,
    SearchOffsetRequestHeader,
    SearchOffsetResponseHeader is OffsetResponseHeader,
    SendMessageRequestHeader,
    SendMessageRequestHeaderV2,
    SendMessageResponseHeader,
    UnlockBatchMqRequestHeader,
    UnregisterClientRequestHeader,
    UnregisterClientResponseHeader is EmptyHeader,
    UpdateConsumerOffsetRequestHeader,
    UpdateConsumerOffsetResponseHeader is EmptyHeader,
    ViewMessageRequestHeader,
    ViewMessageResponseHeader,
}

/// Tables for what upstream has no class of its own for, or no class that is sent.
const OURS_ONLY: &[&str] = &[
    "EmptyHeader",
    "GetBrokerClusterInfoRequestHeader",
    "HeartbeatResponseHeader",
    "OffsetResponseHeader",
    "RpcFields",
    "TopicFields",
];

/// Upstream's classes that have no table yet.
const LATER: &[&str] = &[
    "AckMessageRequestHeader",
    "AddBrokerRequestHeader",
    "AddWritePermOfBrokerRequestHeader",
    "AddWritePermOfBrokerResponseHeader",
    "AlterSyncStateSetRequestHeader",
    "AlterSyncStateSetResponseHeader",
    "ApplyBrokerIdRequestHeader",
    "ApplyBrokerIdResponseHeader",
    "BrokerHeartbeatRequestHeader",
    "ChangeInvisibleTimeRequestHeader",
    "ChangeInvisibleTimeResponseHeader",
    "CheckRocksdbCqWriteProgressRequestHeader",
    "CheckTransactionStateRequestHeader",
    "CheckTransactionStateResponseHeader",
    "CleanControllerBrokerDataRequestHeader",
    "CloneGroupOffsetRequestHeader",
    "ConsumeMessageDirectlyResultRequestHeader",
    "CreateAccessConfigRequestHeader",
    "CreateAclRequestHeader",
    "CreateTopicListRequestHeader",
    "CreateUserRequestHeader",
    "DeleteAccessConfigRequestHeader",
    "DeleteAclRequestHeader",
    "DeleteKVConfigRequestHeader",
    "DeleteSubscriptionGroupRequestHeader",
    "DeleteTopicFromNamesrvRequestHeader",
    "DeleteTopicRequestHeader",
    "DeleteUserRequestHeader",
    "ElectMasterRequestHeader",
    "ElectMasterResponseHeader",
    "EndTransactionRequestHeader",
    "ExchangeHAInfoRequestHeader",
    "ExchangeHAInfoResponseHeader",
    "ExportRocksDBConfigToJsonRequestHeader",
    "GetAclRequestHeader",
    "GetAllProducerInfoRequestHeader",
    "GetAllSubscriptionGroupRequestHeader",
    "GetAllSubscriptionGroupResponseHeader",
    "GetAllTopicConfigRequestHeader",
    "GetAllTopicConfigResponseHeader",
    "GetBrokerAclConfigResponseHeader",
    "GetBrokerClusterAclConfigResponseHeader",
    "GetBrokerConfigResponseHeader",
    "GetBrokerMemberGroupRequestHeader",
    "GetConsumeStatsInBrokerHeader",
    "GetConsumerConnectionListRequestHeader",
    "GetEarliestMsgStoretimeRequestHeader",
    "GetEarliestMsgStoretimeResponseHeader",
    "GetKVConfigRequestHeader",
    "GetKVConfigResponseHeader",
    "GetKVListByNamespaceRequestHeader",
    "GetLiteClientInfoRequestHeader",
    "GetLiteGroupInfoRequestHeader",
    "GetLiteTopicInfoRequestHeader",
    "GetMetaDataResponseHeader",
    "GetNextBrokerIdRequestHeader",
    "GetNextBrokerIdResponseHeader",
    "GetParentTopicInfoRequestHeader",
    "GetProducerConnectionListRequestHeader",
    "GetReplicaInfoRequestHeader",
    "GetReplicaInfoResponseHeader",
    "GetSubscriptionGroupConfigRequestHeader",
    "GetTopicConfigRequestHeader",
    "GetTopicsByClusterRequestHeader",
    "GetUserRequestHeader",
    "InitConsumerOffsetRequestHeader",
    "ListAclsRequestHeader",
    "ListUsersRequestHeader",
    "LiteSubscriptionCtlRequestHeader",
    "NotificationRequestHeader",
    "NotificationResponseHeader",
    "NotifyBrokerRoleChangedRequestHeader",
    "NotifyMinBrokerIdChangeRequestHeader",
    "NotifyUnsubscribeLiteRequestHeader",
    "PeekMessageRequestHeader",
    "PollingInfoRequestHeader",
    "PollingInfoResponseHeader",
    "PopLiteMessageRequestHeader",
    "PopLiteMessageResponseHeader",
    "PopMessageRequestHeader",
    "PopMessageResponseHeader",
    "PutKVConfigRequestHeader",
    "QueryConsumeQueueRequestHeader",
    "QueryConsumeTimeSpanRequestHeader",
    "QueryCorrectionOffsetHeader",
    "QueryDataVersionRequestHeader",
    "QueryDataVersionResponseHeader",
    "QueryMessageRequestHeader",
    "QueryMessageResponseHeader",
    "QuerySubscriptionByConsumerRequestHeader",
    "QueryTopicConsumeByWhoRequestHeader",
    "QueryTopicsByConsumerRequestHeader",
    "RecallMessageRequestHeader",
    "RecallMessageResponseHeader",
    "RegisterBrokerRequestHeader",
    "RegisterBrokerResponseHeader",
    "RegisterBrokerToControllerRequestHeader",
    "RegisterBrokerToControllerResponseHeader",
    "RegisterFilterServerRequestHeader",
    "RegisterFilterServerResponseHeader",
    "RegisterMessageFilterClassRequestHeader",
    "RegisterOrderTopicRequestHeader",
    "RegisterTopicRequestHeader",
    "RemoveBrokerRequestHeader",
    "ReplyMessageRequestHeader",
    "ResetMasterFlushOffsetHeader",
    "ResumeCheckHalfMessageRequestHeader",
    "StatisticsMessagesRequestHeader",
    "TriggerLiteDispatchRequestHeader",
    "UnRegisterBrokerRequestHeader",
    "UpdateAclRequestHeader",
    "UpdateGlobalWhiteAddrsConfigRequestHeader",
    "UpdateGroupForbiddenRequestHeader",
    "UpdateUserRequestHeader",
    "ViewBrokerStatsDataRequestHeader",
    "WipeWritePermOfBrokerRequestHeader",
    "WipeWritePermOfBrokerResponseHeader",
];

/// The table for a class; `None` for one that is to come.
fn table(class: &str) -> Result<Option<&'static Table>, String> {
    let table = TABLES.iter().find(|table| table.class == class);
    equal("has a table or waits", &table.is_none(), &LATER.contains(&class))?;
    Ok(table)
}

/// A field of a table: key, type, whether it is required.
type Row = (String, String, bool);

fn rows(info: &HeaderInfo) -> Vec<Row> {
    let own = info.rows.iter().map(|[key, ty]| {
        let optional = ty.strip_prefix("Option<").and_then(|ty| ty.strip_suffix('>'));
        let required = optional.is_none();
        ((*key).to_owned(), optional.unwrap_or(ty).to_owned(), required)
    });
    let shared = info.base.iter().flat_map(|base| rows(base));
    own.chain(shared).collect()
}

/// `fields` of a class.
pub(crate) fn class(case: &Case) -> Outcome {
    let class = case.text("class").rsplit('.').next().unwrap_or_default();
    let Some(table) = table(class)? else {
        return Ok(());
    };
    let mut theirs: Vec<Row> = case
        .get("fields")
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            let ty = match field["type"].as_str().unwrap() {
                "String" => "Text",
                "int" | "Integer" => "i32",
                "long" | "Long" => "i64",
                "boolean" | "Boolean" => "bool",
                other => other,
            };
            let key = field["name"].as_str().unwrap().to_owned();
            (key, ty.to_owned(), field["required"].as_bool().unwrap())
        })
        .collect();
    let mut ours = rows(table.info);
    if case.is_4_9_7() {
        // What later releases have added is not required of anybody.
        ours.retain(|row| row.2 || theirs.iter().any(|theirs| theirs.0 == row.0));
        // Nor does the order matter, but for fast headers.
        ours.sort();
        theirs.sort();
    }
    equal("rows", &ours, &theirs)
}

fn ext(pairs: &Value) -> Ext {
    let pairs = pairs.as_object().unwrap().iter();
    pairs.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

fn ext_fields(ext: &Ext) -> ExtFields {
    let mut fields = ExtFields::default();
    for (key, value) in ext {
        fields.push(key, value);
    }
    fields
}

/// Java logs what is missing and goes on; here it is an error.
fn missing(table: &Table, ext: &Ext) -> Option<HeaderError> {
    let rows = rows(table.info).into_iter();
    let mut required = rows.filter(|(_, _, required)| *required);
    let (key, _, _) = required.find(|(key, _, _)| !ext.contains_key(key))?;
    let key = table.info.rows.iter().find(|row| row[0] == key)?[0];
    let header = table.info.name;
    Some(HeaderError::Missing { header, key })
}

/// `values` → `ext`, and back.
pub(crate) fn encode(case: &Case) -> Outcome {
    let Some(table) = table(case.text("class"))? else {
        return Ok(());
    };
    let theirs = ext(case.get("ext"));
    let expected = match missing(table, &theirs) {
        Some(error) => Err(error),
        None => Ok(theirs.clone()),
    };
    equal("written", &(table.through)(&ext_fields(&theirs)), &expected)?;
    if expected.is_ok() && case.get("frame").is_string() {
        let (ours, theirs) = (fast_frame(case, table, &theirs)?, pairs(case.bytes("frame"))?);
        let mut ours = pairs(ours)?;
        // Java leaves shared fields out of a fast V2 send; they may not matter to it, but they do not hurt either.
        let shared: Vec<Row> = table.info.base.iter().flat_map(|base| rows(base)).collect();
        let left_out = |key: &str| {
            !theirs.iter().any(|pair| pair.0 == key) && shared.iter().any(|row| row.0 == key)
        };
        ours.retain(|(key, _)| !left_out(key));
        equal("order of a fast header", &ours, &theirs)?;
    }
    Ok(())
}

/// The frame of a header that Java writes in the order of its fields, free fields behind it.
fn fast_frame(case: &Case, table: &Table, ext: &Ext) -> Result<Vec<u8>, String> {
    let command = case.get("command");
    let number = |member: &str| i32::try_from(command[member].as_i64().unwrap()).unwrap();
    let language = command["language"].as_str().unwrap();
    let head = Head {
        code: number("code"),
        language: LanguageCode::from_name(language.as_bytes()).unwrap(),
        version: Version(number("version")),
        opaque: number("opaque"),
        flags: Flags(number("flag")),
        remark: command["remark"].as_str(),
    };
    let free = command["ext"].as_array().map(Vec::as_slice).unwrap_or_default();
    let free: Vec<(&str, &str)> =
        free.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
    let out = (table.frame)(&head, &ext_fields(ext), &free);
    out.map(|out| out.to_vec()).map_err(|error| error.to_string())
}

/// The ext fields of a frame, in order.
fn pairs(frame: Vec<u8>) -> Result<Vec<(String, String)>, String> {
    let command = Command::decode(Bytes::from(frame).slice(4..)).map_err(|e| e.to_string())?;
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("checked");
    let fields = command.ext_fields.iter();
    Ok(fields.map(|field| (utf8(field.key), utf8(field.value.bytes()))).collect())
}

/// `ext` with one odd `field` → `decoded`.
pub(crate) fn decode(case: &Case) -> Outcome {
    let Some(table) = table(case.text("class"))? else {
        return Ok(());
    };
    let given = ext(case.get("ext"));
    let ours = (table.through)(&ext_fields(&given));
    let Some(decoded) = case.get("decoded").get("ok") else {
        // `checkFields` judges words (`topicFilterType`), which a table of types does not.
        return equal("read as it is", &ours, &Ok(given));
    };
    let field = case.text("field");
    let row = rows(table.info).into_iter().find(|row| row.0 == field);
    let number = given[field].parse::<i64>();
    let (_, ty, _) = row.ok_or("no such field")?;
    let fits = match &*ty {
        "i32" => number.is_ok_and(|number| i32::try_from(number).is_ok()),
        "i64" => number.is_ok(),
        _ => true,
    };
    if !fits {
        // Java logs a number that is none and goes on without it, but throws in its fast headers.
        let malformed = matches!(ours, Err(HeaderError::Malformed { key, .. }) if key == field);
        return equal("malformed", &malformed, &true);
    }
    equal("read", &ours, &Ok(values(decoded)))
}

/// Decoded values as their text on the wire.
fn values(decoded: &Value) -> Ext {
    let values = decoded.as_object().unwrap().iter();
    values
        .filter_map(|(key, value)| {
            let text = match value {
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                other => text(other),
            };
            Some((key.clone(), text?))
        })
        .collect()
}

#[test]
fn every_table_is_compared_with_a_class() {
    let compared: BTreeSet<_> = TABLES.iter().map(|table| table.info.name).collect();
    for info in header::all() {
        let ours = OURS_ONLY.contains(&info.name);
        assert!(ours || compared.contains(info.name), "{}", info.name);
    }
    let mut classes = 0;
    for case in cases("headers") {
        classes += usize::from(case.text("kind") == "class");
    }
    println!("{} of {classes} classes have a table, {} to come", TABLES.len(), LATER.len());
}
