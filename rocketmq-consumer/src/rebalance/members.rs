//! [`Membership`]: what brokers say about who is in the group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::java_order;

/// The last member list of each broker, and which brokers had none to give.
///
/// A broker that does not list us has not said that we have nothing to read: it has restarted, or our heartbeat is
/// still on its way. What we hold is kept until it has said so for a whole heartbeat period. (Java gives up every
/// queue at once: `AbstractAllocateMessageQueueStrategy.check`.)
#[derive(Debug, Default)]
pub(crate) struct Membership {
    brokers: BTreeMap<Arc<str>, Known>,
    avoid: BTreeSet<Arc<str>>,
}

/// How long a list is as good as a new one: less than lies between a round and the one that a notice leads to.
const FRESH: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Known {
    members: Arc<[Arc<str>]>,
    listed_at: Option<Instant>,
    missing_since: Option<Instant>,
    expelled: bool,
    /// Since when our id has been there twice, and whether that has been told.
    namesake: Option<(Instant, bool)>,
}

/// So long a broker lists a connection that has died without a word (`broker/client/ConsumerManager.java`,
/// `CHANNEL_EXPIRED_TIMEOUT`): an id that is there twice for longer has two owners.
const DEAD_CONNECTIONS: Duration = Duration::from_secs(120);

/// What a member list means for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// We are a member.
    Listed {
        /// All members, sorted as Java sorts.
        members: Arc<[Arc<str>]>,
        /// Another one goes by our id, which has not been said before.
        namesake: bool,
    },
    /// We are not on the list: nothing is known.
    Missing {
        /// The broker listed us before, or has never been asked.
        first: bool,
    },
    /// We have not been on the list for so long that our queues belong to others.
    Expelled {
        /// That has not been said before.
        first: bool,
    },
}

impl Membership {
    /// Takes note of a broker's answer.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        broker: &Arc<str>,
        me: &str,
        mut answer: Vec<Arc<str>>,
        patience: Duration,
    ) -> Verdict {
        let known = self.brokers.entry(Arc::clone(broker)).or_default();
        if !answer.iter().any(|member| **member == *me) {
            self.avoid.insert(Arc::clone(broker));
            known.listed_at = None;
            let first = known.missing_since.is_none();
            let since = *known.missing_since.get_or_insert(now);
            if now.saturating_duration_since(since) < patience {
                return Verdict::Missing { first };
            }
            return Verdict::Expelled { first: !std::mem::replace(&mut known.expelled, true) };
        }
        self.avoid.remove(broker);
        known.listed_at = Some(now);
        known.missing_since = None;
        known.expelled = false;
        let twice = answer.iter().filter(|member| ***member == *me).nth(1).is_some();
        let namesake = known.has_namesake(now, twice);
        answer.sort_by(|a, b| java_order(a, b));
        answer.dedup();
        if *known.members != *answer {
            known.members = answer.into();
        }
        Verdict::Listed { members: Arc::clone(&known.members), namesake }
    }

    /// What a broker has just said. Routes of a thousand topics arrive one by one, and the members are the same for all of them.
    pub(crate) fn just_listed(&self, now: Instant, broker: &str) -> Option<Arc<[Arc<str>]>> {
        let known = self.brokers.get(broker)?;
        let age = now.saturating_duration_since(known.listed_at?);
        (age < FRESH).then(|| Arc::clone(&known.members))
    }

    /// A broker had no answer: another one is asked next time, where there is another.
    pub(crate) fn unanswered(&mut self, broker: &Arc<str>) {
        self.avoid.insert(Arc::clone(broker));
    }

    /// Which of the brokers of a topic to ask. Everybody in a group begins with the same one, so that everybody sees
    /// the same list (Java asks one at random, and lists may differ while members come and go), and turns to the
    /// others while that one has no good answer.
    pub(crate) fn choose<'a>(
        &mut self,
        group: &str,
        brokers: &[&'a Arc<str>],
    ) -> Option<&'a Arc<str>> {
        let first =
            group.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
        let in_turn = || {
            (0..brokers.len()).map(|step| brokers[(first % brokers.len() + step) % brokers.len()])
        };
        if let Some(broker) = in_turn().find(|broker| !self.avoid.contains(*broker)) {
            return Some(broker);
        }
        for broker in brokers {
            self.avoid.remove(*broker);
        }
        in_turn().next()
    }
}

