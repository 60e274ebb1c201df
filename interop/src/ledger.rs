//! [`Ledger`]: what was acknowledged and what was seen, kept by the test and not by the client.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The judge of a load test: every message whose sending was acknowledged, and everything that each consumer saw.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    acknowledged: BTreeSet<u64>,
    /// Sends whose outcome is unknown: they may be seen or not.
    unknown: BTreeSet<u64>,
    seen: BTreeMap<u64, Vec<Sighting>>,
}

/// A message in a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sighting {
    by: String,
    queue: String,
    at: Instant,
}

/// What the books say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Messages whose sending was acknowledged.
    pub acknowledged: usize,
    /// Messages that somebody saw.
    pub seen: usize,
    /// Acknowledged messages that nobody saw.
    pub lost: Vec<u64>,
    /// How often messages were seen again, by the queue of the repetition.
    pub repeated: BTreeMap<String, usize>,
    /// Messages that were seen and never sent.
    pub invented: Vec<u64>,
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker has acknowledged this message.
    pub fn acknowledged(&self, number: u64) {
        self.books().acknowledged.insert(number);
    }

    /// Nobody knows whether this message is stored.
    pub fn unknown(&self, number: u64) {
        self.books().unknown.insert(number);
    }

    /// A handler has been given this message.
    pub fn seen(&self, number: u64, by: &str, queue: &str) {
        let sighting = Sighting { by: by.to_owned(), queue: queue.to_owned(), at: Instant::now() };
        self.books().seen.entry(number).or_default().push(sighting);
    }

    /// How many different messages have been seen.
    pub fn distinct(&self) -> usize {
        self.books().seen.len()
    }

    /// How many sightings this consumer had.
    pub fn seen_by(&self, by: &str) -> usize {
        self.books().seen.values().flatten().filter(|sighting| sighting.by == by).count()
    }

    /// The queues from which this consumer has been given something since then.
    pub fn queues_of(&self, by: &str, since: Instant) -> BTreeSet<String> {
        let books = self.books();
        let sightings = books.seen.values().flatten();
        let later = sightings.filter(|sighting| sighting.by == by && sighting.at >= since);
        later.map(|sighting| sighting.queue.clone()).collect()
    }

    /// How often a consumer was given a message of a queue after a later one.
    pub fn out_of_order(&self) -> usize {
        let books = self.books();
        let mut sequences: BTreeMap<(&str, &str), Vec<(Instant, u64)>> = BTreeMap::new();
        for (number, sightings) in &books.seen {
            for sighting in sightings {
                let sequence = sequences.entry((&sighting.by, &sighting.queue)).or_default();
                sequence.push((sighting.at, *number));
            }
        }
        let inversions = sequences.into_values().map(|mut sequence| {
            sequence.sort();
            sequence.windows(2).filter(|pair| matches!(pair, [a, b] if a.1 > b.1)).count()
        });
        inversions.sum()
    }

    /// The longest that any queue stood still between two messages since then.
    pub fn longest_pause(&self, since: Instant) -> Duration {
        let books = self.books();
        let mut queues: BTreeMap<&str, Vec<Instant>> = BTreeMap::new();
        for sighting in books.seen.values().flatten().filter(|sighting| sighting.at >= since) {
            queues.entry(&sighting.queue).or_default().push(sighting.at);
        }
        let pauses = queues.into_values().filter_map(|mut moments| {
            moments.sort_unstable();
            moments.iter().zip(moments.iter().skip(1)).map(|(a, b)| b.duration_since(*a)).max()
        });
        pauses.max().unwrap_or_default()
    }

    /// What the books say now.
    pub fn verdict(&self) -> Verdict {
        let books = self.books();
        let mut repeated = BTreeMap::new();
        for sighting in books.seen.values().flat_map(|sightings| sightings.iter().skip(1)) {
            *repeated.entry(sighting.queue.clone()).or_default() += 1;
        }
        let sent =
            |number: &&u64| books.acknowledged.contains(number) || books.unknown.contains(number);
        Verdict {
            acknowledged: books.acknowledged.len(),
            seen: books.seen.len(),
            lost: books
                .acknowledged
                .iter()
                .filter(|number| !books.seen.contains_key(number))
                .copied()
                .collect(),
            repeated,
            invented: books.seen.keys().filter(|number| !sent(number)).copied().collect(),
        }
    }
}

impl Verdict {
    /// How often messages were seen again, in all.
    pub fn repetitions(&self) -> usize {
        self.repeated.values().sum()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged, {} seen, {} lost, {} repeated on {} queues, {} invented",
            self.acknowledged,
            self.seen,
            self.lost.len(),
            self.repetitions(),
            self.repeated.len(),
            self.invented.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_tell_lost_repeated_and_invented_apart() {
        let ledger = Ledger::default();
        for number in [1, 2, 3] {
            ledger.acknowledged(number);
        }
        ledger.unknown(4);
        for (number, queue) in [(1, "q0"), (2, "q1"), (2, "q1"), (2, "q2"), (4, "q0"), (9, "q0")] {
            ledger.seen(number, "c", queue);
        }
        let verdict = ledger.verdict();
        assert_eq!((verdict.lost.as_slice(), verdict.invented.as_slice()), (&[3][..], &[9][..]));
        assert_eq!(verdict.repeated, BTreeMap::from([("q1".into(), 1), ("q2".into(), 1)]));
        let queues = ledger.queues_of("c", Instant::now() - Duration::from_secs(60));
        assert_eq!(queues, ["q0", "q1", "q2"].map(String::from).into());
        assert!(ledger.queues_of("c", Instant::now()).is_empty());
        assert!(ledger.longest_pause(Instant::now()).is_zero());
        assert!(!ledger.longest_pause(Instant::now() - Duration::from_secs(60)).is_zero());
        assert_eq!((ledger.distinct(), ledger.seen_by("c"), ledger.seen_by("d")), (4, 6, 0));
        assert_eq!(ledger.out_of_order(), 0);
        ledger.seen(3, "c", "q1");
        ledger.seen(1, "c", "q1");
        assert_eq!(ledger.out_of_order(), 1);
    }
}
