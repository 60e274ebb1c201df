//! [`Plan`]: from what is held to what is assigned.

use std::cmp::Ordering;

/// The difference between the queues held and those assigned. The three parts have nothing in common; `keep` and
/// `release` make up what was held, `keep` and `acquire` what is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<Q> {
    pub(crate) acquire: Vec<Q>,
    pub(crate) keep: Vec<Q>,
    pub(crate) release: Vec<Q>,
}

impl<Q: Ord> Plan<Q> {
    /// What has to happen. A queue assigned twice is assigned once.
    pub(crate) fn between(mut held: Vec<Q>, mut assigned: Vec<Q>) -> Self {
        for queues in [&mut held, &mut assigned] {
            queues.sort_unstable();
            queues.dedup();
        }
        let mut plan = Self { acquire: Vec::new(), keep: Vec::new(), release: Vec::new() };
        let (mut held, mut assigned) =
            (held.into_iter().peekable(), assigned.into_iter().peekable());
        while let (Some(left), Some(right)) = (held.peek(), assigned.peek()) {
            match left.cmp(right) {
                Ordering::Less => plan.release.extend(held.next()),
                Ordering::Greater => plan.acquire.extend(assigned.next()),
                Ordering::Equal => {
                    plan.keep.extend(held.next());
                    assigned.next();
                }
            }
        }
        plan.release.extend(held);
        plan.acquire.extend(assigned);
        plan
    }

    /// Nothing has to happen.
    pub(crate) fn is_settled(&self) -> bool {
        self.acquire.is_empty() && self.release.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_leads_from_held_to_assigned(
            held in prop::collection::btree_set(0..40_u32, 0..30),
            assigned in prop::collection::vec(0..40_u32, 0..30),
        ) {
            let plan = Plan::between(held.iter().copied().collect(), assigned.clone());
            let assigned: BTreeSet<_> = assigned.into_iter().collect();
            let mut after = held.clone();
            for queue in &plan.release {
                prop_assert!(after.remove(queue), "released what was not held");
            }
            for queue in &plan.acquire {
                prop_assert!(after.insert(*queue), "acquired what was held");
            }
            prop_assert_eq!(&after, &assigned);
            prop_assert_eq!(plan.keep, held.intersection(&assigned).copied().collect::<Vec<_>>());
            let after = after.into_iter().collect();
            prop_assert!(Plan::between(after, assigned.into_iter().collect()).is_settled());
        }
    }
}
