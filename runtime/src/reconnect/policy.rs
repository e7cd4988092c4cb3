//! When to dial again: the policy, and the waits it gives. Pure: no clock, and the dice are thrown by the caller.

use std::time::Duration;

/// How a lost connection is made again.
///
/// ```
/// let mut policy = duologue_runtime::Reconnect::default();
/// policy.attempts_max = Some(20);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The longest wait before the first attempt; each further one may wait twice as long. Default: 100 ms.
    pub delay: Duration,
    /// The longest wait of all. Default: 30 s.
    pub delay_max: Duration,
    /// Which part of each wait is left to chance, 0 to 1, so that the clients of a server that was restarted do not all come at once.
    /// Default: 1, any time up to the whole wait.
    pub jitter: f64,
    /// Attempts in a row after which it gives up; `None`: never. Default: `None`.
    pub attempts_max: Option<u32>,
}

impl Default for Reconnect {
    fn default() -> Reconnect {
        Reconnect {
            delay: Duration::from_millis(100),
            delay_max: Duration::from_secs(30),
            jitter: 1.0,
            attempts_max: None,
        }
    }
}

impl Reconnect {
    /// The wait before an attempt, counted from 1; `dice` is between 0 and 1.
    pub(crate) fn wait(&self, attempt: u32, dice: f64) -> Duration {
        let whole = self.delay.saturating_mul(1 << attempt.saturating_sub(1).min(30)).min(self.delay_max);
        whole.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * dice.clamp(0.0, 1.0))
    }

    /// Whether this attempt is one too many.
    pub(crate) fn gives_up(&self, attempt: u32) -> bool {
        self.attempts_max.is_some_and(|max| attempt > max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_as_long_up_to_the_limit() {
        let policy = Reconnect { jitter: 0.0, ..Reconnect::default() };
        let waits = [1, 2, 3, 9, 10, u32::MAX].map(|attempt| policy.wait(attempt, 0.7).as_millis());
        assert_eq!(waits, [100, 200, 400, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn chance_takes_its_part_and_no_more() {
        let policy = Reconnect { jitter: 0.25, ..Reconnect::default() };
        let waits = [0.0, 0.5, 1.0, 7.0].map(|dice| policy.wait(2, dice).as_millis());
        assert_eq!(waits, [200, 175, 150, 150]);
        assert_eq!(Reconnect::default().wait(5, 1.0), Duration::ZERO);
    }

    #[test]
    fn it_gives_up_after_its_attempts_or_never() {
        let policy = Reconnect { attempts_max: Some(2), ..Reconnect::default() };
        assert_eq!([1, 2, 3].map(|attempt| policy.gives_up(attempt)), [false, false, true]);
        assert!(!Reconnect::default().gives_up(u32::MAX));
    }
}
