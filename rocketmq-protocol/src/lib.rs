//! The RocketMQ remoting protocol as values: frames, commands, headers, bodies and messages, without IO.

pub mod body;
pub mod code;
mod command;
mod error;
mod ext_fields;
pub mod frame;
pub mod header;
pub mod message;
pub mod names;
mod serialization;
pub mod subscription;
mod text;

pub use command::{Command, Flags};
pub use error::{DecodeError, EncodeError, FrameError, HeaderError};
pub use ext_fields::{ExtFields, Field, Raw};
pub use frame::{FRAME_MAX, FrameLimits};
pub use header::{Header, Request};
pub use serialization::{FieldWriter, Head, Serialization, encode_head};
pub use text::Text;
