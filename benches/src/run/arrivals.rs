//! Which calls of an open loop are to begin, and which of them count. No clock and no calls here.

use std::ops::Range;
use std::time::Duration;

use crate::schedule::Schedule;

/// The arrivals of a thread, handed out in order, each once it is due.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    schedule: Schedule,
    /// The measured time.
    counted: Range<Duration>,
    /// So many were handed out.
    begun: u64,
    /// Whether the load is over: what was not due before is never due.
    over: bool,
}

/// A call that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Its number, from 0.
    pub(super) n: u64,
    /// When it is due, from the begin.
    pub(super) at: Duration,
    /// Whether that is in the measured time.
    pub(super) counts: bool,
}

impl Arrivals {
    pub(super) fn new(schedule: Schedule, counted: Range<Duration>) -> Arrivals {
        Arrivals { schedule, counted, begun: 0, over: false }
    }

    /// Whether there is a next one when so much time has passed.
    pub(super) fn is_due(&self, passed: Duration) -> bool {
        self.coming(passed).is_some()
    }

    /// The next one, if it is due when so much time has passed.
    pub(super) fn next(&mut self, passed: Duration) -> Option<Arrival> {
        let arrival = self.coming(passed)?;
        self.begun += 1;
        Some(arrival)
    }

    fn coming(&self, passed: Duration) -> Option<Arrival> {
        let at = self.schedule.at(self.begun);
        let due = at <= passed && !(self.over && at >= self.counted.end);
        due.then(|| Arrival { n: self.begun, at, counts: self.counted.contains(&at) })
    }

    /// How many are due when so much time has passed, and were not handed out.
    pub(super) fn due(&self, passed: Duration) -> u64 {
        let due = self.schedule.due(passed);
        let all = if self.over { due.min(self.schedule.before(self.counted.end)) } else { due };
        all.saturating_sub(self.begun)
    }

    /// The load is over: the measured time ends there if it had not ended before, and of what is due only what was due
    /// in it or before it is still handed out.
    pub(super) fn stop(&mut self, at: Duration) {
        self.counted.end = self.counted.end.min(at);
        self.over = true;
    }

    /// Those that count and were never handed out; of a load that is over.
    pub(super) fn left(mut self) -> impl Iterator<Item = Arrival> {
        let end = self.counted.end;
        std::iter::from_fn(move || self.next(end)).filter(|arrival| arrival.counts)
    }

    /// Whether what was due then counts.
    pub(super) fn count(&self, at: Duration) -> bool {
        self.counted.contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// One each millisecond, of which those from 10 ms up to 20 ms count.
    fn arrivals() -> Arrivals {
        Arrivals::new(Schedule::new(1_000.0, 1, 0), 10 * MS..20 * MS)
    }

    fn handed_out(arrivals: &mut Arrivals, passed: Duration) -> Vec<Arrival> {
        std::iter::from_fn(|| arrivals.next(passed)).collect()
    }

    #[test]
    fn each_is_handed_out_once_when_it_is_due() {
        let mut arrivals = arrivals();
        assert_eq!(handed_out(&mut arrivals, 12 * MS).len(), 13);
        assert_eq!(arrivals.next(12 * MS), None);
        assert_eq!(arrivals.next(13 * MS), Some(Arrival { n: 13, at: 13 * MS, counts: true }));
        let counted = handed_out(&mut arrivals, 30 * MS).into_iter().filter(|arrival| arrival.counts).count();
        assert_eq!(counted, 6, "14 ms to 19 ms");
    }

    #[test]
    fn a_backlog_still_begins_when_the_load_is_over_and_nothing_due_later_does() {
        let mut arrivals = arrivals();
        assert_eq!(handed_out(&mut arrivals, 4 * MS).len(), 5);
        arrivals.stop(25 * MS);
        let rest = handed_out(&mut arrivals, 100 * MS);
        assert_eq!((rest.len(), rest.last().unwrap().at), (15, 19 * MS));
        assert_eq!(arrivals.left().count(), 0);
    }

    #[test]
    fn it_is_known_how_many_are_due() {
        let mut arrivals = arrivals();
        assert_eq!(arrivals.due(12 * MS), 13);
        handed_out(&mut arrivals, 12 * MS);
        assert_eq!((arrivals.due(12 * MS), arrivals.due(15 * MS), arrivals.due(30 * MS)), (0, 3, 18));
        arrivals.stop(25 * MS);
        assert_eq!(arrivals.due(30 * MS), 7, "13 ms to 19 ms");
        assert_eq!(handed_out(&mut arrivals, 30 * MS).len(), 7);
    }

    #[test]
    fn what_never_begins_is_left() {
        let mut arrivals = arrivals();
        handed_out(&mut arrivals, 14 * MS);
        arrivals.stop(25 * MS);
        let left: Vec<u64> = arrivals.left().map(|arrival| arrival.n).collect();
        assert_eq!(left, [15, 16, 17, 18, 19]);
    }

    #[test]
    fn of_a_load_that_is_cut_nothing_is_left_that_was_due_later() {
        let mut arrivals = arrivals();
        handed_out(&mut arrivals, 11 * MS);
        arrivals.stop(14 * MS);
        assert!(arrivals.count(13 * MS) && !arrivals.count(14 * MS));
        assert_eq!(arrivals.left().map(|arrival| arrival.n).collect::<Vec<_>>(), [12, 13]);
        let mut early = self::arrivals();
        early.stop(3 * MS);
        assert_eq!(early.left().count(), 0, "nothing was measured");
    }
}
