//! Bodies in JSON, as servers write them.

use rocketmq_protocol::{
    body::{self, BodyKind},
    code::RequestCode,
};
use serde_json::Value;

/// fastjson's dialect is read without panic; what is strict JSON is read as `serde_json` reads it, but for members that are null; and
/// whatever is read as a body of some code survives being written.
pub fn bodies(data: &[u8]) {
    let strict = serde_json::from_slice::<Value>(data);
    if let (Ok(strict), Ok(ours)) = (strict, body::decode::<Value>(data)) {
        assert_eq!(without_nulls(ours), without_nulls(strict));
    }
    for code in RequestCode::ALL {
        let bodies = body::by_code(*code);
        survives(bodies.request, data);
        survives(bodies.response, data);
    }
}

fn survives(kind: BodyKind, data: &[u8]) {
    let BodyKind::Json(body) = kind else {
        return;
    };
    if let Ok(written) = body.canonical(data) {
        assert_eq!(body.canonical(&written).as_ref(), Ok(&written), "{}", body.name);
        assert!(body.value(data).is_ok(), "{}", body.name);
    }
}

/// To fastjson a member that is null is one that is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        // How the last digits of a fraction are rounded depends on the way it is read, and whether a zero has a sign. Java has no integers
        // beyond 64 bits with a sign.
        Value::Number(number) if number.as_i64().is_none() => match number.as_f64() {
            Some(0.0) => Value::from(0),
            value => Value::String(format!("{:.6e}", value.unwrap_or_default())),
        },
        other => other,
    }
}
