//! Consumers: a state machine each, driven by one task, with workers that call the handler.

mod builder;
mod delivery;
mod driver;
mod handler;
mod outcome;
mod push;
mod requests;
mod work_queue;
mod workers;

pub use builder::PushConsumerBuilder;
pub use delivery::Delivery;
pub use handler::Handler;
pub use outcome::{IntoOutcome, Outcome, Verdict};
pub use push::{PushConsumer, ShutdownReport};
pub use rocketmq_consumer::StartFrom;
