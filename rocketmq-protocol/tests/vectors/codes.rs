//! Codes, languages, versions and attributes, by upstream's names.

use std::collections::BTreeSet;

use rocketmq_protocol::{
    Serialization,
    attributes::{self, Values},
    code::{LanguageCode, RequestCode, ResponseCode, Version},
    header::BoundaryType,
};

use serde_json::json;

use crate::{
    constants,
    reader::{Case, Outcome, cases, equal},
};

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
        _ => constants::constant(case),
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
        _ => constants::word(case),
    }
}

/// The index of a name in `MQVersion.Version` is the number on the wire. Below 3.0.1 there are names that no rule gives, and the last one
/// stands for whatever comes later.
pub(crate) fn versions(case: &Case) -> Outcome {
    let names = case.get("names").as_array().unwrap();
    for (ordinal, name) in names.iter().enumerate() {
        let ours = Version(i32::try_from(ordinal).unwrap()).to_string();
        let theirs = match name.as_str().unwrap() {
            "HIGHER_VERSION" => format!("ordinal {ordinal}"),
            name if name.starts_with("V3_0_0_") => format!("ordinal {ordinal}"),
            name => {
                name.trim_start_matches('V').replace("_SNAPSHOT", "-SNAPSHOT").replace('_', ".")
            }
        };
        equal("release", &ours, &theirs)?;
    }
    Ok(())
}

/// What a topic or a group may be told.
pub(crate) fn attribute(case: &Case) -> Outcome {
    let (known, fields) = match case.text("class") {
        "TopicAttributes" => (attributes::OF_TOPICS, case.get("fields")),
        _ => (attributes::OF_GROUPS, case.get("fields")),
    };
    let ours = known.iter().find(|attribute| attribute.name == case.text("name"));
    let Some(ours) = ours else {
        return Err("not known here".to_owned());
    };
    let (kind, mut described) = match ours.values {
        Values::Text => ("StringAttribute", json!({})),
        Values::Flag => ("BooleanAttribute", json!({ "defaultValue": ours.default == "true" })),
        Values::Word(words) => {
            ("EnumAttribute", json!({ "universe": words, "defaultValue": ours.default }))
        }
        Values::Number(min, max) => {
            let default = ours.default.parse::<i64>().expect("a number");
            ("LongRangeAttribute", json!({ "min": min, "max": max, "defaultValue": default }))
        }
        other => panic!("nobody describes {other:?}"),
    };
    described["name"] = json!(ours.name);
    described["changeable"] = json!(ours.changeable);
    equal("kind", &kind, &case.text("type"))?;
    equal("attribute", &described, fields)
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
