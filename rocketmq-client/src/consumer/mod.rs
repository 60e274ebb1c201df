//! Consumers: a state machine each, driven by one task, with workers that call the handler.

mod builder;
mod delivery;
mod driver;
mod filter;
mod handler;
mod offsets;
mod outcome;
mod popping;
mod presence;
mod pull;
mod pulling;
mod push;
mod requests;
mod simple;
mod work_queue;
mod workers;

pub use builder::PushConsumerBuilder;
pub use delivery::Delivery;
pub use filter::Filter;
pub use handler::Handler;
pub use outcome::{IntoOutcome, Outcome, Verdict};
pub use pull::{Damaged, PullCall, PullConsumer, PullConsumerBuilder, Pulled};
pub use push::{PushConsumer, ShutdownReport};
pub use rocketmq_consumer::{PullStatus, StartFrom};
pub use simple::{Received, SimpleConsumer, SimpleConsumerBuilder};
