//! Codes, languages and versions, by upstream's names.

use std::collections::BTreeSet;

use rocketmq_protocol::{
    Serialization,
    code::{LanguageCode, RequestCode, ResponseCode, Version},
    header::BoundaryType,
};

use crate::reader::{Case, Outcome, cases, equal};

/// Classes whose constants are read by others, or wait for the code they are about.
const CLASSES_ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "later, in this crate",
        &[
            "CMResult",
            "CompressionType",
            "ConsumeFromWhere",
            "ConsumeInitMode",
            "ConsumeReturnType",
            "ConsumeType",
            "ConsumerRunningInfo",
            "ExpressionType",
            "ForbiddenType",
            "GroupRetryPolicyType",
            "KeyBuilder",
            "LiteSubscriptionAction",
            "LiteUtil",
            "MessageConst",
            "MessageDecoder",
            "MessageModel",
            "MessageRequestMode",
            "MessageSysFlag",
            "MessageType",
            "MessageVersion",
            "MixAll",
            "NamespaceUtil",
            "PermName",
            "PopAckConstants",
            "PullSysFlag",
            "RequestSource",
            "SubscriptionData",
            "SubscriptionGroupAttributes",
            "SubscriptionSysFlag",
            "TopicAttributes",
            "TopicFilterType",
            "TopicMessageType",
            "TopicSysFlag",
            "TopicValidator",
            "TraceConstants",
            "TraceType",
            "Validators",
        ],
    ),
    (
        "never: words of Java's own API that are not on the wire",
        &[
            "AccessChannel",
            "AckStatus",
            "CQType",
            "CleanupPolicy",
            "ClientErrorCode",
            "CommunicationMode",
            "ConsumeConcurrentlyStatus",
            "ConsumeOrderlyStatus",
            "LocalTransactionState",
            "PopStatus",
            "PullStatus",
            "ReadOffsetType",
            "RemotingCommandType",
            "RequestType",
            "SendStatus",
            "ServiceState",
            "TlsMode",
        ],
    ),
];

fn elsewhere(class: &str) -> Outcome {
    let claimed = CLASSES_ELSEWHERE.iter().any(|(_, classes)| classes.contains(&class));
    equal("somebody claims the class", &claimed, &true)
}

/// Names that 4.x brokers give to numbers that 5.x names otherwise. The table has the newer ones.
const RENAMED: &[&str] = &[
    "UPDATE_AND_CREATE_ACL_CONFIG_FAILED",
    "DELETE_ACL_CONFIG_FAILED",
    "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG_FAILED",
];

fn number(case: &Case) -> i32 {
    i32::try_from(case.get("value").as_i64().unwrap()).unwrap()
}

pub(crate) fn constant(case: &Case) -> Outcome {
    let name = case.text("name");
    match case.text("class") {
        "RequestCode" => equal("name", &RequestCode(number(case)).name(), &Some(name)),
        "ResponseCode" if RENAMED.contains(&name) => {
            equal("since 5.x", &(209..=211).contains(&number(case)), &true)
        }
        "ResponseCode" | "RemotingSysResponseCode" => {
            equal("name", &ResponseCode(number(case)).name(), &Some(name))
        }
        "MQVersion" => {
            let release = case.from.strip_prefix("rocketmq-java ").unwrap();
            equal("release", &Version(number(case)).to_string(), &release.to_owned())
        }
        class => elsewhere(class),
    }
}

pub(crate) fn variant(case: &Case) -> Outcome {
    let name = case.text("name");
    let code = || case.get("fields")["code"].as_u64().and_then(|n| u8::try_from(n).ok());
    match case.text("class") {
        "LanguageCode" => equal(
            "number",
            &LanguageCode::from_name(name.as_bytes()).map(|language| language.0),
            &code(),
        ),
        "SerializeType" => {
            let form = match name {
                "JSON" => Serialization::Json,
                _ => Serialization::RocketMq,
            };
            equal("type byte", &Some(form as u8), &code())
        }
        "BoundaryType" => {
            let ours = [BoundaryType::Lower, BoundaryType::Upper].map(|b| format!("{b:?}"));
            let known = ours.iter().any(|ours| ours.to_uppercase() == name);
            equal("known", &known, &true)
        }
        class => elsewhere(class),
    }
}

/// The index of a name in `MQVersion.Version` is the number on the wire.
pub(crate) fn versions(case: &Case) -> Outcome {
    let names = case.get("names").as_array().unwrap();
    let mut releases = 0;
    for (ordinal, name) in names.iter().enumerate() {
        let shown = Version(i32::try_from(ordinal).unwrap()).to_string();
        if shown.starts_with("ordinal") {
            continue;
        }
        let theirs = name.as_str().unwrap().trim_start_matches('V').replace('_', ".");
        equal("release", &shown, &theirs)?;
        releases += 1;
    }
    equal("some are known", &(releases > 20), &true)
}

pub(crate) fn attribute(case: &Case) -> Outcome {
    elsewhere(case.text("class"))
}

#[test]
fn the_tables_name_nothing_that_upstream_does_not() {
    let cases = cases("codes");
    let upstream = |classes: &[&str]| -> BTreeSet<&str> {
        let of_class = |case: &&Case| classes.contains(&case.text("class"));
        cases
            .iter()
            .filter(of_class)
            .map(|case| case.text("name"))
            .filter(|name| !RENAMED.contains(name))
            .collect()
    };
    assert_eq!(
        RequestCode::ALL.iter().filter_map(|code| code.name()).collect::<BTreeSet<_>>(),
        upstream(&["RequestCode"])
    );
    assert_eq!(
        ResponseCode::ALL.iter().filter_map(|code| code.name()).collect::<BTreeSet<_>>(),
        upstream(&["ResponseCode", "RemotingSysResponseCode"])
    );
}
