//! When the calls of an open loop are due: at a constant rate, whatever became of those before. No clock here.

use std::time::Duration;

/// The arrivals of one of several threads that share a rate: thread `k` of `n` has those numbered `k`, `k + n`, `k + 2n`, ..
///
/// ```
/// use std::time::Duration;
/// use duologue_benches::Schedule;
///
/// // 1,000 a second, shared by two threads: the second one has the odd numbers.
/// let second = Schedule::new(1_000.0, 2, 1);
/// assert_eq!(second.at(0), Duration::from_millis(1));
/// assert_eq!(second.at(1), Duration::from_millis(3));
/// assert_eq!(second.due(Duration::from_millis(4)), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    per_s: f64,
    threads: u32,
    thread: u32,
}

impl Schedule {
    /// The part of `thread` (from 0) of `threads` in `per_s` arrivals a second.
    pub fn new(per_s: f64, threads: u32, thread: u32) -> Schedule {
        Schedule { per_s, threads, thread }
    }

    /// Arrivals a second, of this thread.
    pub(crate) fn per_s(&self) -> f64 {
        self.per_s / f64::from(self.threads)
    }

    /// When its `n`th arrival (from 0) is due, from the begin.
    pub fn at(&self, n: u64) -> Duration {
        let number = n as f64 * f64::from(self.threads) + f64::from(self.thread);
        Duration::from_nanos((number * 1e9 / self.per_s) as u64)
    }

    /// How many of its arrivals are due before so much time has passed.
    pub(crate) fn before(&self, passed: Duration) -> u64 {
        passed.checked_sub(Duration::from_nanos(1)).map_or(0, |passed| self.due(passed))
    }

    /// How many of its arrivals are due when so much time has passed.
    pub fn due(&self, passed: Duration) -> u64 {
        let all = passed.as_nanos() as f64 * self.per_s / 1e9;
        let own = (all - f64::from(self.thread)) / f64::from(self.threads);
        // Right but for rounding; `at` is what counts.
        let mut due = own.max(0.0) as u64;
        while due > 0 && self.at(due - 1) > passed {
            due -= 1;
        }
        while self.at(due) <= passed {
            due += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_due_from_its_time_on_and_not_before() {
        for per_s in [0.1, 1.0, 3.0, 999.0, 12_345.6, 4e6] {
            for (threads, thread) in [(1, 0), (2, 0), (2, 1), (7, 6)] {
                let schedule = Schedule::new(per_s, threads, thread);
                for n in (0..2_000).chain([1 << 20, 1 << 30]) {
                    let at = schedule.at(n);
                    // A load lasts two days at most.
                    if at > Duration::from_secs(2 * 86_400) {
                        continue;
                    }
                    assert_eq!(schedule.due(at), n + 1, "{schedule:?} {n}");
                    assert_eq!(schedule.before(at), n, "{schedule:?} {n}");
                    assert_eq!(schedule.before(at + Duration::from_nanos(1)), n + 1, "{schedule:?} {n}");
                    if let Some(before) = at.checked_sub(Duration::from_nanos(1)) {
                        assert_eq!(schedule.due(before), n, "{schedule:?} {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_threads_together_keep_the_rate() {
        let due: u64 =
            (0..3).map(|thread| Schedule::new(1_000.0, 3, thread).due(Duration::from_secs(10))).sum();
        assert_eq!(due, 10_001, "those at 0 s and at 10 s included");
    }

    #[test]
    fn being_late_changes_no_later_time() {
        let schedule = Schedule::new(100.0, 1, 0);
        // Half a second in which nobody looked: all of its calls are due at once, each at its own time.
        assert_eq!(schedule.due(Duration::from_millis(500)) - schedule.due(Duration::ZERO), 50);
        assert_eq!(schedule.at(50), Duration::from_millis(500));
    }
}
