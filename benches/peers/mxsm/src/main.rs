//! The rows of `codec` on rocketmq-rust 1.0.0: reads `ROW TIMES`, prints the nanoseconds of CPU time that TIMES operations took, or
//! `-` for a row that its crates do not expose.

use std::{env, error::Error, fs, hint::black_box, io, path::Path, thread};

use bytes::{Bytes, BytesMut};
use rocketmq_model::common::message::MessageTrait;
use rocketmq_protocol::{
    RemotingCommand, RequestCode,
    common::message::message_decoder::{decodes_batch, decodes_batch_with_metadata_filter},
    protocol::{
        SerializeType,
        body::message_codec::decode_properties,
        header::message_operation_header::{
            send_message_request_header_v2::SendMessageRequestHeaderV2,
            send_message_response_header::SendMessageResponseHeader,
        },
        heartbeat::subscription_data::SubscriptionData,
    },
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What our `codec --inputs` has written.
struct Inputs {
    send: SendMessageRequestHeaderV2,
    body: Bytes,
    answer_json: Bytes,
    answer_binary: Bytes,
    pull: Bytes,
    properties: Bytes,
    wanted: SubscriptionData,
}

fn main() -> Outcome {
    let directory = env::args().nth(1).ok_or("codec-mxsm DIRECTORY")?;
    let inputs = Inputs::read(Path::new(&directory))?;
    let mut buffer = BytesMut::with_capacity(1 << 16);
    for line in io::stdin().lines() {
        let line = line?;
        let (row, times) = line.split_once(' ').ok_or("ROW TIMES")?;
        let times: u64 = times.parse()?;
        let began = cpu_nanos()?;
        let mut exposed = true;
        for _ in 0..times {
            exposed &= inputs.run(row, &mut buffer)?;
        }
        let took = cpu_nanos()? - began;
        if exposed { println!("{took}") } else { println!("-") }
    }
    Ok(())
}

impl Inputs {
    fn read(directory: &Path) -> Outcome<Self> {
        let file = |name| fs::read(directory.join(name)).map(Bytes::from);
        let sent = decode(&file("send")?, &mut BytesMut::new())?;
        let mut wanted = SubscriptionData::default();
        wanted.tags_set.extend(["TagA".into(), "TagB".into()]);
        Ok(Self {
            send: sent.decode_command_custom_header_fast()?,
            body: vec![b'x'; 1 << 10].into(),
            answer_json: file("answer-json")?,
            answer_binary: file("answer-binary")?,
            pull: file("pull")?,
            properties: file("properties")?,
            wanted,
        })
    }

    fn run(&self, row: &str, buffer: &mut BytesMut) -> Outcome<bool> {
        match row {
            "M1" => self.encode(SerializeType::ROCKETMQ, buffer)?,
            "M2" => self.encode(SerializeType::JSON, buffer)?,
            "M3" => read_answer(&self.answer_json, buffer)?,
            "M4" => read_answer(&self.answer_binary, buffer)?,
            "M5" => drop(black_box(decodes_batch(&mut black_box(&self.pull).clone(), true, true))),
            "M7" => {
                let properties = decode_properties(black_box(&self.properties));
                black_box(properties.get("TAGS").ok_or("no tag")?);
            }
            "M7-all" => drop(black_box(decode_properties(black_box(&self.properties)))),
            "M8-pull" => self.decode_wanted(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// As its transport does it: a command a request, its head into the buffer of the connection.
    fn encode(&self, form: SerializeType, out: &mut BytesMut) -> Outcome {
        out.clear();
        let header = black_box(&self.send).clone();
        let command = RemotingCommand::create_request_command(RequestCode::SendMessageV2, header);
        let mut command = command.set_body(self.body.clone()).set_serialize_type(form);
        command.try_fast_header_encode(out)?;
        black_box(out);
        Ok(())
    }

    /// As `PullAPIWrapper` of its client does it, whose functions for it are private.
    fn decode_wanted(&self) {
        let wanted = &black_box(&self.wanted).tags_set;
        let mut pull = black_box(&self.pull).clone();
        let messages = decodes_batch_with_metadata_filter(&mut pull, true, true, |message| {
            message.tags_ref().is_some_and(|tag| wanted.contains(tag.as_str()))
        });
        black_box(messages);
    }
}

fn read_answer(frame: &Bytes, buffer: &mut BytesMut) -> Outcome {
    let answer = decode(black_box(frame), buffer)?;
    let header: SendMessageResponseHeader = answer.decode_command_custom_header_fast()?;
    // The field is no part of its header: this is how its client finds it.
    black_box(answer.ext_fields().and_then(|fields| fields.get("MSG_REGION")).ok_or("no region")?);
    black_box((answer.opaque(), header.queue_offset(), header.msg_id()));
    Ok(())
}

fn decode(frame: &[u8], buffer: &mut BytesMut) -> Outcome<RemotingCommand> {
    buffer.clear();
    buffer.extend_from_slice(frame);
    Ok(RemotingCommand::decode(buffer)?.ok_or("half a frame")?)
}

/// CPU time of this thread. The kernel brings it up to date when the thread may be put aside.
fn cpu_nanos() -> Outcome<u64> {
    thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
