//! Consumers: a state machine each, driven by one task, with workers that call the handler.

mod batch;
mod builder;
mod deliveries;
mod delivery;
mod desk;
mod driver;
mod filter;
mod handler;
mod hooks;
mod launch;
mod mode;
mod offsets;
mod outcome;
mod popping;
mod presence;
mod pull;
mod pulling;
mod push;
mod requests;

mod returning;
mod simple;
mod throttle;
mod unsettled;
mod work_queue;
mod workers;

pub use batch::{Batch, BatchItem};
pub use builder::PushConsumerBuilder;
pub use deliveries::Deliveries;
pub use delivery::Delivery;
pub use desk::Poison;
pub use filter::Filter;
pub use handler::Handler;
pub use hooks::{ConsumeHook, Consumed};
pub use mode::{Concurrent, Mode, Ordered};
pub use outcome::{BatchOutcome, IntoOutcome, OrderedOutcome, Outcome, Verdict};
pub use pull::{Damaged, PullCall, PullConsumer, PullConsumerBuilder, Pulled};
pub use push::{PushConsumer, ShutdownReport};
pub use rocketmq_consumer::{PullStatus, StartFrom};
pub use simple::{Received, SimpleConsumer, SimpleConsumerBuilder};
pub use unsettled::Unsettled;
