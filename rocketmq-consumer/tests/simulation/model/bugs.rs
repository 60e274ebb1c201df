//! Mistakes on purpose: what a member tells its machine, or does of what the machine says, is spoilt in one way. Each has to
//! be noticed, or the simulation would be no proof of anything.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_consumer::{Action, Epoch, Event, Input, LockId, Stored};
use rocketmq_route::MessageQueue;

use super::setup::Kind;

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// No answer about an offset is taken for "there is none".
    NoAnswerIsNoOffset,
    /// Commits reach one message too far.
    CommitsPastUnsettled,
    /// Commits reach one message less far than the one before.
    CommitsGoBack,
    /// Messages are acknowledged when their handler begins.
    AcksBeforeHandled,
    /// Some results of handlers are forgotten.
    ForgetsSettlements,
    /// Results that belong to a former tenure are told as if of the present one.
    ConfusesTenures,
    /// What is to be sent back is not, and said to have been.
    SendsNothingBack,
    /// Only the first route of each topic is told.
    IgnoresRoutes,
    /// Time never passes.
    NeverLooksAtTheClock,
    /// The last of the members is never seen.
    ForgetsAMember,
    /// What was drawn ahead for a queue that moves away is thrown away.
    LosesWhatIsDrawnAhead,
    /// Leases are never given back.
    SkipsUnlock,
    /// Leases that another member has are believed to be ours.
    BelievesRefusedLeases,
    /// The next message of an ordered queue is begun beside the one before.
    BeginsAhead,
    /// Popped messages are not acknowledged, and said to have been.
    ForgetsAcks,
    /// One queue of a route is never seen.
    MissesAQueue,
}

impl Bug {
    pub(crate) const ALL: [Self; 16] = [
        Self::NoAnswerIsNoOffset,
        Self::CommitsPastUnsettled,
        Self::CommitsGoBack,
        Self::AcksBeforeHandled,
        Self::ForgetsSettlements,
        Self::ConfusesTenures,
        Self::SendsNothingBack,
        Self::IgnoresRoutes,
        Self::NeverLooksAtTheClock,
        Self::ForgetsAMember,
        Self::LosesWhatIsDrawnAhead,
        Self::SkipsUnlock,
        Self::BelievesRefusedLeases,
        Self::BeginsAhead,
        Self::ForgetsAcks,
        Self::MissesAQueue,
    ];

    /// The groups in which it can be made.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::SkipsUnlock | Self::BelievesRefusedLeases | Self::BeginsAhead => Kind::Ordered,
            Self::ForgetsAcks => Kind::Popping,
            Self::MissesAQueue => Kind::Broadcasting,
            _ => Kind::Concurrent,
        }
    }
}

/// A member's part in a mistake.
#[derive(Debug, Default)]
pub(crate) struct Spoiler {
    bug: Option<Bug>,
    asked: BTreeMap<LockId, Vec<MessageQueue>>,
    routes: BTreeMap<Arc<str>, Vec<MessageQueue>>,
    tenures: BTreeMap<Epoch, Epoch>,
    committed: BTreeMap<Epoch, i64>,
    marks: u32,
}

impl Spoiler {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, ..Self::default() }
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// What the machine is told instead.
    pub(crate) fn input(&mut self, input: Input) -> Input {
        match (self.bug, input) {
            (Some(Bug::NoAnswerIsNoOffset), Input::StoredOffset { epoch, answer: Err(_) }) => {
                Input::StoredOffset { epoch, answer: Ok(Stored::Never) }
            }
            (Some(Bug::IgnoresRoutes), Input::Route { topic, queues }) => {
                let queues = self.routes.entry(Arc::clone(&topic)).or_insert(queues).clone();
                Input::Route { topic, queues }
            }
            (Some(Bug::MissesAQueue), Input::Route { topic, mut queues }) => {
                queues.pop();
                Input::Route { topic, queues }
            }
            (Some(Bug::ForgetsAMember), Input::Members { broker, answer: Ok(mut members) }) => {
                if members.len() > 1 {
                    members.sort();
                    members.pop();
                }
                Input::Members { broker, answer: Ok(members) }
            }
            (Some(Bug::BelievesRefusedLeases), Input::Locked { lock, answer: Ok(granted) }) => {
                let asked = self.asked.remove(&lock).unwrap_or(granted);
                Input::Locked { lock, answer: Ok(asked) }
            }
            (Some(Bug::ForgetsSettlements), Input::Settled(mut settlements)) => {
                settlements.retain(|_| {
                    self.marks += 1;
                    !self.marks.is_multiple_of(50)
                });
                Input::Settled(settlements)
            }
            (Some(Bug::ConfusesTenures), Input::Settled(mut settlements)) => {
                for settlement in &mut settlements {
                    while let Some(later) = self.tenures.get(&settlement.delivery.epoch) {
                        settlement.delivery.epoch = *later;
                    }
                }
                Input::Settled(settlements)
            }
            (_, input) => input,
        }
    }

    /// What is done instead, or told at once because nothing is done.
    pub(crate) fn action(&mut self, action: Action) -> Result<Action, Input> {
        match (self.bug, action) {
            (
                Some(Bug::CommitsPastUnsettled),
                Action::Commit { commit, broker, mut offsets, deadline },
            ) => {
                offsets.iter_mut().for_each(|offset| offset.offset += 1);
                Ok(Action::Commit { commit, broker, offsets, deadline })
            }
            (
                Some(Bug::CommitsGoBack),
                Action::Commit { commit, broker, mut offsets, deadline },
            ) => {
                for offset in &mut offsets {
                    if let Some(last) = self.committed.insert(offset.epoch, offset.offset) {
                        offset.offset = last - 1;
                    }
                }
                Ok(Action::Commit { commit, broker, offsets, deadline })
            }
            (Some(Bug::SendsNothingBack), Action::SendBack(plan)) => {
                Err(Input::SentBack { delivery: plan.delivery.id(), answer: Ok(()) })
            }
            (Some(Bug::ForgetsAcks), Action::Ack(plan)) => {
                Err(Input::Acked { epoch: plan.epoch, answer: Ok(()) })
            }
            (Some(Bug::SkipsUnlock), Action::Unlock { lock, .. }) => {
                Err(Input::Unlocked { lock, answer: Ok(()) })
            }
            (Some(Bug::BelievesRefusedLeases), Action::Lock { lock, broker, queues, deadline }) => {
                self.asked.insert(lock, queues.clone());
                Ok(Action::Lock { lock, broker, queues, deadline })
            }
            (_, action) => {
                if let Action::Event(Event::Moved { before, epoch, .. }) = &action {
                    self.tenures.insert(*before, *epoch);
                }
                Ok(action)
            }
        }
    }
}
