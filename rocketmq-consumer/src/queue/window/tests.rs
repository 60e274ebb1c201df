//! The window against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};

use super::*;

/// What a queue does to its window, in the ways it can.
#[derive(Debug, Clone)]
enum Op {
    /// An answer: messages at these distances from each other, and offsets passed over behind them.
    Receive {
        distances: Vec<i64>,
        passed: i64,
    },
    /// Offsets that have been received before, some of them settled since.
    Repeat(Index),
    Take(usize),
    Ack(Index),
    GiveBack(Index),
    SendBack(Index),
    SentBack(Index),
    Park(Index),
    Wake(Index),
    Abandon,
}

fn op() -> impl Strategy<Value = Op> {
    let distance = prop_oneof![5 => Just(1_i64), 1 => 1..900_i64];
    prop_oneof![
        4 => (prop::collection::vec(distance, 0..6), 0..3_i64)
            .prop_map(|(distances, passed)| Op::Receive { distances, passed }),
        1 => any::<Index>().prop_map(Op::Repeat),
        4 => (0..5_usize).prop_map(Op::Take),
        6 => any::<Index>().prop_map(Op::Ack),
        2 => any::<Index>().prop_map(Op::GiveBack),
        2 => any::<Index>().prop_map(Op::SendBack),
        2 => any::<Index>().prop_map(Op::SentBack),
        2 => any::<Index>().prop_map(Op::Park),
        2 => any::<Index>().prop_map(Op::Wake),
        1 => Just(Op::Abandon),
    ]
}

const START: i64 = 100;

/// Every message ever received, and where it is.
struct Model {
    messages: BTreeMap<i64, Place>,
    end: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Taken,
    Settling,
    Parked,
    Settled,
    Abandoned,
}

impl Model {
    fn pick(&self, index: &Index) -> i64 {
        let known: Vec<_> = self.messages.keys().copied().collect();
        if known.is_empty() { START } else { *index.get(&known) }
    }

    fn shift(&mut self, offset: i64, from: &[Place], to: Place) -> bool {
        match self.messages.get_mut(&offset) {
            Some(place) if from.contains(place) => {
                *place = to;
                true
            }
            _ => false,
        }
    }

    fn count(&self, places: &[Place]) -> usize {
        self.messages.values().filter(|place| places.contains(place)).count()
    }

    fn position(&self) -> i64 {
        let unsettled = self.messages.iter().filter(|(_, place)| **place != Place::Settled);
        unsettled.map(|(offset, _)| *offset).min().unwrap_or(self.end)
    }

    /// From the first message that is not settled to the last one that came.
    fn span(&self) -> u64 {
        let mut from = self.messages.range(self.position()..).map(|(offset, _)| *offset);
        from.next().zip(from.next_back()).map_or(0, |(first, last)| (last - first) as u64)
    }
}

fn size(offset: i64) -> u32 {
    offset as u32 % 7
}

