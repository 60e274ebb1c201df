//! The RocketMQ remoting protocol as values: frames, commands, headers, bodies and messages, without IO.

#[cfg(feature = "acl")]
pub mod acl;
pub mod attributes;
pub mod body;
pub mod code;
mod command;
pub mod config_text;
mod error;
mod ext_fields;
mod flags;
pub mod frame;
pub mod header;
pub mod java;
pub mod message;
pub mod names;
mod perm;
pub mod pop;
mod serialization;
pub mod subscription;
mod text;
pub mod trace;

pub use command::Command;
pub use error::{DecodeError, EncodeError, FrameError, HeaderError};
pub use ext_fields::{ExtFields, Field, Raw};
pub use flags::Flags;
pub use frame::{FRAME_MAX, FrameLimits};
pub use header::{Header, Request};
pub use perm::Perm;
pub use serialization::{FieldWriter, Head, Serialization, encode_head};
pub use text::Text;
