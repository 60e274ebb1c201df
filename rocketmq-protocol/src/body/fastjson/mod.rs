//! fastjson's dialect of JSON, which is what servers write bodies in.
//!
//! fastjson writes the keys of a map as values: numbers and words stand without quotes, and a key that is an object stands as
//! that object, `{{"brokerName":"a","queueId":0,"topic":"t"}:5}`. Whatever JSON is, it reads and writes too.

mod reader;
mod syntax;
mod writer;

pub(super) use reader::read;
pub(super) use writer::write;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use crate::body::{self, DecodeBodyError, MessageQueue, QueueTable, ResetOffsetBody};

    #[test]
    fn the_dialect_is_read_as_the_json_that_it_means() {
        let check = |text: &str, expected: Value| {
            assert_eq!(body::decode::<Value>(text.as_bytes()).unwrap(), expected, "{text}");
        };
        check(r#"{0:"a",-1:{"b":1}}"#, json!({"0": "a", "-1": {"b": 1}}));
        check(r#"{true:1,"x":[1,2,{}],null:0}"#, json!({"true": 1, "x": [1, 2, {}], "null": 0}));
        check(r#"{{"q":0}:5}"#, json!({"{\"q\":0}": 5}));
        check(" { \"a\" : 1 , \"b\" : [ ] } \n\0", json!({"a": 1, "b": []}));
        check(r#"{"a\"}":"\\","b":"\ud83e\udd80/\/"}"#, json!({"a\"}": "\\", "b": "🦀//"}));
        check(r#"[true,false,1.0E20,-0.5]"#, json!([true, false, 1e20, -0.5]));
        check(r#"{"a":null,"b":[null,1]}"#, json!({"b": [1]}));
    }

    #[test]
    fn numbers_and_texts_stand_for_each_other() {
        let numbers: BTreeMap<i32, i64> = body::decode(br#"{"1":"2",3:4,5:6.9}"#).unwrap();
        assert_eq!(numbers, BTreeMap::from([(1, 2), (3, 4), (5, 6)]));
        let texts: Vec<String> = body::decode(br#"["a",1,true]"#).unwrap();
        assert_eq!(texts, ["a", "1", "true"]);
        let rates: Vec<f64> = body::decode(br#"["1.0E-7",4.9E-324,760.5875023034449]"#).unwrap();
        assert_eq!(rates, [1e-7, 5e-324, 760.587_502_303_444_9]);
    }

    #[test]
    fn what_is_neither_is_an_error_with_its_place() {
        let check = |text: &str, expected: &str| {
            let error = body::decode::<Value>(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        };
        check("", "a body that is no JSON, at byte 0: the document ends here");
        check("{", "a body that is no JSON, at byte 1: the document ends here");
        check(r#"{"a":1}}"#, "a body that is no JSON, at byte 7: text after the document");
        check(r#"{"a":"x"#, "a body that is no JSON, at byte 5: unexpected text");
        check(r#"{"a" 1}"#, "a body that is no JSON, at byte 5: a colon is missing");
        check(
            "[1 2]",
            "a body that is no JSON, at byte 3: a comma or a closing bracket is missing",
        );
        check("[1,]", "a body that is no JSON, at byte 3: unexpected text");
        check(r#"{0:{"$ref":"$"}}"#, "a body with a reference (`$ref`) at byte 10");
        let deep = "a body that is no JSON, at byte 65: nested too deeply";
        check(&"[".repeat(100), deep);
        check(&r#"{"a":"#.repeat(100), "a body that is no JSON, at byte 321: nested too deeply");
        check(&"{".repeat(100), "a body that is no JSON, at byte 1: nested too deeply");
        assert!(body::decode::<Value>(b"\"\xff\"").is_err());
    }

    #[test]
    fn another_shape_is_an_error_with_its_place() {
        let check = |text: &str, expected: &str| {
            let error = body::decode::<ResetOffsetBody>(text.as_bytes()).unwrap_err();
            assert!(matches!(
                error,
                DecodeBodyError::Shape { .. } | DecodeBodyError::Syntax { .. }
            ));
            assert_eq!(error.to_string(), expected, "{text}");
        };
        check("[]", "a body of another shape, at byte 0: an object is missing");
        check(
            r#"{"offsetTable":{"x":1}}"#,
            "a body of another shape, at byte 21: a key that is no queue",
        );
        check(
            r#"{"offsetTable":{{"queueId":0}:"x"}}"#,
            "a body of another shape, at byte 33: a number is missing",
        );
    }

    fn queue(topic: &str) -> MessageQueue {
        MessageQueue { broker_name: "b".into(), queue_id: 0, topic: topic.into() }
    }

    #[test]
    fn queues_are_keys_as_java_has_them() {
        let table: QueueTable<i64> =
            [(queue("T"), 1), (queue("\"\\\n中"), 2)].into_iter().collect();
        let body = ResetOffsetBody { offset_table: table };
        let written = body::encode(&body);
        assert_eq!(
            written,
            concat!(
                r#"{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"\"\\\n中"}:2,"#,
                r#"{"brokerName":"b","queueId":0,"topic":"T"}:1}}"#
            )
        );
        assert_eq!(body::decode::<ResetOffsetBody>(&written).unwrap(), body);
        let as_text = serde_json::to_vec(&body).unwrap();
        assert_eq!(body::decode::<ResetOffsetBody>(&as_text).unwrap(), body);
    }

    #[test]
    fn every_other_key_is_a_text() {
        let body = json!({"a\"\\\u{1}\n": {"7": [1, 2.5, "x\ty", null, true]}, "{": {}});
        assert_eq!(body::encode(&body), serde_json::to_vec(&body).unwrap());
        let numbers = BTreeMap::from([(-1, i64::MIN), (7, i64::MAX)]);
        assert_eq!(body::encode(&numbers), serde_json::to_vec(&numbers).unwrap());
    }
}