fn apply(window: &mut Window<i64>, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    use Place::{Abandoned, Parked, Settled, Settling, Taken, Waiting};
    match op {
        Op::Receive { distances, passed } => {
            for distance in distances {
                let offset = model.end - 1 + distance;
                prop_assert!(window.insert(offset, size(offset), offset));
                model.messages.insert(offset, Waiting);
                model.end = offset + 1;
            }
            model.end += passed;
            window.advance(model.end);
        }
        Op::Repeat(index) => {
            let offset = model.pick(index);
            prop_assert!(model.messages.is_empty() || !window.insert(offset, 1, -1));
        }
        Op::Take(max) => {
            let mut taken = Vec::new();
            window.take(*max, |offset, value| taken.push((offset, *value)));
            prop_assert_eq!(taken.len(), (*max).min(model.count(&[Waiting])));
            for (offset, value) in taken {
                prop_assert_eq!(offset, value);
                prop_assert!(model.shift(offset, &[Waiting], Taken), "{} is taken", offset);
            }
        }
        Op::Ack(index) => {
            let offset = model.pick(index);
            let settled = model.shift(offset, &[Taken], Settled);
            prop_assert_eq!(window.ack(offset), settled.then_some(offset));
        }
        Op::SentBack(index) => {
            let offset = model.pick(index);
            let settled = model.shift(offset, &[Settling, Parked], Settled);
            prop_assert_eq!(window.sent_back(offset), settled.then_some(offset));
        }
        Op::GiveBack(index) => {
            let offset = model.pick(index);
            let shifted = model.shift(offset, &[Taken], Waiting);
            prop_assert_eq!(window.give_back(offset).is_some(), shifted);
        }
        Op::SendBack(index) => {
            let offset = model.pick(index);
            let shifted = model.shift(offset, &[Taken], Settling);
            prop_assert_eq!(window.send_back(offset).is_some(), shifted);
        }
        Op::Park(index) => {
            let offset = model.pick(index);
            let shifted = model.shift(offset, &[Settling], Parked);
            prop_assert_eq!(window.park(offset).is_some(), shifted);
        }
        Op::Wake(index) => {
            let offset = model.pick(index);
            let shifted = model.shift(offset, &[Parked], Waiting);
            prop_assert_eq!(window.wake(offset).is_some(), shifted);
        }
        Op::Abandon => {
            prop_assert_eq!(window.abandon(), model.count(&[Waiting, Parked]));
            for place in model.messages.values_mut() {
                if matches!(place, Waiting | Parked) {
                    *place = Abandoned;
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_window_behaves_like_its_model(ops in prop::collection::vec(op(), 0..120)) {
        use Place::{Parked, Settling, Taken, Waiting};
        let mut window = Window::new(START);
        let mut model = Model { messages: BTreeMap::new(), end: START };
        let mut position = START;
        for op in &ops {
            apply(&mut window, &mut model, op)?;
            let held = [Waiting, Taken, Settling, Parked];
            let holds = |offset: &i64| held.contains(&model.messages[offset]);
            let offsets: Vec<_> = model.messages.keys().copied().filter(holds).collect();
            let usage = Usage {
                messages: offsets.len(),
                bytes: offsets.iter().map(|offset| u64::from(size(*offset))).sum(),
                span: model.span(),
            };
            prop_assert_eq!(window.usage(), usage);
            prop_assert_eq!(window.waiting(), model.count(&[Waiting]));
            prop_assert_eq!(window.out(), model.count(&[Taken, Settling]));
            prop_assert_eq!(window.next(), model.end);
            let extent = Extent { first: offsets.first().copied(), last: offsets.last().copied() };
            prop_assert_eq!(window.extent(), extent);
            prop_assert_eq!(window.position(), model.position());
            prop_assert!(window.position() >= position, "the position never goes back");
            position = window.position();
        }
    }

    #[test]
    fn any_order_of_insertion_makes_the_same_window(
        offsets in prop::collection::btree_set(0..2_000_i64, 0..40),
        order in any::<u64>(),
        take_between in 0..10_usize,
    ) {
        let mut shuffled: Vec<_> = offsets.iter().copied().collect();
        shuffled.sort_by_key(|offset| (*offset as u64).wrapping_mul(order | 1).rotate_left(17));
        let mut window = Window::new(0);
        let mut taken = Vec::new();
        for (index, offset) in shuffled.iter().enumerate() {
            prop_assert!(window.insert(*offset, 1, *offset));
            prop_assert!(!window.insert(*offset, 1, *offset));
            if index == take_between {
                window.take(3, |offset, _| taken.push(offset));
            }
        }
        window.take(usize::MAX, |offset, _| taken.push(offset));
        taken.sort_unstable();
        prop_assert_eq!(taken, offsets.iter().copied().collect::<Vec<_>>());
        for offset in &shuffled {
            prop_assert_eq!(window.ack(*offset), Some(*offset));
        }
        prop_assert_eq!(window.position(), offsets.last().map_or(0, |last| last + 1));
    }
}

#[test]
fn offsets_at_the_edge_of_what_there_is_do_no_harm() {
    let mut window = Window::new(0);
    assert!(!window.insert(i64::MAX, 1, ()));
    assert!(!window.insert(-1, 1, ()));
    assert!(window.insert(i64::MAX - 1, 1, ()));
    assert!(window.insert(0, 1, ()));
    assert_eq!(window.usage().span, i64::MAX as u64 - 1);
    assert!(window.remove(i64::MAX - 1).is_some());
    assert!(window.remove(0).is_some());
    window.advance(i64::MIN);
    assert_eq!(window.position(), i64::MAX);
}
