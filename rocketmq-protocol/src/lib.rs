#![doc = include_str!("../README.md")]
//! ## Where things are
//!
//! | To | take |
//! |---|---|
//! | cut a stream into frames | [`frame::split`] |
//! | read a frame, write one | [`Command`]; [`encode_head`] writes a header without building a command |
//! | give ext fields a type | [`Command::header`] and the tables of [`header`] |
//! | read and write JSON bodies | [`body::decode`], [`body::encode`] and the types of [`body`] |
//! | read and write messages, batches, properties and ids | [`message`] |
//! | name codes, languages and versions | [`code`] |
//! | sign a request | `acl`, with the feature of that name |
//! | say what a group wants of a topic | [`subscription`] |
//! | read receipts and answers of POP | [`pop`] |
//! | form and judge names of topics and groups | [`names`] |
//! | report what became of messages | [`trace`] |
//! | read the configuration and the attributes of servers | [`config_text`], [`attributes`] |

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
pub use serialization::{FieldWriter, Head, Key, Serialization, encode_head};
pub use text::Text;
