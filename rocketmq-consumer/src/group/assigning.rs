//! Queues that the application assigns, and those it wants nothing of for a while.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rocketmq_route::MessageQueue;

use super::ConsumerGroup;
use crate::{
    config::Assignment,
    io::{Event, Now},
    queue::Stage,
};

impl ConsumerGroup {
    pub(super) fn assign(&mut self, now: Now, queues: Vec<MessageQueue>) {
        if self.config.assignment != Assignment::ByHand {
            let why = "the group decides which queues are read";
            self.out.event(Event::Unexpected { input: "Assign", why });
            return;
        }
        self.assigned = queues;
        self.round.hasten(now.monotonic);
    }

    /// Makes the assigned queues those that are held, topic by topic.
    pub(super) fn take_assigned(&mut self, now: Now) {
        let mut of_topics = BTreeMap::<Arc<str>, Vec<MessageQueue>>::new();
        for queue in self.queues.iter() {
            of_topics.entry(Arc::clone(&queue.tenure.queue.topic)).or_default();
        }
        for queue in &self.assigned {
            of_topics.entry(Arc::clone(&queue.topic)).or_default().push(queue.clone());
        }
        for (topic, queues) in of_topics {
            self.apply(now, &topic, queues, Duration::ZERO);
        }
    }

    pub(super) fn pause_queues(&mut self, now: Now, queues: &[MessageQueue], paused: bool) {
        for queue in queues {
            let Some(slot) = self.queues.find(queue) else { continue };
            if let Some(queue) = self.queues.get_mut(slot) {
                queue.paused = paused;
            }
            self.touch(now, slot, |queue, ctx| match &mut queue.stage {
                Stage::Reading(reading) if !paused => reading.look_if_off(&queue.tenure, ctx),
                _ => queue.after_settling(ctx),
            });
        }
    }
}
