//! Which calls a restricted proxy lets through: a plain rule, with the time passed in.
//!
//! What is not granted does not exist: a method that is not on the list is no method of the object. What is used up or over is
//! gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::descriptor::Descriptor;

/// What a restricted proxy may still do: which methods, until when, how often. Each part narrows it further.
///
/// ```
/// use std::time::Duration;
/// use duologue_runtime::Restriction;
///
/// // A list alone is one too: `account.restrict(["balance"])`.
/// let look = Restriction::methods(["balance"]).expires_in(Duration::from_secs(60)).calls(10);
/// let once = Restriction::all().calls(1);
/// # let _ = (look, once);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it restricts nothing by itself: give it to `restrict`"]
pub struct Restriction {
    methods: Option<Vec<String>>,
    expires: Option<Instant>,
    calls: Option<u64>,
}

impl Restriction {
    /// Every method.
    pub fn all() -> Restriction {
        Restriction { methods: None, expires: None, calls: None }
    }

    /// These methods, by their names in the trait (a callback's is `call`); the others do not exist for the holder: `NoSuchMethod`.
    pub fn methods<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Restriction {
        let methods = Some(names.into_iter().map(Into::into).collect());
        Restriction { methods, ..Restriction::all() }
    }

    /// Until then; afterwards the proxy is gone for all who hold it. A call that has begun runs to its end.
    pub fn expires_at(mut self, at: Instant) -> Restriction {
        self.expires = Some(self.expires.map_or(at, |former| former.min(at)));
        self
    }

    /// For so long from now on.
    pub fn expires_in(self, time: Duration) -> Restriction {
        // Ten years is for ever here; adding `Duration::MAX` would panic.
        self.expires_at(Instant::now() + time.min(Duration::from_secs(86_400 * 3_650)))
    }

    /// So many calls and notices, whether or not they succeed; with the last one the proxy is gone for all who hold it. What was
    /// refused does not count.
    pub fn calls(mut self, calls: u64) -> Restriction {
        self.calls = Some(self.calls.map_or(calls, |former| former.min(calls)));
        self
    }

    /// `Err` with the first name that is none of the interface's.
    pub(crate) fn gate(self, descriptor: &Descriptor) -> Result<Gate, String> {
        let methods = match self.methods {
            None => None,
            Some(names) => {
                let mut granted = vec![false; descriptor.methods.len()];
                for name in names {
                    let number = descriptor.number_of(&name).ok_or(name)?;
                    granted[usize::from(number)] = true;
                }
                Some(granted.into_boxed_slice())
            }
        };
        Ok(Gate { methods, expires: self.expires, left: self.calls.map(AtomicU64::new) })
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Restriction {
    fn from(methods: [S; N]) -> Restriction {
        Restriction::methods(methods)
    }
}

impl<S: Into<String>> From<Vec<S>> for Restriction {
    fn from(methods: Vec<S>) -> Restriction {
        Restriction::methods(methods)
    }
}

impl From<&[&str]> for Restriction {
    fn from(methods: &[&str]) -> Restriction {
        Restriction::methods(methods.iter().copied())
    }
}

/// A restriction in force.
#[derive(Debug)]
pub(crate) struct Gate {
    methods: Option<Box<[bool]>>,
    expires: Option<Instant>,
    left: Option<AtomicU64>,
}

/// What becomes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Yes,
    /// Yes, and none after it: why.
    Last(&'static str),
    NotGranted,
    /// No, and none after it either: why.
    Over(&'static str),
}

pub(crate) const TIME_IS_OVER: &str = "its time is over";
const USED_UP: &str = "its calls are used up";

impl Gate {
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// A call of a method arrives.
    pub(crate) fn pass(&self, method: u16, now: Instant) -> Passed {
        if self.expires.is_some_and(|at| at <= now) {
            return Passed::Over(TIME_IS_OVER);
        }
        let granted = |methods: &[bool]| methods.get(usize::from(method)).copied().unwrap_or(false);
        if !self.methods.as_deref().is_none_or(granted) {
            return Passed::NotGranted;
        }
        let Some(left) = &self.left else { return Passed::Yes };
        match left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)) {
            Ok(1) => Passed::Last(USED_UP),
            Ok(_) => Passed::Yes,
            Err(_) => Passed::Over(USED_UP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lobby::DESCRIPTOR;

    fn gate(restriction: Restriction) -> Gate {
        restriction.gate(&DESCRIPTOR).unwrap()
    }

    #[test]
    fn only_the_methods_on_the_list_exist() {
        let now = Instant::now();
        let ping = gate(["ping"].into());
        let of_each = |gate: &Gate| [0, 1, 2, u16::MAX].map(|method| gate.pass(method, now));
        use Passed::{NotGranted, Yes};
        assert_eq!(of_each(&ping), [NotGranted, Yes, NotGranted, NotGranted]);
        assert_eq!(
            of_each(&gate(Vec::<String>::new().into())),
            [NotGranted, NotGranted, NotGranted, NotGranted]
        );
        assert_eq!(of_each(&gate(Restriction::all())), [Yes, Yes, Yes, Yes]);
    }

    #[test]
    fn a_name_of_no_method_is_told() {
        assert_eq!(Restriction::methods(["ping", "pong"]).gate(&DESCRIPTOR).unwrap_err(), "pong");
    }

    #[test]
    fn calls_are_counted_and_refused_ones_are_not() {
        let now = Instant::now();
        let twice = gate(Restriction::methods(["ping"]).calls(2));
        assert_eq!(twice.pass(0, now), Passed::NotGranted);
        assert_eq!(twice.pass(1, now), Passed::Yes);
        assert_eq!(twice.pass(1, now), Passed::Last(USED_UP));
        assert_eq!(twice.pass(1, now), Passed::Over(USED_UP));
        assert_eq!(gate(Restriction::all().calls(0)).pass(1, now), Passed::Over(USED_UP));
    }

    #[test]
    fn at_its_end_the_time_is_over() {
        let now = Instant::now();
        let second = gate(Restriction::all().expires_at(now + Duration::from_secs(1)));
        assert_eq!(second.pass(0, now + Duration::from_millis(999)), Passed::Yes);
        assert_eq!(second.pass(0, now + Duration::from_secs(1)), Passed::Over(TIME_IS_OVER));
        assert_eq!(gate(Restriction::all().expires_at(now)).pass(0, now), Passed::Over(TIME_IS_OVER));
    }

    #[test]
    fn what_is_said_twice_narrows() {
        let now = Instant::now();
        let later = now + Duration::from_secs(9);
        let narrow = gate(Restriction::all().calls(1).calls(5).expires_at(now).expires_at(later));
        assert_eq!((narrow.expires(), narrow.left.map(AtomicU64::into_inner)), (Some(now), Some(1)));
        assert!(gate(Restriction::all().expires_in(Duration::MAX)).expires().is_some_and(|at| at > later));
    }
}
