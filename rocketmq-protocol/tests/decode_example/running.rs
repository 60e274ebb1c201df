//! What the example prints.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

fn decode(input: &[u8]) -> Vec<Value> {
    let child = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "decode"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("the example runs");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(&input).expect("it reads"));
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    })
}

fn captured() -> Vec<String> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/captures/java-5.5.0-vs-5.5.0.jsonl");
    let text = std::fs::read_to_string(file).expect("the captures are there");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let whole = lines.filter(|line| line.get("truncatedFrom").is_none());
    whole.map(|line| line["hex"].as_str().expect("a frame").to_owned()).collect()
}

#[test]
fn captured_frames_are_shown() {
    let frames = captured();
    let shown = decode(frames.join("\n").as_bytes());
    assert_eq!(shown.len(), frames.len());
    assert!(shown.iter().all(|frame| frame.get("error").is_none() && frame["code"].is_i64()));
    let sends = shown.iter().filter(|frame| frame["name"] == "SEND_MESSAGE_V2");
    assert!(sends.clone().count() > 0);
    assert!(sends.clone().all(|frame| frame["extFields"]["b"].is_string()));
    let pulled = shown.iter().filter_map(|frame| frame["body"][0]["topic"].as_str());
    assert!(pulled.count() > 0, "messages are shown with their topics");
    let batches = shown.iter().filter(|frame| frame["name"] == "SEND_BATCH_MESSAGE");
    assert!(batches.clone().count() > 0);
    assert!(batches.clone().all(|frame| frame["body"][0]["properties"].is_object()));
}

#[test]
fn the_stream_itself_is_shown_as_well() {
    let frames = captured();
    let bytes = |line: &str| -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).expect("digits");
        (0..line.len()).step_by(2).map(byte).collect()
    };
    let stream: Vec<u8> = frames.iter().take(50).flat_map(|line| bytes(line)).collect();
    assert_eq!(decode(&stream).len(), 50);
}

#[test]
fn an_answer_is_read_by_what_was_asked() {
    let header = |flag: i32, code: i32| format!(r#"{{"code":{code},"flag":{flag},"opaque":9}}"#);
    let frame = |header: String, body: &str| -> Vec<u8> {
        let length = u32::try_from(4 + header.len() + body.len()).expect("short");
        let header_length = u32::try_from(header.len()).expect("short");
        [&length.to_be_bytes(), &header_length.to_be_bytes(), header.as_bytes(), body.as_bytes()]
            .concat()
    };
    // The configuration of a broker is text, though this one looks like JSON.
    let (request, answer) = (frame(header(0, 26), ""), frame(header(1, 0), "[7]"));
    let paired = decode(&[request, answer.clone()].concat());
    assert_eq!(paired[0]["name"], "GET_BROKER_CONFIG");
    assert_eq!(paired[1]["body"], "[7]");
    assert_eq!(decode(&answer)[0]["body"], serde_json::json!([7]));
}

#[test]
fn what_is_no_frame_is_an_error_with_its_place() {
    let good = "0000002d0100002900690c01df000000010000000000000000000000140005746f70696300000009546f70696354657374";
    let shown = decode(format!("{good}\nxyz\n00000003aabbcc\n{good}\n").as_bytes());
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[0]["name"], "GET_ROUTEINFO_BY_TOPIC");
    assert_eq!(shown[1]["offset"], good.len() + 1);
    assert_eq!(shown[2]["offset"], good.len() + 5);
    assert!(shown[1]["error"].is_string() && shown[2]["error"].is_string());
    assert_eq!(shown[3]["extFields"]["topic"], "TopicTest");
}
