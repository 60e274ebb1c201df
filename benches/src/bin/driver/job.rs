//! [`Job`]: what the command line and the environment ask for.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use rocketmq_client::{BoxError, Message};

/// The number in the first message of a warm-up.
pub(crate) const WARM_UP: u64 = 1 << 40;

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) name_servers: String,
    pub(crate) work: String,
    pub(crate) topic: String,
    pub(crate) n: u64,
    pub(crate) size: usize,
    pub(crate) concurrency: u64,
    pub(crate) warm: u64,
    pub(crate) group: String,
    noise: Vec<u8>,
}

impl Job {
    pub(crate) fn from_env() -> Result<Self, BoxError> {
        let mut arguments = env::args().skip(1);
        let mut next = |what: &str| arguments.next().ok_or_else(|| format!("no {what} given"));
        let (name_servers, work, topic) = (next("name servers")?, next("work")?, next("topic")?);
        let n = next("number of messages")?.parse()?;
        let size: usize = next("size")?.parse()?;
        let concurrency = next("concurrency")?.parse()?;
        let warm = match env::var("JUDGE_WARM") {
            Ok(warm) => warm.parse()?,
            Err(_) => n / 4,
        };
        let group = env::var("JUDGE_GROUP").unwrap_or_else(|_| format!("judge_{}", unix_millis()));
        let noise = noise(size.max(8));
        Ok(Self { name_servers, work, topic, n, size, concurrency, warm, group, noise })
    }

    pub(crate) fn message(&self, number: u64) -> Message {
        let mut body = self.noise.clone();
        body[..8].copy_from_slice(&number.to_be_bytes());
        Message::new(&*self.topic, body).tag("TagA").key("order-0001234567")
    }
}

/// The number in a body.
pub(crate) fn number(body: &Bytes) -> u64 {
    body.first_chunk().map_or(u64::MAX, |number| u64::from_be_bytes(*number))
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// Bytes that no codec makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}
