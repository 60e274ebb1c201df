//! Headers: keys, types and requiredness of every table, and values through it in both directions.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, ExtFields, Flags, HeaderError, Serialization,
    code::{LanguageCode, Version},
    header::HeaderInfo,
};
use serde_json::Value;

use crate::{
    header_classes::{is_added, is_optional, name, table},
    reader::{Case, Outcome, cases, equal, text},
};

/// Pairs by key.
type Ext = BTreeMap<String, String>;

fn through(info: &HeaderInfo, fields: &ExtFields) -> Result<Ext, HeaderError> {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("checked");
    let written = info.canonical(fields)?;
    Ok(written.iter().map(|field| (utf8(field.key), utf8(field.value.bytes()))).collect())
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

/// The fields of a class, as the cases list them.
fn fields(case: &Case) -> Vec<Row> {
    let row = |field: &Value| {
        let ty = match field["type"].as_str().unwrap() {
            "String" => "Text",
            "int" | "Integer" => "i32",
            "long" | "Long" => "i64",
            "boolean" | "Boolean" => "bool",
            other => other,
        };
        let key = field["name"].as_str().unwrap().to_owned();
        let required = field["required"].as_bool().unwrap() && !is_optional(name(case), &key);
        (key, ty.to_owned(), required)
    };
    case.get("fields").as_array().unwrap().iter().map(row).collect()
}

/// Whether another release has this field.
fn of_another_release(case: &Case, key: &str) -> bool {
    static CLASSES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        cases("headers").into_iter().filter(|case| case.text("kind") == "class").collect()
    });
    CLASSES.iter().any(|other| {
        other.from != case.from
            && name(other) == name(case)
            && fields(other).iter().any(|row| row.0 == key)
    })
}

/// `fields` of a class.
pub(crate) fn class(case: &Case) -> Outcome {
    let Some(table) = table(name(case))? else {
        return Ok(());
    };
    let mut theirs = fields(case);
    let mut ours = rows(table);
    ours.retain(|(key, _, required)| {
        let listed = *required || theirs.iter().any(|theirs| theirs.0 == *key);
        listed || !(is_added(name(case), key) || of_another_release(case, key))
    });
    if case.is_4_9_7() {
        // The order is that of 5.5.0. It does not matter, but for fast headers.
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
fn missing(table: &HeaderInfo, ext: &Ext) -> Option<HeaderError> {
    let rows = rows(table).into_iter();
    let mut required = rows.filter(|(_, _, required)| *required);
    let (key, _, _) = required.find(|(key, _, _)| !ext.contains_key(key))?;
    let key = table.rows.iter().find(|row| row[0] == key)?[0];
    let header = table.name;
    Some(HeaderError::Missing { header, key })
}

/// `values` → `ext`, and back.
pub(crate) fn encode(case: &Case) -> Outcome {
    let Some(table) = table(name(case))? else {
        return Ok(());
    };
    let theirs = ext(case.get("ext"));
    let expected = match missing(table, &theirs) {
        Some(error) => Err(error),
        None => Ok(theirs.clone()),
    };
    equal("written", &through(table, &ext_fields(&theirs)), &expected)?;
    if let (Ok(read), Some(decoded)) = (&expected, case.get("decoded").get("ok")) {
        equal("read", read, &values(decoded))?;
    }
    if expected.is_ok() && case.get("frame").is_string() {
        let (ours, theirs) = (fast_frame(case, table, &theirs)?, pairs(case.bytes("frame"))?);
        let mut ours = pairs(ours)?;
        // Java leaves shared fields out of a fast V2 send; they may not matter to it, but they do not hurt either.
        let shared: Vec<Row> = table.base.iter().flat_map(|base| rows(base)).collect();
        let left_out = |key: &str| {
            !theirs.iter().any(|pair| pair.0 == key) && shared.iter().any(|row| row.0 == key)
        };
        ours.retain(|(key, _)| !left_out(key));
        equal("order of a fast header", &ours, &theirs)?;
    }
    Ok(())
}

/// The frame of a header that Java writes in the order of its fields, free fields behind it.
fn fast_frame(case: &Case, table: &HeaderInfo, ext: &Ext) -> Result<Vec<u8>, String> {
    let described = case.get("command");
    let number = |member: &str| i32::try_from(described[member].as_i64().unwrap()).unwrap();
    let language = described["language"].as_str().unwrap();
    let mut command = Command::default().with_opaque(number("opaque"));
    command.code = number("code");
    command.language = LanguageCode::from_name(language.as_bytes()).unwrap();
    command.version = Version(number("version"));
    command.flags = Flags(number("flag"));
    command.ext_fields = table.canonical(&ext_fields(ext)).expect("a whole header");
    for free in described["ext"].as_array().into_iter().flatten() {
        command.ext_fields.push(free[0].as_str().unwrap(), free[1].as_str().unwrap());
    }
    let mut out = BytesMut::new();
    command.encode(Serialization::RocketMq, &mut out).map_err(|error| error.to_string())?;
    Ok(out.to_vec())
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
    let Some(table) = table(name(case))? else {
        return Ok(());
    };
    let given = ext(case.get("ext"));
    let ours = through(table, &ext_fields(&given));
    let Some(decoded) = case.get("decoded").get("ok") else {
        // `checkFields` judges words (`topicFilterType`), which a table of types does not.
        return equal("read as it is", &ours, &Ok(given));
    };
    let field = case.text("field");
    let row = rows(table).into_iter().find(|row| row.0 == field);
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
