//! What a thread of a load sees: how long its calls took, what failed, how many bytes came. No thread shares it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duologue::Bytes;
use hdrhistogram::Histogram;

use super::control::{Control, Event, Meter, Phase};
use super::fault::Fault;
use crate::latency::{histogram, merged};
use crate::load::Load;
use crate::work::Work;

/// Different texts of failures that are kept apart.
const TEXTS_MAX: usize = 16;

/// What was seen of one kind of work.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Closed loop: from the begin of a call to its good end. Open loop: from when it was due to its end, be it good or bad.
    pub(super) latency: Histogram<u64>,
    /// Open loop: from when it was begun.
    pub(super) service: Option<Histogram<u64>>,
    /// Calls that ended well while it was measured.
    pub(super) calls: u64,
    pub(super) bytes: u64,
    /// Calls of the measured time that had not ended when the grace was over. Their ages are in the latencies.
    pub(super) unanswered: u64,
    /// Closed loop: that ended so while it was measured. Open loop: that were due then.
    pub(super) failed: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new(open: bool) -> Tally {
        Tally {
            latency: histogram(),
            service: open.then(histogram),
            calls: 0,
            bytes: 0,
            unanswered: 0,
            failed: BTreeMap::new(),
        }
    }

    /// What several threads have seen.
    pub(super) fn merged<'a>(parts: impl IntoIterator<Item = &'a Tally> + Clone) -> Tally {
        let each = || parts.clone().into_iter();
        let mut all = Tally::new(false);
        all.latency = merged(each().map(|t| &t.latency));
        let services: Vec<_> = each().filter_map(|t| t.service.as_ref()).collect();
        all.service = (!services.is_empty()).then(|| merged(services));
        for part in each() {
            all.calls += part.calls;
            all.bytes += part.bytes;
            all.unanswered += part.unanswered;
            for (text, count) in &part.failed {
                *all.failed.entry(text.clone()).or_default() += count;
            }
        }
        all
    }
}

/// What a thread has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Of each part of the load.
    pub(super) tallies: Vec<Tally>,
    /// Open loop: the most calls that waited at a time for room to begin, while it was measured.
    pub(super) held_back: u64,
}

/// How long a call took.
#[derive(Clone, Copy, Debug)]
pub(super) enum Took {
    /// Closed loop: counted if it ends well while it is measured.
    Closed(Duration),
    /// Open loop: counted if it was due while it is measured, whatever became of it.
    Open {
        /// From when it was due.
        due: Duration,
        /// From when it was begun.
        begun: Duration,
        /// Whether it was due in the measured time.
        counts: bool,
    },
}

/// Where the calls of a thread are recorded.
#[derive(Debug)]
pub(super) struct Recorder {
    control: Arc<Control>,
    thread: u32,
    payloads: Vec<Bytes>,
    tallies: RefCell<Vec<Tally>>,
    held_back: Cell<u64>,
}

impl Recorder {
    pub(super) fn new(control: Arc<Control>, thread: u32, load: &Load, open: bool) -> Recorder {
        let payload = |work: &Work| match work {
            Work::Echo { size } => Bytes::from(vec![0x5a; *size as usize]),
            _ => Bytes::new(),
        };
        Recorder {
            control,
            thread,
            payloads: load.works().iter().map(|(work, _)| payload(work)).collect(),
            tallies: RefCell::new(load.works().iter().map(|_| Tally::new(open)).collect()),
            held_back: Cell::new(0),
        }
    }

    /// What a call of this part of the load carries.
    pub(super) fn payload(&self, part: usize) -> Bytes {
        self.payloads[part].clone()
    }

    /// Bytes have come or gone.
    pub(super) fn moved(&self, part: usize, bytes: u64) {
        if self.control.phase() == Phase::Measured {
            self.tallies.borrow_mut()[part].bytes += bytes;
        }
    }

    /// A call has ended; whether there is to be another one.
    pub(super) fn ended<T>(&self, part: usize, outcome: &Result<T, Fault>, took: Took) -> bool {
        let meter = self.control.meter(self.thread);
        let phase = self.control.phase();
        let measured = phase == Phase::Measured;
        if measured {
            Meter::count(&meter.measured);
        }
        let counts = match took {
            Took::Closed(_) => measured,
            Took::Open { counts, .. } => counts,
        };
        match outcome {
            Ok(_) => Meter::count(&meter.calls),
            Err(Fault::Failed(why)) => {
                Meter::count(&meter.failed);
                if counts {
                    self.failed(part, why);
                }
            }
            // The load is over: this changes nothing any more.
            Err(_) if phase == Phase::Over => return false,
            Err(Fault::Lost(why)) => return self.broken(format!("the connection was lost: {why}")),
            Err(Fault::Wrong(why)) => return self.broken(format!("a wrong answer: {why}")),
        }
        let tally = &mut self.tallies.borrow_mut()[part];
        tally.calls += u64::from(measured && outcome.is_ok());
        match took {
            Took::Closed(time) if counts && outcome.is_ok() => record(&mut tally.latency, time),
            Took::Open { due, begun, counts: true } => {
                record(&mut tally.latency, due);
                tally.service.iter_mut().for_each(|service| record(service, begun));
            }
            Took::Closed(_) | Took::Open { .. } => {}
        }
        phase != Phase::Over
    }

    /// So many calls are due and wait for room to begin.
    pub(super) fn held_back(&self, calls: u64) {
        self.held_back.set(self.held_back.get().max(calls));
    }

    /// Calls that were due in the measured time and have no answer: they took at least so long.
    pub(super) fn unanswered(&self, part: usize, age: Duration) {
        let tally = &mut self.tallies.borrow_mut()[part];
        tally.unanswered += 1;
        record(&mut tally.latency, age);
    }

