//! When a service instance that panicked alone is made anew: the policy, and the count of one instance. Pure: it makes nothing and
//! waits for nothing, time is passed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often an instance that a factory makes is made anew after it has panicked in a `&mut self` method (or in a hook).
///
/// Calls that waited stay in line and run on the new instance; their proxies notice nothing, since they name the service and not its
/// instance. When the budget is used up the instance is gone, and what waits ends as `Gone`, which never ran.
///
/// ```
/// use duologue_runtime::Restart;
/// use std::time::Duration;
///
/// let mut restart = Restart::default();
/// restart.max = 3;
/// restart.within = Duration::from_secs(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// Restarts within [`Restart::within`]; one more panic ends the service. 0: it is never made anew. Default: 5.
    pub max: u32,
    /// The time in which restarts are counted. A longer one gives up sooner on a service that fails now and then. Default: 60 s.
    pub within: Duration,
    /// How long the second restart within that time waits; each further one waits twice as long, the first one not at all.
    /// Calls queue meanwhile. Default: 100 ms.
    pub delay: Duration,
    /// The longest wait. Default: 10 s.
    pub delay_max: Duration,
}

impl Default for Restart {
    fn default() -> Restart {
        Restart {
            max: 5,
            within: Duration::from_secs(60),
            delay: Duration::from_millis(100),
            delay_max: Duration::from_secs(10),
        }
    }
}

impl Restart {
    /// A panic in a `&mut self` method ends the service instance.
    pub fn never() -> Restart {
        Restart { max: 0, ..Restart::default() }
    }
}

/// The restarts of one instance.
#[derive(Debug)]
pub(crate) struct Restarts {
    policy: Restart,
    /// When it was made anew, as long as that counts.
    times: VecDeque<Instant>,
}

/// What is to be done after a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make it anew after this time.
    After(Duration),
    /// The budget is used up.
    GiveUp,
}

impl Restarts {
    pub(crate) fn new(policy: Restart) -> Restarts {
        Restarts { policy, times: VecDeque::new() }
    }

    /// The instance has panicked, or could not be made anew.
    pub(crate) fn panicked(&mut self, now: Instant) -> Verdict {
        let Restart { max, within, delay, delay_max } = self.policy;
        while self.times.front().is_some_and(|&then| now.saturating_duration_since(then) >= within) {
            self.times.pop_front();
        }
        if self.times.len() >= max as usize {
            return Verdict::GiveUp;
        }
        let wait = match self.times.len() as u32 {
            0 => Duration::ZERO,
            before => delay.saturating_mul(1 << (before - 1).min(30)).min(delay_max),
        };
        // It counts from the moment when it is to happen, or a long wait would take it out of the count.
        self.times.push_back(now.checked_add(wait).unwrap_or(now));
        Verdict::After(wait)
    }

    /// What is said when the budget is used up.
    pub(crate) fn spent(&self) -> String {
        match self.policy.max {
            0 => String::new(),
            max => format!(" (restarted {max} times within {:?}, which is its limit)", self.policy.within),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64) -> Verdict {
        Verdict::After(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_restart_is_at_once_and_each_further_one_waits_twice_as_long() {
        let now = Instant::now();
        let mut restarts = Restarts::new(Restart::default());
        let verdicts: Vec<Verdict> = (0..6).map(|_| restarts.panicked(now)).collect();
        assert_eq!(
            verdicts,
            [after(0), after(100), after(200), after(400), after(800), Verdict::GiveUp],
            "the sixth is beyond the budget"
        );
    }

    #[test]
    fn what_is_long_ago_counts_no_more() {
        let start = Instant::now();
        let mut restarts = Restarts::new(Restart { max: 2, ..Restart::default() });
        assert_eq!(restarts.panicked(start), after(0));
        let later = start + Duration::from_secs(59);
        assert_eq!(restarts.panicked(later), after(100));
        assert_eq!(restarts.panicked(later), Verdict::GiveUp);
        let much_later = start + Duration::from_secs(60);
        assert_eq!(restarts.panicked(much_later), after(100), "the first one is forgotten by now");
        assert_eq!(restarts.panicked(much_later), Verdict::GiveUp);
    }

    #[test]
    fn the_wait_has_a_limit_and_never_overflows() {
        let policy = Restart { max: 100, delay_max: Duration::from_secs(3), ..Restart::default() };
        let mut restarts = Restarts::new(policy);
        let now = Instant::now();
        let longest = (0..100).map(|_| restarts.panicked(now)).last();
        assert_eq!(longest, Some(after(3_000)));
    }

    #[test]
    fn never_means_never() {
        assert_eq!(Restarts::new(Restart::never()).panicked(Instant::now()), Verdict::GiveUp);
    }
}
