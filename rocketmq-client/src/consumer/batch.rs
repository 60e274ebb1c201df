//! [`Batch`]: several messages of one queue.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Delivery;

/// Messages of one queue, in order, at least one. What a handler returns says what becomes of them, except of those that were
/// [acknowledged](BatchItem::ack) one by one.
#[derive(Debug)]
pub struct Batch {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) acks: Arc<[AtomicBool]>,
}

impl Batch {
    pub(super) fn new(deliveries: Vec<Delivery>) -> Self {
        let acks = deliveries.iter().map(|_| AtomicBool::new(false)).collect();
        Self { deliveries, acks }
    }

    /// A batch as a handler gets it, for unit tests of handlers.
    pub fn for_test(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self::new(deliveries.into_iter().collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether there are none, which can be in a test only.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// The messages.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BatchItem<'_>> {
        let items = self.deliveries.iter().zip(self.acks.iter());
        items.map(|(delivery, ack)| BatchItem { delivery, ack })
    }

    /// The messages that have been acknowledged one by one, by their place.
    pub fn acknowledged(&self) -> impl Iterator<Item = usize> {
        let acks = self.acks.iter().enumerate();
        acks.filter(|(_, ack)| ack.load(Ordering::Relaxed)).map(|(index, _)| index)
    }
}

/// One message of a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct BatchItem<'a> {
    delivery: &'a Delivery,
    ack: &'a AtomicBool,
}

impl BatchItem<'_> {
    /// Done with this one, whatever becomes of the others.
    pub fn ack(self) {
        self.ack.store(true, Ordering::Relaxed);
    }
}

impl Deref for BatchItem<'_> {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        self.delivery
    }
}
