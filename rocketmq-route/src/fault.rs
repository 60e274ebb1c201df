//! [`FaultTable`]: which brokers have been slow or out of reach lately.
//!
//! ```text
//!                     record(long latency)
//!   available ───────────────────────────────► avoided until the penalty is over ──► available
//!
//!                     record(no answer)               record(an answer), probe answered
//!   reachable ───────────────────────────────► unreachable ──────────────────────────────► reachable
//! ```
//!
//! Both are opinions about where to send next and never forbid anything: if every broker is avoided, one of them is chosen all the same.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a broker is avoided, by how long it took to answer (`client/latency/MQFaultStrategy.java`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Penalties {
    steps: Vec<(Duration, Duration)>,
    isolation: Duration,
}

impl Penalties {
    /// Penalties of one's own: from each latency on, avoid for so long. A broker that did not answer at all counts as one that
    /// took `isolation`.
    pub fn new(steps: impl IntoIterator<Item = (Duration, Duration)>, isolation: Duration) -> Self {
        let mut steps: Vec<_> = steps.into_iter().collect();
        steps.sort_by_key(|(from, _)| *from);
        Self { steps, isolation }
    }

    /// What Java does since 5.1.4: avoid for 2 s after an answer that took 550 ms, up to 30 s after one of 15 s; 10 s for no answer.
    pub fn v5() -> Self {
        Self::of_millis(
            [(550, 2_000), (1_800, 5_000), (3_000, 6_000), (5_000, 10_000), (15_000, 30_000)],
            10_000,
        )
    }

    /// What Java 4.x does: 30 s after an answer that took 550 ms, up to 10 min after one of 15 s; 10 min for no answer.
    pub fn v4() -> Self {
        let steps =
            [(550, 30_000), (1_000, 60_000), (2_000, 120_000), (3_000, 180_000), (15_000, 600_000)];
        Self::of_millis(steps, 30_000)
    }

    fn of_millis<const N: usize>(steps: [(u64, u64); N], isolation: u64) -> Self {
        let duration = Duration::from_millis;
        Self {
            steps: steps.map(|(from, penalty)| (duration(from), duration(penalty))).into(),
            isolation: duration(isolation),
        }
    }

    /// How long a broker is avoided that took so long to answer.
    pub fn after(&self, latency: Duration) -> Duration {
        let reached = self.steps.iter().rev().find(|(from, _)| *from <= latency);
        reached.map_or(Duration::ZERO, |(_, penalty)| *penalty)
    }

    /// The latency that stands for no answer at all.
    pub fn isolation(&self) -> Duration {
        self.isolation
    }
}

/// The default is [`v5`](Self::v5).
impl Default for Penalties {
    fn default() -> Self {
        Self::v5()
    }
}

/// How an attempt to send ended, as far as its broker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// It answered, whatever it said, after so long.
    Answered(Duration),
    /// It did not answer, or could not be connected to.
    Lost,
}

/// Which brokers have been slow or out of reach lately (`client/latency/LatencyFaultToleranceImpl.java`).
#[derive(Debug, Default)]
pub struct FaultTable {
    penalties: Penalties,
    rows: BTreeMap<Arc<str>, Row>,
}

#[derive(Debug)]
struct Row {
    avoided_until: Instant,
    reachable: bool,
    checked: Instant,
}

impl FaultTable {
    /// An empty table: every broker is fine.
    pub fn new(penalties: Penalties) -> Self {
        Self { penalties, rows: BTreeMap::new() }
    }

    /// Takes note of how an attempt ended.
    pub fn record(&mut self, broker_name: &Arc<str>, contact: Contact, now: Instant) {
        let (latency, reachable) = match contact {
            Contact::Answered(latency) => (latency, true),
            Contact::Lost => (self.penalties.isolation, false),
        };
        let penalty = self.penalties.after(latency);
        self.avoid(broker_name, penalty, reachable, now);
    }

