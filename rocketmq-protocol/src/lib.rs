//! The RocketMQ remoting protocol as values: frames, commands, headers, bodies and messages, without IO.

mod text;

pub use text::Text;
