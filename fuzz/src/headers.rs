//! Headers: the ext fields of every code, read by the tables.

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, ExtFields, FrameLimits, Serialization, frame,
    header::{self, HeaderInfo},
};

/// A byte that says whether it is an answer, four of a request code, then keys and values, each with a zero behind it. They are
/// read as the table says they are, in both forms; and what was read says the same when it is written and read again.
pub fn headers(data: &[u8]) {
    let Some(([answer, code @ ..], pairs)) = data.split_first_chunk::<5>() else {
        return;
    };
    let info = table(i32::from_be_bytes(*code), answer & 1 == 1);
    let pairs = String::from_utf8_lossy(pairs);
    let mut texts = pairs.split('\0').take(64);
    let mut fields = ExtFields::default();
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        fields.push(key, value);
    }
    read_as_expected(info, &fields, false);
    for form in [Serialization::Json, Serialization::RocketMq] {
        read_as_expected(info, &through(&fields, form), form == Serialization::RocketMq);
    }
}

/// The header of a code, or the one at this place if nobody has the code.
fn table(code: i32, answer: bool) -> &'static HeaderInfo {
    let requests = header::all().filter_map(|info| Some((info, info.request?)));
    let mut of_code = requests.filter(|(_, request)| request.code.0 == code);
    match of_code.next() {
        Some((_, request)) if answer => request.response,
        Some((info, _)) => info,
        None => {
            let place = code.unsigned_abs() as usize % header::all().count();
            header::all().nth(place).expect("a place in the list")
        }
    }
}

fn through(fields: &ExtFields, form: Serialization) -> ExtFields {
    let mut command = Command::default();
    command.ext_fields = fields.clone();
    let mut stream = BytesMut::new();
    command.encode(form, &mut stream).expect("keys that fit");
    let frame = frame::split(&mut stream, &FrameLimits::default()).expect("a length");
    Command::decode(frame.expect("a whole frame")).expect("what we wrote").ext_fields
}

fn read_as_expected(info: &HeaderInfo, fields: &ExtFields, empty_is_null: bool) {
    let read = info.canonical(fields);
    let expected = expected(info, &pairs(fields), empty_is_null);
    assert_eq!(read.as_ref().ok().map(pairs), expected, "{} of {:?}", info.name, pairs(fields));
    if let Ok(read) = read {
        assert_eq!(info.canonical(&read).as_ref(), Ok(&read), "{} again", info.name);
    }
}

fn pairs(fields: &ExtFields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    fields.iter().map(|field| (text(field.key), text(field.value.bytes()))).collect()
}

/// What the table says: row by row the last value of the key, if all of them are of its type. `None`: it cannot be read.
fn expected(
    info: &HeaderInfo,
    pairs: &[(String, String)],
    empty_is_null: bool,
) -> Option<Vec<(String, String)>> {
    let mut expected = Vec::new();
    for [key, ty] in info.rows {
        let of_key = pairs.iter().filter(|(known, _)| known == key);
        let values = of_key.map(|(_, value)| value).filter(|v| !(empty_is_null && v.is_empty()));
        let inner = ty.strip_prefix("Option<").and_then(|ty| ty.strip_suffix('>'));
        let values: Option<Vec<_>> =
            values.map(|value| plain(inner.unwrap_or(ty), value)).collect();
        match values?.pop() {
            Some(value) => expected.push(((*key).to_owned(), value)),
            None if inner.is_some() => {}
            None => return None,
        }
    }
    for base in info.base {
        expected.extend(self::expected(base, pairs, empty_is_null)?);
    }
    Some(expected)
}

/// The one way to write a value of a type.
fn plain(ty: &str, value: &str) -> Option<String> {
    Some(match ty {
        "Text" => value.to_owned(),
        "i32" => value.parse::<i32>().ok()?.to_string(),
        "i64" => value.parse::<i64>().ok()?.to_string(),
        "bool" => value.eq_ignore_ascii_case("true").to_string(),
        "BoundaryType" if value.eq_ignore_ascii_case("upper") => "UPPER".to_owned(),
        "BoundaryType" => "LOWER".to_owned(),
        other => panic!("a type that this target does not know: {other}"),
    })
}
