//! Headers: the ext fields of each request and answer, as tables.
//!
//! A row is a field: its name here, its type, its key on the wire. Whether a key may be absent is a property of the type. A
//! request names its code, the header of its answer, and the codes that are outcomes rather than errors, so that a call
//! cannot be mistyped. Names and keys are upstream's (`remoting/protocol/header/*.java`).

pub mod auth;
pub mod broker;
pub mod controller;
pub mod group;
pub mod inspect;
pub mod lite;
pub mod name_server;
pub mod offset;
pub mod plain_acl;
pub mod pop;
pub mod pull;
pub mod query;
pub mod queue_lock;
pub mod reply;
pub mod send;
pub mod statistics;
pub mod subscription_group;
pub mod topic;
pub mod transaction;

mod info;
mod route_fields;
mod value;

use crate::{
    ExtFields, HeaderError,
    code::{RequestCode, ResponseCode},
    ext_fields::Raw,
    serialization::FieldWriter,
};

pub use self::{
    auth::*, broker::*, controller::*, group::*, inspect::*, lite::*, name_server::*, offset::*,
    plain_acl::*, pop::*, pull::*, query::*, queue_lock::*, reply::*, send::*, statistics::*,
    subscription_group::*, topic::*, transaction::*,
};
pub use info::{HeaderInfo, RequestInfo, all};
pub use route_fields::{RpcFields, TopicFields};
pub use value::{BoundaryType, Value};

/// The typed ext fields of a command.
pub trait Header: Sized {
    /// What the table says: for tests and tools.
    const INFO: &'static HeaderInfo;

    /// An `Option` per field while the pairs are walked.
    type Slots: Default;

