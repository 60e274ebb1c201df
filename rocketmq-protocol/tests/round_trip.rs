//! Laws of commands and headers: what is written is read again, in either form, whatever it says.

use bytes::BytesMut;
use proptest::prelude::*;
use rocketmq_protocol::{
    Command, ExtFields, Flags, FrameLimits, Head, Header, Serialization, Text,
    code::{LanguageCode, Version},
    encode_head, frame,
    header::{BoundaryType, PullMessageRequestHeader, SearchOffsetRequestHeader},
};

const FORMS: [Serialization; 2] = [Serialization::Json, Serialization::RocketMq];

/// Takes the only frame out of a buffer and reads it.
fn read(mut buffer: BytesMut) -> Result<Command, TestCaseError> {
    let frame = frame::split(&mut buffer, &FrameLimits::default());
    let frame = frame.ok().flatten().ok_or_else(|| TestCaseError::fail("no whole frame"))?;
    prop_assert!(buffer.is_empty(), "bytes behind the frame");
    Command::decode(frame).map_err(|error| TestCaseError::fail(error.to_string()))
}

fn ext_fields(pairs: &[(String, String)]) -> ExtFields {
    let mut fields = ExtFields::default();
    for (key, value) in pairs {
        fields.push(key, value);
    }
    fields
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((any::<String>(), any::<String>()), 0..6)
}

prop_compose! {
    /// Commands that both forms can express: 16 bits of code and version, a language with a name.
    fn commands()(
        code in any::<i16>(),
        language in prop::sample::select(LanguageCode::ALL),
        version in any::<i16>(),
        opaque in any::<i32>(),
        flags in any::<i32>(),
        remark in any::<Option<String>>(),
        pairs in pairs(),
        body in any::<Vec<u8>>(),
    ) -> Command {
        let mut command = Command::default().with_opaque(opaque).with_body(body);
        command.code = code.into();
        command.language = language;
        command.version = Version(version.into());
        command.flags = Flags(flags);
        command.remark = remark.filter(|remark| !remark.is_empty()).map(Text::from);
        command.ext_fields = ext_fields(&pairs);
        command
    }
}

fn text() -> impl Strategy<Value = Text> {
    any::<String>().prop_map(Text::from)
}

prop_compose! {
    /// Texts of one character or more: the binary form has no empty ones.
    fn pulls()(
        (consumer_group, topic, subscription) in (".+", ".+", prop::option::of(".+")),
        queue_id in any::<i32>(),
        queue_offset in any::<i64>(),
        commit_offset in any::<i64>(),
        max_msg_bytes in any::<Option<i32>>(),
        logical in any::<Option<bool>>(),
        broker_name in prop::option::of(".+"),
    ) -> PullMessageRequestHeader {
        let mut header = PullMessageRequestHeader {
            consumer_group: consumer_group.into(),
            topic: topic.into(),
            subscription: subscription.map(Text::from),
            queue_id,
            queue_offset,
            commit_offset,
            max_msg_bytes,
            ..Default::default()
        };
        header.shared.logical = logical;
        header.shared.rpc.broker_name = broker_name.map(Text::from);
        header
    }
}

prop_compose! {
    fn searches()(
        topic in text(),
        lite_topic in prop::option::of(text()),
        queue_id in any::<i32>(),
        timestamp in any::<i64>(),
        upper in any::<Option<bool>>(),
    ) -> SearchOffsetRequestHeader {
        let boundary = |upper| if upper { BoundaryType::Upper } else { BoundaryType::Lower };
        SearchOffsetRequestHeader {
            topic,
            lite_topic,
            queue_id,
            timestamp,
            boundary_type: upper.map(boundary),
            ..Default::default()
        }
    }
}

/// What a connection writes for a header, without building a command.
fn write_head<H: Header>(
    header: &H,
    extra: &[(&str, &str)],
    form: Serialization,
) -> Result<BytesMut, TestCaseError> {
    let head = Head {
        code: 11,
        language: LanguageCode::RUST,
        version: Version::V5_3_1,
        opaque: 7,
        flags: Flags::REQUEST,
        remark: None,
    };
    let mut out = BytesMut::new();
    encode_head(&head, header, extra, 0, form, &mut out)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(out)
}

proptest! {
    #[test]
    fn commands_survive_both_forms(command in commands()) {
        for form in FORMS {
            let mut out = BytesMut::new();
            command.encode(form, &mut out).unwrap();
            let again = read(out)?;
            prop_assert_eq!(&again, &command);
            prop_assert_eq!(again.serialization(), form);
        }
    }

    #[test]
    fn a_command_that_was_read_is_written_as_it_was(command in commands()) {
        for form in FORMS {
            let mut first = BytesMut::new();
            command.encode(form, &mut first).unwrap();
            let mut second = BytesMut::new();
            read(first.clone())?.encode(form, &mut second).unwrap();
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn headers_survive_both_forms(header in pulls(), extra in pairs()) {
        // Keys of the header itself would replace its own values: the later counts.
        let known = |key: &str| {
            let info = PullMessageRequestHeader::INFO;
            let shared = info.base.iter().flat_map(|base| base.rows.iter().chain(base.base[0].rows));
            info.rows.iter().chain(shared).any(|row| row[0] == key)
        };
        let extra: Vec<_> = extra.iter().map(|(k, v)| (&k[..], &v[..])).filter(|(k, _)| !known(k)).collect();
        for form in FORMS {
            let command = read(write_head(&header, &extra, form)?)?;
            prop_assert_eq!(&command.header::<PullMessageRequestHeader>().unwrap(), &header);
            for (key, value) in ext_fields_of(&extra) {
                prop_assert_eq!(&*command.ext_fields.get(&key).unwrap(), &value[..]);
            }
        }
    }

    #[test]
    fn json_and_our_own_entries_keep_empty_texts(header in searches()) {
        let command = read(write_head(&header, &[], Serialization::Json)?)?;
        prop_assert_eq!(&command.header::<SearchOffsetRequestHeader>().unwrap(), &header);
        let command = Command::request(&header);
        prop_assert_eq!(&command.header::<SearchOffsetRequestHeader>().unwrap(), &header);
    }

    #[test]
    fn the_order_of_pairs_does_not_matter(header in pulls(), seed in any::<prop::sample::Index>()) {
        let command = Command::request(&header);
        let mut pairs: Vec<(String, String)> = command
            .ext_fields
            .iter()
            .map(|field| {
                let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (utf8(field.key), utf8(field.value.bytes()))
            })
            .collect();
        let middle = seed.index(pairs.len());
        pairs.rotate_left(middle);
        pairs.swap(0, middle);
        let shuffled = ext_fields(&pairs);
        prop_assert_eq!(PullMessageRequestHeader::decode(&shuffled).unwrap(), header);
    }
}

/// The last of equal keys.
fn ext_fields_of(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
