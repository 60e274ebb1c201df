//! [`Plan`]: from what is held to what is assigned.

use std::collections::BTreeSet;

/// The difference between the queues held and those assigned. The three parts have nothing in common; `keep` and
/// `release` make up what was held, `keep` and `acquire` what is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<Q> {
    pub(crate) acquire: Vec<Q>,
    pub(crate) keep: Vec<Q>,
    pub(crate) release: Vec<Q>,
}

impl<Q: Ord + Clone> Plan<Q> {
    /// What has to happen. A queue assigned twice is assigned once.
    pub(crate) fn between(
        held: impl IntoIterator<Item = Q>,
        assigned: impl IntoIterator<Item = Q>,
    ) -> Self {
        let held: BTreeSet<Q> = held.into_iter().collect();
        let assigned: BTreeSet<Q> = assigned.into_iter().collect();
        Self {
            acquire: assigned.difference(&held).cloned().collect(),
            keep: assigned.intersection(&held).cloned().collect(),
            release: held.difference(&assigned).cloned().collect(),
        }
    }

    /// Nothing has to happen.
    pub(crate) fn is_settled(&self) -> bool {
        self.acquire.is_empty() && self.release.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_leads_from_held_to_assigned(
            held in prop::collection::btree_set(0..40_u32, 0..30),
            assigned in prop::collection::vec(0..40_u32, 0..30),
        ) {
            let plan = Plan::between(held.iter().copied(), assigned.iter().copied());
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
            prop_assert!(Plan::between(after, assigned).is_settled());
        }
    }
}