    /// Takes a pair if its key is one of this header's. A key that comes again replaces the earlier value.
    ///
    /// # Errors
    ///
    /// When the value is not of the key's type.
    fn accept(slots: &mut Self::Slots, key: &[u8], raw: Raw<'_>) -> Result<bool, HeaderError>;

    /// The header, once every pair has been walked.
    ///
    /// # Errors
    ///
    /// When a required key was absent.
    fn finish(slots: Self::Slots) -> Result<Self, HeaderError>;

    /// Writes the pairs.
    fn encode(&self, out: &mut FieldWriter<'_>);

    /// Reads the header in one pass over the pairs.
    ///
    /// In the ROCKETMQ form an empty value counts as absent, because upstream writes null so
    /// (`remoting/protocol/RocketMQSerializable.java`, since 4.9.4).
    ///
    /// # Errors
    ///
    /// When a required key is absent or a value is not of its type.
    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        let mut slots = Self::Slots::default();
        let empty_is_null = fields.empty_is_null();
        for field in fields.iter() {
            if empty_is_null && field.value.bytes().is_empty() {
                continue;
            }
            Self::accept(&mut slots, field.key, field.value)?;
        }
        Self::finish(slots)
    }
}

/// A header that is sent with a request, and what comes back.
pub trait Request: Header {
    /// The code of the request.
    const CODE: RequestCode;
    /// The codes with which [`Response`](Self::Response) comes back. Any other is an error.
    const ACCEPTS: &'static [ResponseCode];
    /// The header of the answer.
    type Response: Header;
}

/// Declares headers: see the module.
macro_rules! headers {
    ($(
        $(#[$meta:meta])*
        $name:ident $(: $code:ident -> $response:ident [$($accept:ident),+])? {
            $($(#[$doc:meta])* $field:ident: $ty:ty = $key:literal,)*
            $(..$rest:ident: $base:ty,)?
        }
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, PartialEq, Eq)]
            pub struct $name {
                $($(#[$doc])* #[doc = concat!("\n\nKey `", $key, "`.")] pub $field: $ty,)*
                $(#[doc = "The fields that such requests share."] pub $rest: $base,)?
            }

            const _: () = {
                // An anonymous scope gives every header its own `Slots` without inventing a name.
                #[derive(Default)]
                #[allow(unnameable_types, missing_debug_implementations, reason = "named by nobody")]
                pub struct Slots {
                    $($field: Option<$ty>,)*
                    $($rest: <$base as $crate::header::Header>::Slots,)?
                }

                #[allow(unused_variables, reason = "tables may have no rows")]
                impl $crate::header::Header for $name {
                    const INFO: &'static $crate::header::HeaderInfo = &$crate::header::HeaderInfo {
                        name: stringify!($name),
                        rows: &[$([$key, stringify!($ty)]),*],
                        base: &[$(<$base as $crate::header::Header>::INFO)?],
                        request: $crate::header::headers!(@request $($code $response [$($accept)+])?),
                        through: $crate::header::info::through::<Self>,
                    };
                    type Slots = Slots;

                    fn accept(
                        slots: &mut Slots,
                        key: &[u8],
                        raw: $crate::ext_fields::Raw<'_>,
                    ) -> Result<bool, $crate::HeaderError> {
                        $(if key == $key.as_bytes() {
                            let value = $crate::header::Value::parse(raw);
                            slots.$field = Some(value.ok_or($crate::HeaderError::Malformed {
                                header: stringify!($name),
                                key: $key,
                            })?);
                            return Ok(true);
                        })*
                        Ok(false $(|| <$base as $crate::header::Header>::accept(&mut slots.$rest, key, raw)?)?)
                    }

                    fn finish(slots: Slots) -> Result<Self, $crate::HeaderError> {
                        Ok(Self {
                            $($field: slots.$field.or_else($crate::header::Value::absent).ok_or(
                                $crate::HeaderError::Missing { header: stringify!($name), key: $key },
                            )?,)*
                            $($rest: $crate::header::Header::finish(slots.$rest)?,)?
                        })
                    }

                    fn encode(&self, out: &mut $crate::serialization::FieldWriter<'_>) {
                        $($crate::header::Value::write(&self.$field, $crate::serialization::key!($key), out);)*
                        $($crate::header::Header::encode(&self.$rest, out);)?
                    }
                }
            };

            $(impl $crate::header::Request for $name {
                const CODE: $crate::code::RequestCode = $crate::code::RequestCode::$code;
                const ACCEPTS: &'static [$crate::code::ResponseCode] =
                    &[$($crate::code::ResponseCode::$accept),+];
                type Response = $response;
            })?
        )*

        pub(super) const TABLE: &[&$crate::header::HeaderInfo] =
            &[$(<$name as $crate::header::Header>::INFO),*];
    };
    (@request) => { None };
    (@request $code:ident $response:ident [$($accept:ident)+]) => {
        Some($crate::header::RequestInfo {
            code: $crate::code::RequestCode::$code,
            accepts: &[$($crate::code::ResponseCode::$accept),+],
            response: <$response as $crate::header::Header>::INFO,
        })
    };
}
use headers;

mod empty {
    super::headers! {
        /// No fields at all.
        EmptyHeader {}
    }
}
pub use empty::EmptyHeader;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::{Bytes, BytesMut};

    use super::*;
    use crate::{Command, Serialization, Text, frame};

    fn keys(info: &HeaderInfo) -> Vec<&'static str> {
        let own = info.rows.iter().map(|[key, _]| *key);
        own.chain(info.base.iter().flat_map(|base| keys(base))).collect()
    }

    #[test]
    fn no_table_has_a_key_twice() {
        for info in all() {
            let mut seen = BTreeSet::new();
            for key in keys(info) {
                assert!(seen.insert(key), "{} has `{key}` twice", info.name);
            }
        }
    }

    #[test]
    fn no_two_tables_have_the_same_name_or_code() {
        let (mut names, mut codes) = (BTreeSet::new(), BTreeSet::new());
        for info in all() {
            assert!(names.insert(info.name), "{}", info.name);
            if let Some(request) = info.request {
                assert!(codes.insert(request.code), "{} for {}", info.name, request.code);
            }
        }
    }

    #[test]
    fn a_request_may_have_the_fields_of_another() {
        let header = SendBatchMessageRequestHeader {
            send: SendMessageRequestHeaderV2 {
                topic: Text::from("t"),
                batch: Some(true),
                shared: TopicFields { logical: Some(true), ..TopicFields::default() },
                ..SendMessageRequestHeaderV2::default()
            },
        };
        let command = through_the_wire(&header, Serialization::Json);
        assert_eq!(command.request_code(), RequestCode::SEND_BATCH_MESSAGE);
        assert_eq!(command.header::<SendBatchMessageRequestHeader>().unwrap(), header);
    }

    fn through_the_wire<R: Request>(header: &R, form: Serialization) -> Command {
        let mut out = BytesMut::new();
        Command::request(header).encode(form, &mut out).unwrap();
        let frame = frame::split(&mut out, &frame::FrameLimits::default()).unwrap().unwrap();
        Command::decode(frame).unwrap()
    }

    #[test]
    fn headers_survive_both_forms() {
        let header = PullMessageRequestHeader {
            consumer_group: Text::from("g \"quoted\" \u{1}"),
            topic: Text::from("t"),
            queue_offset: i64::MIN,
            subscription: Some(Text::from("中 || b")),
            ..PullMessageRequestHeader::default()
        };
        for form in [Serialization::Json, Serialization::RocketMq] {
            let command = through_the_wire(&header, form);
            assert_eq!(command.header::<PullMessageRequestHeader>().unwrap(), header, "{form:?}");
        }
    }

    #[test]
    fn errors_name_header_and_key() {
        let mut command = Command::default();
        command.ext_fields.push("consumerGroup", "g");
        let missing = command.header::<GetConsumerListByGroupRequestHeader>();
        assert!(missing.is_ok());
        let error = command.header::<QueryConsumerOffsetRequestHeader>().unwrap_err();
        assert_eq!(error.to_string(), "QueryConsumerOffsetRequestHeader lacks `topic`");
        command.ext_fields.push("topic", "t");
        command.ext_fields.push("queueId", "x");
        let error = command.header::<QueryConsumerOffsetRequestHeader>().unwrap_err();
        assert_eq!(error.to_string(), "QueryConsumerOffsetRequestHeader has a malformed `queueId`");
    }

    #[test]
    fn text_of_a_header_lies_in_the_frame() {
        let command = through_the_wire(
            &GetConsumerListByGroupRequestHeader {
                consumer_group: Text::from("group"),
                ..Default::default()
            },
            Serialization::Json,
        );
        let header = command.header::<GetConsumerListByGroupRequestHeader>().unwrap();
        assert_eq!(header.consumer_group, "group");
        let _: Bytes = command.body;
    }
}
