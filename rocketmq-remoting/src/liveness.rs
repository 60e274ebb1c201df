//! [`Liveness`]: what tells a dead peer from one that has nothing to say. No IO, no clock.

use std::time::Duration;

use tokio::time::Instant;

use crate::CloseReason;

/// Two suspicions, each with the instant at which it becomes certainty.
///
/// * *Silence*: we have asked, a request has run out of time, and not a byte was heard. A timeout alone proves
///   nothing (the server may be slow with one request), and neither does silence alone (a waiting pull is silent).
/// * *Half a frame*: a frame began and does not end.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    /// Since when the peer owes us something: the first write after the last byte heard, or that byte.
    asked: Option<Instant>,
    /// A request has timed out since the last byte.
    overdue: bool,
    /// When the frame that is not complete began.
    partial: Option<Instant>,
}

impl Liveness {
    /// Bytes went out.
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// Bytes came in. `waiting`: requests are still without an answer.
    pub(crate) fn heard(&mut self, now: Instant, waiting: bool) {
        self.asked = waiting.then_some(now);
        self.overdue = false;
    }

    /// A request ran out of time.
    pub(crate) fn missed(&mut self) {
        self.overdue = true;
    }

    /// After a read: whether whole frames were found, and whether bytes of another are left.
    pub(crate) fn frames(&mut self, now: Instant, whole: bool, left: bool) {
        if whole || !left {
            self.partial = None;
        }
        if left {
            self.partial.get_or_insert(now);
        }
    }

    /// When the connection has to be given up if nothing else happens, and why.
    pub(crate) fn verdict(
        &self,
        silence: Duration,
        frame_timeout: Duration,
    ) -> Option<(Instant, CloseReason)> {
        let silent = self.asked.filter(|_| self.overdue).map(|since| since + silence);
        let silent = silent.map(|at| (at, CloseReason::Silent(silence)));
        let partial = self.partial.map(|since| since + frame_timeout);
        let partial = partial.map(|at| (at, CloseReason::HalfFrame(frame_timeout)));
        [silent, partial].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(8);
    const FRAME: Duration = Duration::from_secs(10);

    enum Step {
        Wrote,
        Heard { waiting: bool },
        Missed,
        Frames { whole: bool, left: bool },
    }
    use Step::*;

    /// Plays steps, each at a second, and tells at which second the peer is given up.
    fn check(steps: &[(u64, Step)], given_up: Option<u64>) {
        let start = Instant::now();
        let mut liveness = Liveness::default();
        for (at, step) in steps {
            let now = start + Duration::from_secs(*at);
            let verdict = liveness.verdict(SILENCE, FRAME);
            assert!(verdict.is_none_or(|(due, _)| due > now), "given up before {at}");
            match *step {
                Wrote => liveness.wrote(now),
                Heard { waiting } => liveness.heard(now, waiting),
                Missed => liveness.missed(),
                Frames { whole, left } => liveness.frames(now, whole, left),
            }
        }
        let verdict = liveness.verdict(SILENCE, FRAME);
        assert_eq!(verdict.map(|(due, _)| due), given_up.map(|at| start + Duration::from_secs(at)));
    }

    #[test]
    fn silence_needs_a_timeout_and_a_timeout_needs_silence() {
        check(&[(0, Wrote)], None);
        check(&[(0, Wrote), (3, Missed)], Some(8));
        check(&[(0, Wrote), (3, Missed), (4, Heard { waiting: true })], None);
        check(&[(0, Wrote), (3, Wrote), (4, Missed), (5, Wrote)], Some(8));
    }

    #[test]
    fn an_idle_connection_is_asked_first() {
        check(&[(0, Wrote), (1, Heard { waiting: false }), (100, Wrote), (103, Missed)], Some(108));
    }

    #[test]
    fn what_still_waits_counts_from_the_last_byte() {
        check(&[(0, Wrote), (5, Heard { waiting: true }), (30, Missed)], Some(13));
    }

    #[test]
    fn a_frame_has_to_end() {
        check(&[(0, Frames { whole: false, left: true })], Some(10));
        check(
            &[(0, Frames { whole: false, left: true }), (6, Frames { whole: false, left: true })],
            Some(10),
        );
        check(
            &[(0, Frames { whole: false, left: true }), (6, Frames { whole: true, left: true })],
            Some(16),
        );
        check(
            &[(0, Frames { whole: false, left: true }), (6, Frames { whole: true, left: false })],
            None,
        );
    }
}