impl Known {
    /// Brokers list an id once for each of its connections. The answer says whether it is to be told that ours is another's, too.
    fn has_namesake(&mut self, now: Instant, twice: bool) -> bool {
        let (since, told) = self.namesake.filter(|_| twice).unwrap_or((now, false));
        let is_certain = twice && now.saturating_duration_since(since) > DEAD_CONNECTIONS;
        self.namesake = twice.then_some((since, told || is_certain));
        is_certain && !told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|&name| name.into()).collect()
    }

    fn listed(members: &[&str]) -> Verdict {
        Verdict::Listed { members: names(members).into(), namesake: false }
    }

    #[test]
    fn missing_is_not_empty_until_a_heartbeat_period_has_passed() {
        let mut membership = Membership::default();
        let broker = Arc::<str>::from("a");
        let period = Duration::from_secs(30);
        let mut judge = |after: u64, answer: &[&str]| {
            let now = start().monotonic + Duration::from_secs(after);
            membership.judge(now, &broker, "me", names(answer), period)
        };
        assert_eq!(judge(0, &["me", "a"]), listed(&["a", "me"]));
        assert_eq!(judge(1, &["a"]), Verdict::Missing { first: true });
        assert_eq!(judge(30, &[]), Verdict::Missing { first: false });
        assert_eq!(judge(31, &["a"]), Verdict::Expelled { first: true });
        assert_eq!(judge(32, &["a"]), Verdict::Expelled { first: false });
        assert_eq!(judge(33, &["me"]), listed(&["me"]));
        assert_eq!(judge(34, &["a"]), Verdict::Missing { first: true }, "the period begins anew");
    }

    #[test]
    fn members_are_sorted_by_utf16_units() {
        let mut membership = Membership::default();
        let broker = Arc::<str>::from("a");
        let answer = names(&["\u{fb01}@1", "\u{1f600}@1", "10.0.0.2@1", "10.0.0.10@1"]);
        let sorted = ["10.0.0.10@1", "10.0.0.2@1", "\u{1f600}@1", "\u{fb01}@1"];
        let verdict =
            membership.judge(start().monotonic, &broker, "10.0.0.2@1", answer, Duration::ZERO);
        assert_eq!(verdict, listed(&sorted));
    }

    #[test]
    fn f57_an_id_that_is_listed_twice_for_long_is_another_members_too() {
        let mut membership = Membership::default();
        let broker = Arc::<str>::from("a");
        let mut told = |after: u64, answer: &[&str]| {
            let now = start().monotonic + Duration::from_secs(after);
            match membership.judge(now, &broker, "me", names(answer), Duration::ZERO) {
                Verdict::Listed { members, namesake } => {
                    assert_eq!(*members, *names(&["a", "me"]), "shares are counted by name");
                    namesake
                }
                other => panic!("{other:?}"),
            }
        };
        assert!(!told(0, &["me", "a", "me"]), "one of them may be a dead connection of ours");
        assert!(!told(100, &["me", "a"]), "and so it was");
        assert!(!told(110, &["me", "me", "a"]));
        assert!(!told(229, &["me", "me", "a"]));
        assert!(told(231, &["me", "me", "a"]));
        assert!(!told(500, &["me", "me", "a"]), "told once");
    }

    #[test]
    fn f59_everybody_asks_the_same_broker_and_turns_to_the_same_other_one() {
        let names = names(&["a", "b", "c"]);
        let brokers: Vec<_> = names.iter().collect();
        let mut members = [Membership::default(), Membership::default(), Membership::default()];
        let mut asked = BTreeSet::new();
        for _ in 0..3 {
            let choices: BTreeSet<_> =
                members.iter_mut().filter_map(|it| it.choose("group", &brokers)).collect();
            assert_eq!(choices.len(), 1, "lists of two brokers may differ");
            for member in &mut members {
                choices.iter().for_each(|broker| member.unanswered(broker));
            }
            asked.extend(choices);
        }
        assert_eq!(asked.len(), 3);
    }

    #[test]
    fn a_broker_without_an_answer_is_passed_over() {
        let mut membership = Membership::default();
        let brokers = names(&["a", "b", "c"]);
        let brokers: Vec<_> = brokers.iter().collect();
        let first = Arc::clone(membership.choose("group", &brokers).unwrap());
        assert_eq!(membership.choose("group", &brokers), Some(&first), "the same each time");
        let mut asked = BTreeSet::from([Arc::clone(&first)]);
        for _ in 0..2 {
            let broker = Arc::clone(membership.choose("group", &brokers).unwrap());
            membership.unanswered(&broker);
            asked.insert(broker);
        }
        assert_eq!(asked.len(), 2);
        let third = Arc::clone(membership.choose("group", &brokers).unwrap());
        membership.unanswered(&third);
        assert!(asked.insert(third), "each broker has its turn");
        assert_eq!(membership.choose("group", &brokers), Some(&first), "then all over again");
        assert_eq!(membership.choose("group", &[]), None);
    }
}
