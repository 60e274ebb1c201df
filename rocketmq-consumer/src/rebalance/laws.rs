//! What every strategy that divides queues among members has to keep.

use std::sync::Arc;

use proptest::prelude::*;
use rocketmq_route::MessageQueue;

use super::{
    Allocate, Averagely, AveragelyByCircle, ConsistentHash, Share, java_order, java_queue_order,
};

fn queues(count: usize) -> Vec<MessageQueue> {
    let queue = |index: usize| MessageQueue::new("t", format!("b{}", index % 3), index as i32);
    let mut queues: Vec<_> = (0..count).map(queue).collect();
    queues.sort_by(java_queue_order);
    queues
}

fn members(count: usize) -> Vec<Arc<str>> {
    let mut members: Vec<_> =
        (0..count).map(|index| Arc::from(format!("10.0.0.{index}@1"))).collect();
    members.sort_by(|a: &Arc<str>, b: &Arc<str>| java_order(a, b));
    members
}

fn shares(strategy: &dyn Allocate, queues: usize, members_: usize) -> Vec<Vec<MessageQueue>> {
    let (queues, members) = (self::queues(queues), members(members_));
    let of =
        |me: &Arc<str>| strategy.allocate(&Share::of("g", me, &members, &queues).unwrap()).unwrap();
    members.iter().map(of).collect()
}

proptest! {
    #[test]
    fn every_queue_has_one_owner_and_shares_are_even(n in 1..200_usize, c in 1..40_usize) {
        for strategy in [&Averagely as &dyn Allocate, &AveragelyByCircle] {
            let shares = shares(strategy, n, c);
            let sizes = || shares.iter().map(Vec::len);
            prop_assert!(sizes().max() <= sizes().min().map(|least| least + 1));
            let mut all: Vec<_> = shares.iter().flatten().cloned().collect();
            all.sort_by(java_queue_order);
            prop_assert_eq!(all, queues(n), "{} gives each queue to one member", strategy.name());
        }
    }

    #[test]
    fn a_member_that_comes_takes_queues_and_moves_no_others(n in 1..200_usize, c in 1..20_usize) {
        let strategy = ConsistentHash::default();
        let (before, after) = (shares(&strategy, n, c), shares(&strategy, n, c + 1));
        let (names, more_names) = (members(c), members(c + 1));
        for (name, share) in names.iter().zip(&before) {
            let now = &after[more_names.iter().position(|other| other == name).unwrap()];
            prop_assert!(now.iter().all(|queue| share.contains(queue)));
        }
        let all: usize = after.iter().map(Vec::len).sum();
        prop_assert_eq!(all, n, "every queue has one owner");
    }

    #[test]
    fn averagely_gives_neighbours(n in 1..200_usize, c in 1..40_usize) {
        let all: Vec<_> = shares(&Averagely, n, c).into_iter().flatten().collect();
        prop_assert_eq!(all, queues(n));
    }
}