    fn failed(&self, part: usize, why: &str) {
        let failed = &mut self.tallies.borrow_mut()[part].failed;
        let text = if failed.len() < TEXTS_MAX || failed.contains_key(why) { why } else { "others" };
        *failed.entry(text.to_owned()).or_default() += 1;
    }

    fn broken(&self, why: String) -> bool {
        self.control.tell(Event::Broken(why));
        false
    }

    /// What was seen.
    pub(super) fn take(&self) -> Seen {
        Seen { tallies: std::mem::take(&mut *self.tallies.borrow_mut()), held_back: self.held_back.get() }
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record((time.as_nanos() as u64).max(1));
}

#[cfg(test)]
mod tests {
    use super::super::control::Over;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn recorder(open: bool) -> (Arc<Control>, Recorder) {
        let (control, _) = Control::new(1);
        (control.clone(), Recorder::new(control, 0, &Load::one(Work::Add), open))
    }

    #[test]
    fn a_closed_loop_counts_what_ends_while_it_is_measured() {
        let (control, recorder) = recorder(false);
        let good: Result<(), Fault> = Ok(());
        control.begin(std::time::Instant::now());
        assert!(recorder.ended(0, &good, Took::Closed(MS)), "warm-up goes on");
        control.measure();
        assert!(recorder.ended(0, &good, Took::Closed(MS)));
        assert!(recorder.ended(0, &Err::<(), _>(Fault::Failed("no".into())), Took::Closed(MS)));
        control.end(Over { at: std::time::Instant::now(), cut: false });
        assert!(!recorder.ended(0, &good, Took::Closed(MS)), "nothing new begins");
        let tally = &recorder.take().tallies[0];
        assert_eq!((tally.calls, tally.latency.len()), (1, 1));
        assert_eq!(tally.failed, BTreeMap::from([("no".to_owned(), 1)]));
    }

    #[test]
    fn an_open_loop_counts_the_latency_of_what_was_due_while_it_is_measured() {
        let (control, recorder) = recorder(true);
        let good: Result<(), Fault> = Ok(());
        let took = |counts| Took::Open { due: 5 * MS, begun: MS, counts };
        control.begin(std::time::Instant::now());
        recorder.ended(0, &good, took(false));
        control.measure();
        recorder.ended(0, &good, took(false));
        recorder.ended(0, &good, took(true));
        control.end(Over { at: std::time::Instant::now(), cut: false });
        recorder.ended(0, &good, took(true));
        recorder.unanswered(0, 100 * MS);
        let tally = &recorder.take().tallies[0];
        assert_eq!(tally.calls, 2, "those that ended in the measured time");
        assert_eq!((tally.latency.len(), tally.unanswered), (3, 1), "those that were due in it");
        assert_eq!(tally.service.as_ref().unwrap().len(), 2, "those of them that have an answer");
        assert!(tally.latency.max() >= 100_000_000);
    }

    #[test]
    fn an_open_loop_counts_a_failure_by_when_it_was_due_with_how_long_it_took() {
        let (control, recorder) = recorder(true);
        let bad = || Err::<(), _>(Fault::Failed("no".into()));
        let took = |counts| Took::Open { due: 5 * MS, begun: MS, counts };
        control.begin(std::time::Instant::now());
        control.measure();
        recorder.ended(0, &bad(), took(false));
        recorder.ended(0, &bad(), took(true));
        control.end(Over { at: std::time::Instant::now(), cut: false });
        recorder.ended(0, &bad(), took(true));
        recorder.ended(0, &bad(), took(false));
        recorder.ended(0, &Err::<(), _>(Fault::Lost("gone".into())), took(true));
        let tally = &recorder.take().tallies[0];
        assert_eq!(tally.failed, BTreeMap::from([("no".to_owned(), 2)]));
        assert_eq!((tally.calls, tally.latency.len(), tally.service.as_ref().unwrap().len()), (0, 2, 2));
    }

    #[test]
    fn the_longest_line_at_the_door_is_remembered() {
        let (_, recorder) = recorder(true);
        [0, 7, 3].into_iter().for_each(|calls| recorder.held_back(calls));
        assert_eq!(recorder.take().held_back, 7);
    }

    #[test]
    fn merging_adds_up_what_threads_saw() {
        let mut one = Tally::new(true);
        (one.calls, one.bytes, one.unanswered) = (3, 100, 1);
        one.failed = BTreeMap::from([("late".to_owned(), 2)]);
        one.latency.record(10).unwrap();
        let mut two = Tally::new(true);
        (two.calls, two.bytes) = (4, 1);
        two.failed = BTreeMap::from([("late".to_owned(), 1), ("full".to_owned(), 5)]);
        two.latency.record_n(20, 2).unwrap();
        let all = Tally::merged([&one, &two]);
        assert_eq!((all.calls, all.bytes, all.unanswered, all.latency.len()), (7, 101, 1, 3));
        assert_eq!(all.failed, BTreeMap::from([("late".to_owned(), 3), ("full".to_owned(), 5)]));
        assert!(all.service.is_some_and(|service| service.is_empty()));
        assert!(Tally::merged([&Tally::new(false)]).service.is_none());
    }

    #[test]
    fn texts_of_failures_do_not_pile_up() {
        let (control, recorder) = recorder(false);
        control.measure();
        for n in 0..100 {
            recorder.ended(0, &Err::<(), _>(Fault::Failed(format!("failure {n}"))), Took::Closed(MS));
        }
        let failed = &recorder.take().tallies[0].failed;
        assert_eq!((failed.len(), failed["others"]), (TEXTS_MAX + 1, 84));
    }
}
