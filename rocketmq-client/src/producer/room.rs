//! [`Room`]: how much may be on its way at once.

use tokio::{
    sync::{Semaphore, TryAcquireError},
    time::{Instant, timeout_at},
};

use super::{Producer, builder::ProducerOptions};
use crate::{Error, ErrorKind};

/// Sends without a receipt yet: how many there may be, and how many bytes of bodies.
pub(super) struct Room {
    sends: Semaphore,
    bytes: Semaphore,
    max_sends: u32,
    max_bytes: u32,
}

impl Room {
    pub(super) fn new(options: &ProducerOptions) -> Self {
        let (max_sends, max_bytes) = (options.max_in_flight, options.max_in_flight_bytes);
        Self {
            sends: Semaphore::new(max_sends as usize),
            bytes: Semaphore::new(max_bytes as usize),
            max_sends,
            max_bytes,
        }
    }

    /// A body larger than everything there is takes everything, and so goes alone.
    fn share(&self, body: usize) -> u32 {
        u32::try_from(body).unwrap_or(u32::MAX).min(self.max_bytes)
    }

    /// Waits until no send is on its way, or the deadline. How many are left.
    pub(super) async fn drained(&self, deadline: Instant) -> usize {
        match timeout_at(deadline, self.sends.acquire_many(self.max_sends)).await {
            Ok(_) => 0,
            Err(_) => self.in_flight(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        (self.max_sends as usize).saturating_sub(self.sends.available_permits())
    }

    pub(super) fn bytes_in_flight(&self) -> usize {
        (self.max_bytes as usize).saturating_sub(self.bytes.available_permits())
    }
}

/// A place in the room, given back when it is dropped.
pub(super) struct Place {
    producer: Producer,
    bytes: u32,
}

impl Place {
    /// Waits for a place until the deadline.
    pub(super) async fn wait(
        producer: &Producer,
        body: usize,
        deadline: Instant,
    ) -> Result<Self, Error> {
        if let Ok(place) = Self::take(producer, body) {
            return Ok(place);
        }
        let room = &producer.shared.room;
        let bytes = room.share(body);
        let both = async {
            let send = room.sends.acquire().await?;
            let share = room.bytes.acquire_many(bytes).await?;
            Ok::<_, tokio::sync::AcquireError>((send, share))
        };
        match timeout_at(deadline, both).await {
            Ok(Ok((send, share))) => {
                send.forget();
                share.forget();
                Ok(Self { producer: producer.clone(), bytes })
            }
            Ok(Err(_)) => Err(Error::closed("producer")),
            Err(_) => Err(Error::timeout("the producer had room")),
        }
    }

    /// Takes a place if there is one now.
    pub(super) fn take(producer: &Producer, body: usize) -> Result<Self, Error> {
        let room = &producer.shared.room;
        let bytes = room.share(body);
        let both = room
            .sends
            .try_acquire()
            .and_then(|send| Ok((send, room.bytes.try_acquire_many(bytes)?)));
        match both {
            Ok((send, share)) => {
                send.forget();
                share.forget();
                Ok(Self { producer: producer.clone(), bytes })
            }
            Err(TryAcquireError::Closed) => Err(Error::closed("producer")),
            Err(TryAcquireError::NoPermits) => {
                Err(Error::new(ErrorKind::Full, "the producer has no room for more sends"))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let room = &self.producer.shared.room;
        room.bytes.add_permits(self.bytes as usize);
        room.sends.add_permits(1);
    }
}
