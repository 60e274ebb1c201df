//! Which table stands for which of upstream's header classes, where ours differs from the class, and which classes have none.

use std::collections::BTreeSet;

use rocketmq_protocol::header::{self, HeaderInfo};

use crate::reader::{Case, cases};

/// Classes whose table has another name, because several classes are alike.
const ALIKE: &[(&str, &str)] = &[
    ("EndTransactionResponseHeader", "EmptyHeader"),
    ("GetConsumerListByGroupResponseHeader", "EmptyHeader"),
    ("GetMaxOffsetResponseHeader", "OffsetResponseHeader"),
    ("GetMinOffsetResponseHeader", "OffsetResponseHeader"),
    ("QueryConsumerOffsetResponseHeader", "OffsetResponseHeader"),
    ("SearchOffsetResponseHeader", "OffsetResponseHeader"),
    ("UnregisterClientResponseHeader", "EmptyHeader"),
    ("UpdateConsumerOffsetResponseHeader", "EmptyHeader"),
];

/// Classes that have no table, by the reason.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "between brokers and name servers, which no client or tool speaks",
        &[
            "BrokerHeartbeatRequestHeader",
            "QueryDataVersionRequestHeader",
            "QueryDataVersionResponseHeader",
            "RegisterBrokerRequestHeader",
            "RegisterBrokerResponseHeader",
            "RegisterFilterServerRequestHeader",
            "RegisterFilterServerResponseHeader",
            "UnRegisterBrokerRequestHeader",
        ],
    ),
    (
        "among brokers, or between brokers and controllers",
        &[
            "AlterSyncStateSetRequestHeader",
            "AlterSyncStateSetResponseHeader",
            "ApplyBrokerIdRequestHeader",
            "ApplyBrokerIdResponseHeader",
            "ExchangeHAInfoRequestHeader",
            "ExchangeHAInfoResponseHeader",
            "GetNextBrokerIdRequestHeader",
            "GetNextBrokerIdResponseHeader",
            "GetReplicaInfoRequestHeader",
            "GetReplicaInfoResponseHeader",
            "NotifyBrokerRoleChangedRequestHeader",
            "NotifyMinBrokerIdChangeRequestHeader",
            "RegisterBrokerToControllerRequestHeader",
            "RegisterBrokerToControllerResponseHeader",
        ],
    ),
    (
        "declared, but sent by nobody: no code, no processor, or an answer to what is one-way",
        &[
            "CheckTransactionStateResponseHeader",
            "GetBrokerClusterAclConfigResponseHeader",
            "InitConsumerOffsetRequestHeader",
            "RegisterMessageFilterClassRequestHeader",
            "RegisterOrderTopicRequestHeader",
            "StatisticsMessagesRequestHeader",
        ],
    ),
];

/// Fields that the class requires and ours does not, with the reason.
const OPTIONAL: &[(&str, &str, &str)] = &[
    ("GetAllSubscriptionGroupRequestHeader", "groupSeq", "without a page it is all groups"),
    ("GetAllSubscriptionGroupResponseHeader", "totalGroupNum", "brokers before 5.4.0 do not say"),
    ("GetAllTopicConfigRequestHeader", "topicSeq", "without a page it is all topics"),
];

/// Fields that the class lacks, with who reads or writes them.
const ADDED: &[(&str, &str, &str)] = &[
    ("QueryMessageRequestHeader", "_UNIQUE_KEY_QUERY", "read by brokers, set by the Java client"),
    ("SendMessageResponseHeader", "MSG_REGION", "written by brokers"),
    ("SendMessageResponseHeader", "TRACE_ON", "written by brokers"),
];

/// The table that stands for a class. `None`: one that is left out.
pub(crate) fn table(class: &str) -> Result<Option<&'static HeaderInfo>, String> {
    let name = ALIKE.iter().find(|(alike, _)| *alike == class).map_or(class, |(_, name)| name);
    let table = header::all().find(|info| info.name == name);
    let left_out = LEFT_OUT.iter().any(|(_, classes)| classes.contains(&class));
    match (table, left_out) {
        (None, false) => Err(format!("{class} has no table and no reason for it")),
        (Some(_), true) => Err(format!("{class} has a table, but is said to be left out")),
        (table, _) => Ok(table),
    }
}

/// Whether ours does without this field of a class.
pub(crate) fn is_optional(class: &str, key: &str) -> bool {
    OPTIONAL.iter().any(|(of, optional, _)| (*of, *optional) == (class, key))
}

/// Whether ours has this field on top of those of a class.
pub(crate) fn is_added(class: &str, key: &str) -> bool {
    ADDED.iter().any(|(of, added, _)| (*of, *added) == (class, key))
}

/// The class of a case, without its package.
pub(crate) fn name(case: &Case) -> &str {
    case.text("class").rsplit('.').next().unwrap_or_default()
}

#[test]
fn whatever_is_said_about_a_class_is_about_one_that_exists() {
    let cases = cases("headers");
    let classes: BTreeSet<&str> = cases.iter().map(name).collect();
    let alike = ALIKE.iter().map(|(class, _)| *class);
    let left_out = LEFT_OUT.iter().flat_map(|(_, classes)| classes.iter().copied());
    let differ = OPTIONAL.iter().chain(ADDED).map(|(class, _, _)| *class);
    for class in alike.chain(left_out).chain(differ) {
        assert!(classes.contains(class), "{class}");
    }
    let tables = classes.iter().filter(|class| matches!(table(class), Ok(Some(_)))).count();
    println!(
        "{tables} of {} classes have a table; {} tables",
        classes.len(),
        header::all().count()
    );
}

#[test]
fn requests_have_the_code_of_their_class() {
    for case in cases("headers").iter().filter(|case| case.text("kind") == "class") {
        let Ok(Some(info)) = table(name(case)) else { continue };
        // Upstream marks a few answers and shared classes with the code too.
        let (Some(theirs), Some(ours)) = (case.get("code").as_i64(), &info.request) else {
            continue;
        };
        let of_class = i64::from(ours.code.0) == theirs;
        // Brokers ask clients with the classes with which operators ask brokers.
        let from_broker =
            matches!(info.name, "GetConsumerStatusRequestHeader" | "ResetOffsetRequestHeader");
        assert!(of_class || from_broker, "{}: {theirs}", info.name);
    }
}