    /// Avoids a broker for so long; a longer time that still runs is kept.
    pub fn avoid(
        &mut self,
        broker_name: &Arc<str>,
        penalty: Duration,
        reachable: bool,
        now: Instant,
    ) {
        let until = now + penalty;
        match self.rows.get_mut(broker_name) {
            Some(row) => {
                row.avoided_until = row.avoided_until.max(until);
                row.reachable = reachable;
                row.checked = now;
            }
            // A broker that is fine and always was needs no row.
            None if penalty.is_zero() && reachable => {}
            None => {
                let row = Row { avoided_until: until, reachable, checked: now };
                self.rows.insert(Arc::clone(broker_name), row);
            }
        }
    }

    /// Whether its last penalty is over.
    pub fn is_available(&self, broker_name: &str, now: Instant) -> bool {
        self.rows.get(broker_name).is_none_or(|row| row.avoided_until <= now)
    }

    /// Whether it answered when it was last heard of.
    pub fn is_reachable(&self, broker_name: &str) -> bool {
        self.rows.get(broker_name).is_none_or(|row| row.reachable)
    }

    /// The unreachable brokers that nobody has tried to reach for `interval`; they count as tried now.
    pub fn due_for_probe(&mut self, interval: Duration, now: Instant) -> Vec<Arc<str>> {
        let due = self.rows.iter_mut().filter(|(_, row)| {
            !row.reachable && now.saturating_duration_since(row.checked) >= interval
        });
        due.map(|(name, row)| {
            row.checked = now;
            Arc::clone(name)
        })
        .collect()
    }

    /// A probe was answered: it may be sent to again at once, since its penalty stood for no answer.
    pub fn reached(&mut self, broker_name: &str) {
        self.rows.remove(broker_name);
    }

    /// Forgets a broker that has gone.
    pub fn forget(&mut self, broker_name: &str) {
        self.rows.remove(broker_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_instant;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_slow_broker_is_avoided_and_comes_back() {
        let (mut table, now, name) = (FaultTable::default(), any_instant(), Arc::from("a"));
        table.record(&name, Contact::Answered(Duration::from_millis(549)), now);
        assert!(table.is_available("a", now));
        table.record(&name, Contact::Answered(SECOND), now);
        assert!(!table.is_available("a", now) && table.is_reachable("a"));
        table.record(&name, Contact::Answered(Duration::ZERO), now);
        assert!(!table.is_available("a", now + SECOND), "a quick answer does not shorten it");
        assert!(table.is_available("a", now + 2 * SECOND));
    }

    #[test]
    fn a_lost_broker_is_probed_until_it_answers() {
        let (mut table, now, name) = (FaultTable::default(), any_instant(), Arc::from("a"));
        table.record(&name, Contact::Lost, now);
        assert!(!table.is_available("a", now) && !table.is_reachable("a"));
        assert!(table.due_for_probe(2 * SECOND, now + SECOND).is_empty());
        assert_eq!(table.due_for_probe(2 * SECOND, now + 2 * SECOND), [Arc::clone(&name)]);
        assert!(table.due_for_probe(2 * SECOND, now + 3 * SECOND).is_empty(), "it was just asked");
        table.reached("a");
        assert!(table.is_available("a", now) && table.is_reachable("a"));
    }

    #[test]
    fn both_ages_of_java_have_their_tables() {
        let check = |millis, v5, v4| {
            let latency = Duration::from_millis(millis);
            assert_eq!(Penalties::v5().after(latency), Duration::from_millis(v5), "{millis}");
            assert_eq!(Penalties::v4().after(latency), Duration::from_millis(v4), "{millis}");
        };
        check(0, 0, 0);
        check(549, 0, 0);
        check(550, 2_000, 30_000);
        check(1_000, 2_000, 60_000);
        check(1_800, 5_000, 60_000);
        check(3_000, 6_000, 180_000);
        check(10_000, 10_000, 180_000);
        check(15_000, 30_000, 600_000);
        assert_eq!(Penalties::v4().after(Penalties::v4().isolation()), 600 * SECOND);
    }
}
